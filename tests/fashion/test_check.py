"""`check` on data sets that are fine, damaged, and of no use; and the threads that read for it."""

import json
import threading

import pytest
from PIL import Image

from fashion import fashion
from fashion.categories import CATEGORIES
from fashion.datasets import annotations, deepfashion2_cache, inspection
from fashion.datasets.read_ahead import read_ahead


def garment(category_id, box=(20, 10, 80, 90), **changes):
    x1, y1, x2, y2 = box
    return {"category_id": category_id, "category_name": CATEGORIES[category_id - 1].name,
            "bounding_box": list(box), "segmentation": [[x1, y1, x2, y1, x2, y2, x1, y2]],
            "scale": 2, "occlusion": 1, "zoom_in": 1, "viewpoint": 2, "style": 1, **changes}


def write(root, subset, contents):
    for name in ("image", "annos"):
        (root / subset / name).mkdir(parents=True)
    for number, content in enumerate(contents, start=1):
        Image.new("RGB", (100, 120), "gray").save(root / subset / "image" / f"{number:06d}.jpg")
        (root / subset / "annos" / f"{number:06d}.json").write_text(json.dumps(content))


@pytest.fixture
def root(tmp_path):
    write(tmp_path, "train", [
        {"source": "user", "pair_id": 1, "item1": garment(1), "item2": garment(8)},
        {"source": "shop", "pair_id": 1, "item1": garment(1)},
        {"source": "shop", "pair_id": 1, "item1": garment(1, style=2)}])
    write(tmp_path, "validation", [{"item1": garment(5, landmarks=[30, 30, 1] * 15)}])
    return tmp_path


def truncate(path):
    path.write_bytes(path.read_bytes()[:-200])


def run(*words):
    return fashion.main(["check", *map(str, words)])


def test_a_good_data_set_is_counted(root, capsys):
    assert run("--dataset", root) == 0
    out = capsys.readouterr().out
    assert "train: 3 images, 4 items (published: 191,961 and 312,186)" in out
    assert "photos by user 1, shop 2; 0 items with landmarks" in out
    assert "2 identities, 2 consumer-shop pairs" in out
    assert "validation: 1 images, 1 items (published: 32,153 and 52,490)" in out
    assert "Usable: train, validation. Nothing odd." in out


def test_counts_for_machines(root, tmp_path):
    assert run("--dataset", root, "--output", tmp_path / "out" / "check.json") == 0
    found = json.loads((tmp_path / "out" / "check.json").read_text())
    train = found["train"]
    assert (train["images"], train["items"], train["broken_images"]) == (3, 4, 0)
    assert train["categories"]["short sleeve top"] == 3 and train["categories"]["trousers"] == 1
    assert train["attributes"]["scale"] == {"0": 0, "1": 0, "2": 4, "3": 0}
    assert found["validation"]["with_landmarks"] == 1


def test_a_sample_is_not_compared_with_what_was_published(root, capsys):
    (root / "sample.json").write_text("{}")
    assert run("--dataset", root) == 0
    assert "published" not in capsys.readouterr().out


def test_damage_is_named_and_the_rest_usable(root, capsys):
    truncate(root / "train" / "image" / "000002.jpg")
    (root / "train" / "annos" / "000003.json").write_text("{")
    assert run("--dataset", root) == 0
    out = capsys.readouterr().out
    assert f"1  {inspection.BROKEN_IMAGE}: 000002.jpg" in out
    assert f"1  {annotations.MALFORMED}: 000003.json" in out
    assert "2 oddities" in out
    assert run("--dataset", root, "--quick") == 0
    assert "000002.jpg" not in capsys.readouterr().out


def test_odd_places_are_named(tmp_path):
    write(tmp_path, "train", [
        {"item1": garment(1, (20, 10, 104, 90)), "item2": garment(1, (20, 10, 100.5, 120))},
        {"item1": garment(1, (110, 10, 150, 90)), "item2": garment(
            2, segmentation=[[1, 1, 20, 1, 20, 20]])}])
    problems = inspection.inspect_subset(tmp_path, "train")["problems"]
    assert problems == {inspection.OVERHANG: ["000001.json item1"],
                        inspection.OUTSIDE: ["000002.json item1"],
                        inspection.OTHER_PLACE: ["000002.json item2"]}


def test_landmarks_beyond_the_picture_are_named(tmp_path):
    def landmarks(*first):
        return garment(5, landmarks=[*first, *[30, 30, 1] * 14])

    write(tmp_path, "train", [{"item1": garment(1), "item2": landmarks(-20, 30, 1)},
                              {"item1": landmarks(-20, 30, 0), "item2": landmarks(30, 120.5, 2)},
                              {"item1": landmarks(100, 120, 2)}])  # on the corner of 100 x 120
    problems = inspection.inspect_subset(tmp_path, "train")["problems"]
    assert problems == {
        inspection.LANDMARK_BEYOND: ["000001.json item2", "000002.json item2"]}


def test_few_examples_are_shown_and_the_others_counted(tmp_path, capsys):
    write(tmp_path, "train", [{"item1": garment(1)}] + [{"item1": {}}] * 4)
    assert run("--dataset", tmp_path, "--examples", 2) == 0
    assert (f"4  {annotations.NO_ITEM}: 000002.json, 000003.json, ...") in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["images", "annotations"])
def test_a_data_set_without_a_usable_image_is_of_no_use(tmp_path, capsys, damage):
    write(tmp_path, "train", [{"item1": garment(1)}])
    if damage == "images":
        truncate(tmp_path / "train" / "image" / "000001.jpg")
    else:
        (tmp_path / "train" / "annos" / "000001.json").write_text("")
    assert run("--dataset", tmp_path) == 1
    assert "cannot be used" in capsys.readouterr().out


def test_no_data_set_says_what_was_looked_for(tmp_path, capsys):
    assert run("--dataset", tmp_path / "nowhere") == 1
    error = capsys.readouterr().err
    assert "no file or folder" in error and "VIA" in error and "train/image" in error


def test_images_without_annotations_of_the_test_set(root, capsys):
    (root / "test" / "image").mkdir(parents=True)
    Image.new("RGB", (10, 10)).save(root / "test" / "image" / "000001.jpg")
    assert run("--dataset", root) == 0
    assert "never released" in capsys.readouterr().out


def test_reading_ahead_keeps_order_and_is_bounded():
    begun, gate = [], threading.Event()

    def read(i):
        begun.append(i)
        gate.wait(5)
        return i * i

    results = read_ahead(read, range(50), threads=3, ahead=10)
    gate.set()
    assert next(results) == 0
    assert max(begun) <= 11
    assert list(results) == [i * i for i in range(1, 50)]
    assert list(read_ahead(read, [])) == []


def test_unreadable_annotation_is_named(root, monkeypatch):
    monkeypatch.setattr(deepfashion2_cache, "_read", lambda path: None)
    found = inspection.inspect_subset(root, "validation", decode=False)
    assert found["problems"] == {deepfashion2_cache.UNREADABLE: ["000001.json"]}
    assert found["images"] == 0 and sum(found["categories"].values()) == 0
