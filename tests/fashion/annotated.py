"""Small data sets in DeepFashion2's layout, written for a test."""

import json

import pytest
from PIL import Image

from fashion.categories import CATEGORIES
from fashion.datasets.deepfashion2 import DeepFashion2Dataset

SQUARE = [20, 10, 80, 10, 80, 90, 20, 90]


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """No test finds or leaves anything outside its folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user_cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "user_cache"))
    monkeypatch.delenv("DEEPFASHION2_DIR", raising=False)
    monkeypatch.chdir(tmp_path)


def garment(category_id=5, **changes):
    """An item of an annotation file; a change to None removes the key."""
    category = CATEGORIES[category_id - 1]
    item = {"segmentation": [SQUARE], "scale": 2, "viewpoint": 2, "zoom_in": 1, "occlusion": 3,
            "landmarks": [30, 40, 2] * category.count, "style": 1, "category_id": category_id,
            "bounding_box": [20, 10, 80, 90], "category_name": category.name}
    item.update(changes)
    return {key: value for key, value in item.items() if value is not None}


def photo(*items, **changes):
    """Content of an annotation file."""
    numbered = {f"item{i}": item for i, item in enumerate(items, start=1)}
    return {**numbered, "source": "user", "pair_id": 3, **changes}


def write(root, contents, subset="train"):
    """Writes images 000001.jpg, ... with these annotations (dicts, or texts as they are)."""
    for name in ("image", "annos"):
        (root / subset / name).mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(contents, start=1):
        Image.new("RGB", (100, 120), "white").save(root / subset / "image" / f"{number:06d}.jpg")
        text = content if isinstance(content, str) else json.dumps(content)
        (root / subset / "annos" / f"{number:06d}.json").write_text(text)
    return root


def load(root, subset="train", **arguments):
    dataset = DeepFashion2Dataset()
    dataset.load(root, subset, **arguments)
    dataset.prepare()
    return dataset
