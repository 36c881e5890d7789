"""Images a second of the data road, beside the same work done as Matterport's code does it.

    python tests/benchmarks/bench_loader.py [--images 64] [--side 1024] [--garments 4]

The other road, written here after its manner: every object a full-size bitmap drawn by
scikit-image, the photo enlarged by scikit-image, the bitmaps by scipy.ndimage.zoom, boxes found
in the bitmaps, each mini-mask resized by scikit-image; one process. Photos and outlines are made
in a temporary folder; both roads read the same JPEG files.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy.ndimage
import skimage.draw
import skimage.io
import skimage.transform
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mrcnn.config import Config  # noqa: E402
from mrcnn.data.augment import Jitter  # noqa: E402
from mrcnn.data.dataset import Dataset  # noqa: E402
from mrcnn.data.loader import Loader  # noqa: E402

REPEATS = 3  # the best of them counts: other programs can only slow a run down
PHOTO = (1000, 750)  # height, width px: a common size in DeepFashion2
MINI_MASK = (56, 56)


class Garments(Dataset):
    """Photos of noise with smooth, garment-sized outlines."""

    def make(self, folder, images, garments):
        rng = np.random.default_rng(0)
        self.add_class("bench", 1, "garment")
        for i in range(images):
            path = Path(folder) / f"{i:06d}.jpg"
            coarse = rng.integers(0, 255, (PHOTO[0] // 8, PHOTO[1] // 8, 3), np.uint8)
            photo = Image.fromarray(coarse).resize(PHOTO[::-1], Image.Resampling.BICUBIC)
            photo.save(path, quality=90)
            outlines = [[outline(rng)] for _ in range(garments)]
            self.add_image("bench", i, path, polygons=outlines, class_ids=[1] * garments)
        self.prepare()
        return self

    def load_polygons(self, image_id):
        return self.image_info[image_id]["polygons"]


def outline(rng, vertices=80):
    """A wavy outline [vertices, (x, y)] px within the photo."""
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radius = 1 + 0.15 * np.sin(5 * angle + rng.uniform(0, 6))
    size = rng.uniform(0.12, 0.3, 2) * PHOTO[::-1]
    centre = rng.uniform(0.35, 0.65, 2) * PHOTO[::-1]
    return centre + size * radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


def full_bitmap_road(dataset, image_id, side):
    """One image after Matterport's manner: image, class ids, boxes, mini-masks."""
    info = dataset.image_info[image_id]
    image = skimage.io.imread(info["path"])
    masks = np.zeros((*image.shape[:2], len(info["polygons"])), np.uint8)
    for i, parts in enumerate(info["polygons"]):
        for part in parts:
            rows, columns = skimage.draw.polygon(part[:, 1], part[:, 0], image.shape[:2])
            masks[rows, columns, i] = 1
    scale = side / max(image.shape[:2])
    size = (round(image.shape[0] * scale), round(image.shape[1] * scale))
    image = skimage.transform.resize(
        image, size, order=1, mode="constant", preserve_range=True, anti_aliasing=False
    ).astype(np.uint8)
    masks = scipy.ndimage.zoom(masks.astype(bool), (scale, scale, 1), order=0)
    margin = [((side - s) // 2, side - s - (side - s) // 2) for s in size]
    image, masks = (np.pad(a, [*margin, (0, 0)]) for a in (image, masks))
    boxes, mini = [], []
    for i in range(masks.shape[-1]):
        rows, columns = np.where(masks[..., i].any(1))[0], np.where(masks[..., i].any(0))[0]
        y1, x1, y2, x2 = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
        crop = masks[y1:y2, x1:x2, i].astype(float)
        mini.append(skimage.transform.resize(crop, MINI_MASK, anti_aliasing=False) >= 0.5)
        boxes.append((y1, x1, y2, x2))
    return image, np.array(info["class_ids"]), np.array(boxes), np.stack(mini)


def configuration(side):
    class Bench(Config):
        NAME = "bench"
        NUM_CLASSES = 2
        IMAGE_MIN_DIM = IMAGE_MAX_DIM = side
        MINI_MASK_SHAPE = MINI_MASK

    return Bench()


def full_bitmap_rate(dataset, side, images):
    """Images a second of the other road."""
    started = time.perf_counter()
    for image_id in range(images):
        full_bitmap_road(dataset, image_id, side)
    return images / (time.perf_counter() - started)


def loader_rate(dataset, side, images, **options):
    """Images a second of the loader, once it runs."""
    batch = 4
    loader = Loader(dataset, configuration(side), batch, **options)
    for _ in range(4 * max(options["workers"], 1)):
        next(loader)  # workers start, buffers fill
    steps = max(images // batch, 1)
    started = time.perf_counter()
    for _ in range(steps):
        next(loader)
    seconds = time.perf_counter() - started
    loader.close()
    return steps * batch / seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=64, help="photos to make")
    parser.add_argument("--side", type=int, default=1024, help="px")
    parser.add_argument("--garments", type=int, default=4, help="objects on each photo")
    args = parser.parse_args()
    roads = {
        "loader, in a thread": {"workers": 0},
        "loader, 1 worker": {"workers": 1},
        "loader, 2 workers": {"workers": 2},
        "loader, 2 workers, Jitter": {"workers": 2, "augmentation": Jitter()},
    }
    with tempfile.TemporaryDirectory() as folder:
        dataset = Garments().make(folder, args.images, args.garments)
        few = min(args.images, 8)
        base = max(full_bitmap_rate(dataset, args.side, few) for _ in range(REPEATS))
        rates = {"full-size bitmaps, one process": base}
        for name, options in roads.items():
            rates[name] = max(
                loader_rate(dataset, args.side, 4 * args.images, **options) for _ in range(REPEATS)
            )
    print(f"{args.side} px, {args.garments} objects an image, {os.cpu_count()} cores")
    print(f"{'road':34} {'images/s':>9} {'ratio':>7}")
    for name, rate in rates.items():
        print(f"{name:34} {rate:9.1f} {rate / base:6.1f}x")


if __name__ == "__main__":
    main()
