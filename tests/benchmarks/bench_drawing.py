"""Times the picture of a photo of 1024 x 1024 px with ten garments, each 250 to 600 px long.

    python tests/benchmarks/bench_drawing.py

Prints milliseconds a picture, the best of many runs and their median: as `detect` draws what was
found, with less, from bitmaps, and by Matplotlib.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import matplotlib.pyplot as plt
import numpy as np

from mrcnn import drawing, figures, masks, skeletons

SIDE, GARMENTS, LANDMARKS, RUNS = 1024, 10, 25, 50
NAMES = ["BG"] + [f"garment {i}" for i in range(GARMENTS)]
ANGLES = np.linspace(0, 2 * np.pi, 28 * 28, endpoint=False)


def main():
    photo, boxes, class_ids, scores, probs, keypoints = scene(np.random.default_rng(0))
    bitmaps = masks.expand(probs, boxes, photo.shape[:2])
    colors = [drawing.class_color(class_id) for class_id in class_ids]
    marks = np.full((GARMENTS, LANDMARKS), 2)
    edges = [[(i, (i + 1) % LANDMARKS) for i in range(LANDMARKS)]] * GARMENTS

    def landmarks(picture):
        return skeletons.draw_keypoints(picture, keypoints, marks, edges, colors)

    def draw(scores=scores, names=NAMES, **more):
        drawing.draw_detections(photo, boxes, class_ids, scores, class_names=names, **more)

    measure("masks, landmarks, boxes, labels",
            lambda: draw(mask_probs=probs, under_labels=landmarks))
    measure("masks, boxes, labels", lambda: draw(mask_probs=probs))
    measure("the same, from bitmaps", lambda: draw(masks=bitmaps))
    measure("boxes, labels", draw)
    measure("boxes", lambda: draw(None, None))
    measure("by Matplotlib, from bitmaps", lambda: by_matplotlib(
        photo, boxes, bitmaps, class_ids, NAMES, scores), runs=3)


def measure(title, draw, runs=RUNS):
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        draw()
        times.append(1000 * (time.perf_counter() - begin))
    print(f"{title:32} {min(times):7.1f} ms, median {np.median(times):7.1f} ms")


def by_matplotlib(*instances):
    """As a notebook shows it, on a figure as large as the photo."""
    plt.switch_backend("Agg")
    figure = plt.figure(figsize=(SIDE / 100, SIDE / 100), dpi=100)
    figures.display_instances(*instances, ax=figure.add_axes((0, 0, 1, 1)))
    figure.canvas.draw()
    plt.close(figure)


def scene(rng):
    """A noisy photo and garments of wavy outline, with landmarks on it, at random places."""
    photo = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    sizes = rng.uniform(250, 600, (GARMENTS, 2))
    corners = rng.uniform(0, SIDE - sizes)
    boxes = np.concatenate([corners, corners + sizes], axis=1)
    outlines = [wavy(waves) for waves in rng.integers(3, 9, GARMENTS)]
    probs = np.stack([masks.rasterise([28 * outline], (0, 0, 28, 28), (28, 28))
                      for outline in outlines])
    places = np.linspace(0, len(ANGLES), LANDMARKS, endpoint=False).astype(int)
    keypoints = np.stack([outline[places] * size[::-1] + corner[::-1]
                          for outline, size, corner in zip(outlines, sizes, corners, strict=True)])
    return (photo, boxes, np.arange(1, GARMENTS + 1), rng.uniform(0.7, 1, GARMENTS), probs,
            keypoints)


def wavy(waves):
    """A closed outline [V, (x, y)] within a square of side 1."""
    radius = 0.4 + 0.1 * np.sin(waves * ANGLES)
    return 0.5 + radius[:, None] * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


if __name__ == "__main__":
    main()
