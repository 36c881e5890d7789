"""What notebook 07 needs for a training of one's own: a data set that stands in, and its losses."""

import json
from pathlib import Path

import numpy as np

from fashion.datasets.sample.album import write_album

_SEED = 1
_VALIDATION = 0.2
_SMOOTH = 10  # steps


def outfits(folder, images):
    """Photos of outfits with outlines of tops, boots and bags, as VIA saves them.

    They stand in for photos of one's own.

    Args:
        folder: to make: train and val; left alone if it holds them already.
        images: how many photos.

    Returns:
        The folder.
    """
    write_album(folder, "via2", images, _SEED, _VALIDATION, None)
    return Path(folder)


def losses(run_folder):
    """Every step's losses of a training.

    Args:
        run_folder: of the run, `MaskRCNN.log_dir`.

    Returns:
        A dict name -> [steps].
    """
    lines = (Path(run_folder) / "losses.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    names = [name for name in rows[-1] if name.endswith("loss")]
    return {name: np.array([row[name] for row in rows]) for name in names}


def plot_losses(curves):
    """Draws losses by step, smoothed over a few, each with a line of its own."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 3.5), layout="constrained")
    width = max(1, min(_SMOOTH, len(next(iter(curves.values()))) // 2))
    for name, values in curves.items():
        axes.plot(np.convolve(values, np.ones(width) / width, "valid"), label=name,
                  linewidth=3 if name == "loss" else 1.5)
    axes.set_xlabel("step")
    axes.legend(loc="upper right", fontsize=8)
    return figure
