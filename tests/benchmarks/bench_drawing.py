"""Times the picture of a photo of 1024 x 1024 px with ten garments, each 250 to 600 px long.

    python tests/benchmarks/bench_drawing.py

Prints milliseconds a picture, the best of many runs: with masks, without, without labels too.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from mrcnn import drawing, masks

SIDE, GARMENTS, RUNS = 1024, 10, 50
NAMES = ["BG"] + [f"garment {i}" for i in range(GARMENTS)]


def main():
    photo, boxes, class_ids, scores, bitmaps = scene(np.random.default_rng(0))
    for title, arguments in (
        ("masks, boxes, labels", (scores, bitmaps, NAMES)),
        ("boxes, labels", (scores, None, NAMES)),
        ("boxes", ()),
    ):
        times = []
        for _ in range(RUNS):
            begin = time.perf_counter()
            drawing.draw_detections(photo, boxes, class_ids, *arguments)
            times.append(1000 * (time.perf_counter() - begin))
        print(f"{title:22} {min(times):6.1f} ms")


def scene(rng):
    """A noisy photo and garments of wavy outline at random places."""
    photo = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    sizes = rng.uniform(250, 600, (GARMENTS, 2))
    corners = rng.uniform(0, SIDE - sizes)
    boxes = np.concatenate([corners, corners + sizes], axis=1)
    angles = np.linspace(0, 2 * np.pi, 28 * 28, endpoint=False)
    bitmaps = np.zeros((SIDE, SIDE, GARMENTS), bool)
    for i, (box, waves) in enumerate(zip(boxes, rng.integers(3, 9, GARMENTS), strict=True)):
        radius = 0.4 + 0.1 * np.sin(waves * angles)
        outline = 28 * (0.5 + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1))
        small = masks.rasterise([outline], (0, 0, 28, 28), (28, 28))
        bitmaps[:, :, i] = masks.paste(small, box, (SIDE, SIDE))
    return photo, boxes, np.arange(1, GARMENTS + 1), rng.uniform(0.7, 1, GARMENTS), bitmaps


if __name__ == "__main__":
    main()
