"""How every notebook begins: its data, its network, and pictures in the page.

A notebook takes its data set and its weights by one line each; the words are those of the command
line. With `FASHION_FAST=1` in the environment it looks at less of everything, as the tests do;
with `FASHION_WEIGHTS=FILE` all notebooks take these weights instead of `sample`.
"""

import argparse
import functools
import io
import os

import numpy as np
from PIL import Image

from fashion.commands import common, data_sets, models

common.load_backend()  # quietly, before a notebook's next line imports it

FAST = os.environ.get("FASHION_FAST", "") not in ("", "0")
JPEG_QUALITY = 90


def few(number, fast):
    """How much of something a notebook looks at: `number`, or `fast` where it is to be quick."""
    return fast if FAST else number


@functools.lru_cache(maxsize=1)
def data_set(path=None):
    """The data set of a notebook, found once.

    Args:
        path: DeepFashion2's folder, or one of photos of one's own; None looks in the usual places
            and takes the built-in sample, which it draws if need be (a minute).

    Returns:
        `fashion.commands.data_sets.Data`.
    """
    return data_sets.resolve(path)


def load(path, subset, limit=None):
    """One subset of a data set, prepared.

    Args:
        path: as for `data_set`.
        subset: "train" or "validation".
        limit: so many images at most, spread evenly; those that share a garment stay together.
    """
    return data_sets.load(data_set(path), subset, limit=limit, whole_pairs=True)


def network(weights, mode="inference", config=None, data=None, logs=models.LOGS, heads=(),
            **knobs):
    """The network that some weights belong to, with these weights.

    Args:
        weights: as the command line takes them: "sample", "last", "coco", the path of a file.
        mode: "inference" or "training".
        config: name of a configuration; None takes that of the weights.
        data: of `data_set`, whose classes the network is to have; None leaves it its own.
        logs: folder of trainings.
        heads: those that the notebook looks at.
        **knobs: of the configuration, such as DETECTION_MIN_CONFIDENCE=0.5.

    Returns:
        `mrcnn.model.MaskRCNN`, with a match head a `fashion.model.MatchRCNN`.

    Raises:
        ValueError: the network has not all of these heads.
    """
    if weights == "sample":
        weights = os.environ.get("FASHION_WEIGHTS") or weights
    model = models.resolve(argparse.Namespace(
        weights=str(weights), config=config, logs=logs,
        set=[f"{name}={value}" for name, value in knobs.items()]))
    missing = [head for head in heads if head not in model.config.HEADS]
    if missing:
        raise ValueError(f"This notebook looks at the heads {', '.join(heads)}; the network of "
                         f"{weights} has no {' and no '.join(missing)} head. Take WEIGHTS of "
                         "another, such as one that was trained with --config=match_rcnn or tiny.")
    if data is not None:
        model = models.Model(data.fit(model.config), model.weights)
    return models.build(mode, model, logs)


def show(picture, width=None):
    """A picture in the page, at its own size.

    Args:
        picture: [H, W, 3] uint8 RGB.
        width: px; scaled to be at most so wide.
    """
    from IPython.display import Image as PageImage

    image = Image.fromarray(np.asarray(picture, np.uint8))
    if width is not None and image.width > width:
        image = image.resize((width, round(image.height * width / image.width)), Image.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return PageImage(data=file.getvalue(), format="jpeg")
