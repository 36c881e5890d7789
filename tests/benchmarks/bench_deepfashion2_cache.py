"""Seconds and memory to open the annotations of a data set as large as DeepFashion2's training set.

Run by hand, from the repository root; it writes 191,961 annotation files (about 1.5 GB) to a
temporary folder first:

    python tests/benchmarks/bench_deepfashion2_cache.py [--images=191961] [--folder=DIR]

Each start is measured in a process of its own: the first parses the JSON files, the second opens
the cache. Both then ask for what a training needs of 1,000 images.
"""

import argparse
import json
import multiprocessing
import pickle
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fashion.categories import CATEGORIES  # noqa: E402
from fashion.datasets.deepfashion2 import DeepFashion2Dataset  # noqa: E402

IMAGES = 191_961
ITEMS = 312_186
TEMPLATES = 500  # different files; the others repeat them with another pair_id


def annotation(rng, items: int) -> dict:
    """A made-up annotation with as many numbers as a real one has."""
    content = {"source": "user" if rng.random() < 0.5 else "shop", "pair_id": 0}
    for number in range(1, items + 1):
        category = CATEGORIES[rng.integers(len(CATEGORIES))]
        angles = np.linspace(0, 2 * np.pi, int(rng.integers(40, 160)), endpoint=False)
        outline = np.round(300 + 150 * np.stack([np.cos(angles), np.sin(angles)], 1), 2)
        points = np.column_stack([rng.integers(150, 450, (category.count, 2)),
                                  rng.integers(0, 3, category.count)])
        content[f"item{number}"] = {
            "segmentation": [outline.ravel().tolist()], "landmarks": points.ravel().tolist(),
            "bounding_box": [150, 150, 450, 450], "category_id": category.id,
            "category_name": category.name, "style": int(rng.integers(3)),
            "scale": int(rng.integers(1, 4)), "occlusion": int(rng.integers(1, 4)),
            "zoom_in": int(rng.integers(1, 4)), "viewpoint": int(rng.integers(1, 4))}
    return content


def write_annotations(root: Path, images: int) -> None:
    """Writes annotation files, and empty image files for them: the cache reads only their names."""
    rng = np.random.default_rng(0)
    counts = np.full(TEMPLATES, 1)
    counts[: round(TEMPLATES * (ITEMS / IMAGES - 1))] = 2
    templates = [json.dumps(annotation(rng, int(count))) for count in rng.permutation(counts)]
    for name in ("image", "annos"):
        (root / "train" / name).mkdir(parents=True)
    for i in tqdm(range(images), desc="Writing annotation files", unit=" files"):
        text = templates[i % TEMPLATES].replace('"pair_id": 0', f'"pair_id": {i // 8 + 1}', 1)
        (root / "train" / "annos" / f"{i + 1:06d}.json").write_text(text)
        (root / "train" / "image" / f"{i + 1:06d}.jpg").touch()


def open_training_set(root: Path) -> str:
    """Opens the data set, reads the labels of 1,000 images, and says what it took."""
    start = time.perf_counter()
    dataset = DeepFashion2Dataset()
    dataset.load(root, "train")
    dataset.prepare()
    opened = time.perf_counter() - start
    for image_id in np.linspace(0, dataset.num_images - 1, 1000).astype(int):
        dataset.load_polygons(image_id)
        dataset.load_keypoints(image_id)
        dataset.load_identities(image_id)
    start = time.perf_counter()
    DeepFashion2Dataset().load(root, "train", where="occlusion <= 2 and viewpoint == 2")
    filtered = time.perf_counter() - start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (f"{dataset.num_images:,} images in {opened:.1f} s (with --where {filtered:.1f} s), "
            f"peak memory {megabytes:,.0f} MB, "
            f"{len(pickle.dumps(dataset)) / 1e6:.1f} MB pickled for a worker")


def measure(root: Path, name: str) -> None:
    """Runs `open_training_set` in a process of its own and prints its answer."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        print(f"{name}: {pool.submit(open_training_set, root).result()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--folder", help="where to write the temporary files")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        root = Path(folder)
        write_annotations(root, args.images)
        measure(root, "first start, parsing")
        measure(root, "second start, from the cache")


if __name__ == "__main__":
    main()
