"""DeepFashion2 from disk: where it is, what is read, what is skipped and named."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion.categories import CATEGORIES, NAMES
from fashion.datasets import annotations, deepfashion2_cache, locate
from fashion.datasets.deepfashion2 import DeepFashion2Dataset
from tests.fashion import annotated
from tests.fashion.annotated import SQUARE, garment, load, photo, write

own_folders = annotated.own_folders


def test_everything_of_an_image_is_read(tmp_path):
    landmarks = np.arange(3 * 15).reshape(15, 3) * [1.5, 1, 0] + [0, 0, 1]
    vest = garment(5, bounding_box=[20, 10.5, 80, 90], landmarks=landmarks.ravel().tolist(),
                   segmentation=[SQUARE, [-5, -5.5, 300, 1, 7, 400]])
    skirt = garment(9, style=0, scale=1)
    root = write(tmp_path, [photo(vest, skirt, source="shop", pair_id=8)])
    dataset = load(root)

    assert dataset.class_names == ["BG", *NAMES]
    assert dataset.get_source_class_id(13, "deepfashion2") == 13
    assert dataset.image_class_ids(0).tolist() == [5, 9]
    assert dataset.load_boxes(0).tolist() == [[10.5, 20, 90, 80], [10, 20, 90, 80]]
    assert [[p.tolist() for p in polygons] for polygons in dataset.load_polygons(0)] == [
        [[[20, 10], [80, 10], [80, 90], [20, 90]], [[-5, -5.5], [300, 1], [7, 400]]],
        [[[20, 10], [80, 10], [80, 90], [20, 90]]]]
    keypoints = dataset.load_keypoints(0)
    assert keypoints.shape == (2, 294, 3)
    np.testing.assert_array_equal(keypoints[0, 128:143], landmarks)
    assert not keypoints[0, :128].any() and not keypoints[0, 143:].any()
    assert keypoints[1, 182:190].tolist() == [[30, 40, 2]] * 8
    assert dataset.load_identities(0)[0] > 0 == dataset.load_identities(0)[1]
    assert dataset.load_image(0).shape == (120, 100, 3)
    info = dataset.image_info[0]
    assert (info["id"], info["source"], info["domain"], info["pair_id"]) == (
        "000001", "deepfashion2", "shop", 8)
    assert info["items"] == [
        {"item": 1, "category_id": 5, "style": 1, "scale": 2, "occlusion": 3, "zoom_in": 1,
         "viewpoint": 2},
        {"item": 2, "category_id": 9, "style": 0, "scale": 1, "occlusion": 3, "zoom_in": 1,
         "viewpoint": 2}]
    assert Path(dataset.image_reference(0)) == root / "train" / "image" / "000001.jpg"
    assert not dataset.problems


def test_overlapping_garments_stay_separate_in_bitmaps(tmp_path):
    dataset = load(write(tmp_path, [photo(garment(1), garment(4, segmentation=[SQUARE[:6]]))]))
    masks, class_ids = dataset.load_mask(0)
    assert masks.shape == (120, 100, 2) and class_ids.tolist() == [1, 4]
    assert masks[50, 50, 0] and masks[..., 0].sum() == 80 * 60
    assert (masks[..., 0] & masks[..., 1]).sum() == pytest.approx(2400, abs=60)


def test_absent_optional_fields_and_any_order_of_keys(tmp_path):
    bare = garment(7, landmarks=None, style=None, scale=None, occlusion=None, zoom_in=None,
                   viewpoint=None, category_name=None)
    content = {"item10": garment(8), "pair_id": 1, "item2": dict(reversed(bare.items()))}
    dataset = load(write(tmp_path, [content]))
    assert dataset.image_class_ids(0).tolist() == [7, 8]
    assert not dataset.load_keypoints(0)[0].any()
    assert dataset.image_info[0]["domain"] == "unknown"
    assert [item["item"] for item in dataset.image_info[0]["items"]] == [2, 10]
    assert dataset.image_info[0]["items"][0]["viewpoint"] == 0
    assert not dataset.problems


def test_images_without_garments_are_kept(tmp_path):
    dataset = load(write(tmp_path, [photo(), photo(garment())]))
    assert dataset.num_images == 2
    assert dataset.load_boxes(0).shape == (0, 4)
    assert dataset.load_keypoints(0).shape == (0, 294, 3)
    assert dataset.load_polygons(0) == [] and dataset.image_class_ids(0).shape == (0,)
    assert dataset.load_mask(0)[0].shape == (120, 100, 0)


def test_identities_are_pair_and_style(tmp_path):
    root = write(tmp_path, [
        photo(garment(style=1), garment(style=2), pair_id=1), photo(garment(style=1), pair_id=1),
        photo(garment(style=1), pair_id=2), photo(garment(style=0), pair_id=1)])
    dataset = load(root)
    (a, b), (c,), (d,), (e,) = (dataset.load_identities(i) for i in range(4))
    assert a == c and len({a, b, d}) == 3 and e == 0 and min(a, b, d) > 0
    assert load(root, where="pair_id == 2").load_identities(0) == d


BAD_ITEMS = [
    (annotations.BAD_CATEGORY, {"category_id": 99}),
    (annotations.BAD_CATEGORY, {"category_id": [5]}),
    (annotations.BAD_BOX, {"bounding_box": [1, 2, 3]}),
    (annotations.BAD_BOX, {"bounding_box": [float("nan"), 10, 80, 90]}),
    (annotations.BAD_BOX, {"bounding_box": "20 10 80 90"}),
    (annotations.EMPTY_BOX, {"bounding_box": [20, 10, 20, 90]}),
    (annotations.EMPTY_BOX, {"bounding_box": [80, 10, 20, 90]}),
    (annotations.NO_POLYGON, {"segmentation": None}),
    (annotations.NO_POLYGON, {"segmentation": [[1, 2, 3, 4]]}),
    (annotations.NO_POLYGON, {"segmentation": [[1, 2, float("inf"), 4, 5, 6]]}),
]


@pytest.mark.parametrize(("reason", "change"), BAD_ITEMS)
def test_items_that_cannot_be_learned_from_are_skipped_and_named(tmp_path, reason, change):
    dataset = load(write(tmp_path, [photo(garment(9), {**garment(5), **change})]))
    assert dataset.image_class_ids(0).tolist() == [9]
    assert dataset.problems.places(reason) == ["000001.json item2"]


BAD_PARTS = [
    (annotations.LANDMARK_COUNT, {"landmarks": [1, 2, 2] * 14}),
    (annotations.BAD_LANDMARKS, {"landmarks": [1, float("nan"), 2] * 15}),
    (annotations.BAD_LANDMARKS, {"landmarks": [1, 2, 7] * 15}),
    (annotations.SHORT_POLYGON, {"segmentation": [SQUARE, [1, 2, 3, 4]]}),
    (annotations.SHORT_POLYGON, {"segmentation": [[5, 5, 9, 9, 5, 5, 9, 9], SQUARE]}),
    (annotations.BAD_POLYGON, {"segmentation": [SQUARE, [1, 2, None, 4, 5, 6]]}),
    (annotations.BAD_ATTRIBUTE, {"scale": 4}),
    (annotations.OTHER_NAME, {"category_name": "skirt"}),
]


@pytest.mark.parametrize(("reason", "change"), BAD_PARTS)
def test_bad_parts_are_dropped_and_the_item_stays(tmp_path, reason, change):
    dataset = load(write(tmp_path, [photo(garment(5, **change))]))
    assert dataset.image_class_ids(0).tolist() == [5]
    assert dataset.problems.places(reason) == ["000001.json item1"]
    assert len(dataset.load_polygons(0)[0]) == 1
    assert dataset.load_keypoints(0).any() != ("landmarks" in change)


@pytest.mark.parametrize(("reason", "content"), [
    (annotations.EMPTY_FILE, ""), (annotations.EMPTY_FILE, " \n"),
    (annotations.MALFORMED, '{"item1": {'), (annotations.MALFORMED, "[1, 2]"),
    (annotations.MALFORMED, "[" * 100_000), (annotations.MALFORMED, "\x00\xff"),
    (annotations.NO_ITEM, json.dumps(photo(garment(5, bounding_box=None)))),
])
def test_bad_files_are_skipped_and_named(tmp_path, reason, content):
    dataset = load(write(tmp_path, [photo(garment(1)), content, photo(garment(2))]))
    assert [info["id"] for info in dataset.image_info] == ["000001", "000003"]
    assert dataset.problems.places(reason) == ["000002.json"]


def test_missing_images_and_annotations_are_skipped_and_named(tmp_path, caplog):
    root = write(tmp_path, [photo(garment())] * 3)
    (root / "train" / "image" / "000001.jpg").unlink()
    (root / "train" / "annos" / "000002.json").unlink()
    with caplog.at_level(logging.WARNING):
        dataset = load(root)
    assert [info["id"] for info in dataset.image_info] == ["000003"]
    assert dataset.problems.places(deepfashion2_cache.NO_IMAGE) == ["000001.json"]
    assert dataset.problems.places(deepfashion2_cache.NO_ANNOTATION) == ["000002.jpg"]
    assert "000002.jpg" in caplog.text


def test_an_empty_data_set_is_an_error_that_names_the_folder(tmp_path):
    root = write(tmp_path, [])
    with pytest.raises(ValueError, match="train.*annos"):
        load(root)
    with pytest.raises(ValueError, match="no such folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="has no validation subset, only train"):
        load(root, "validation")
    with pytest.raises(ValueError, match="Unknown subset 'val'"):
        load(root, "val")


def test_where_and_limit(tmp_path):
    contents = [photo(garment(5, occlusion=i % 3 + 1), garment(9)) for i in range(9)]
    root = write(tmp_path, contents)
    some = load(root, where="occlusion <= 2 and category == 'vest'")
    assert [info["id"] for info in some.image_info[:3]] == ["000001", "000002", "000004"]
    assert some.image_class_ids(0).tolist() == [5, 9]  # the other garments stay
    few = load(root, limit=3)
    assert [info["id"] for info in few.image_info] == ["000001", "000004", "000007"]
    assert few.num_images == 3 and load(root, limit=99).num_images == 9
    with pytest.raises(ValueError, match="none of 9 images"):
        load(root, where="scale == 3")
    with pytest.raises(ValueError, match="at least 1"):
        load(root, limit=0)


def test_a_data_set_is_loaded_once(tmp_path):
    dataset = load(write(tmp_path, [photo(garment())]))
    with pytest.raises(ValueError, match="loaded already"):
        dataset.load(tmp_path, "train")


def test_test_images_come_without_annotations(tmp_path):
    folder = tmp_path / "test" / "image"
    folder.mkdir(parents=True)
    Image.new("RGB", (10, 10)).save(folder / "000001.jpg")
    dataset = load(tmp_path, "test")
    assert dataset.num_images == 1 and dataset.load_boxes(0).shape == (0, 4)
    assert dataset.image_info[0]["annotation"] is None
    assert not list(tmp_path.rglob(".mrcnn_cache"))


@pytest.mark.parametrize("published", [False, True])
def test_flips_are_involutions_within_the_category(published):
    dataset = DeepFashion2Dataset(published_flips=published)
    for category in CATEGORIES:
        flip = dataset.keypoint_flip(category.id)
        np.testing.assert_array_equal(flip[flip], np.arange(294))
        moved = np.flatnonzero(flip != np.arange(294))
        assert category.start <= moved.min() and moved.max() < category.start + category.count
    partner = dataset.keypoint_flip(3)[58 + 1] - 58
    assert partner == (25 if published else 5)


def test_common_layouts_are_found(tmp_path):
    def make(*folders):
        for folder in folders:
            (tmp_path / folder).mkdir(parents=True)

    make("a/train/image", "a/train/annos", "a/val/images", "a/val/annos", "a/test/image")
    make("b/train/train/image", "b/train/train/annos", "b/json_for_validation")
    make("c/DeepFashion2/train/image", "c/DeepFashion2/train/annos")
    make("d/image", "d/annos", "e/other")
    assert locate.subsets_present(tmp_path / "a") == ["train", "validation", "test"]
    assert locate.find_subset(tmp_path / "b", "train").images.parts[-3:] == (
        "train", "train", "image")
    assert locate.subsets_present(tmp_path / "c") == ["train"]
    with pytest.raises(ValueError, match="single subset; give the folder around it"):
        locate.find_dataset(tmp_path / "d")
    with pytest.raises(ValueError, match="(?s)layout of DeepFashion2.*train/image.*form"):
        locate.find_dataset(tmp_path / "e")


def test_where_a_data_set_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(locate, "REPOSITORY", tmp_path / "repository")
    assert locate.find_dataset() is None
    here = write(tmp_path / "datasets" / "deepfashion2", [photo()])
    assert locate.find_dataset() == here
    named = write(tmp_path / "elsewhere", [photo()])
    monkeypatch.setenv("DEEPFASHION2_DIR", str(named))
    assert locate.find_dataset() == named
    assert locate.find_dataset(here) == here
    monkeypatch.setenv("DEEPFASHION2_DIR", str(tmp_path / "gone"))
    with pytest.raises(ValueError, match=r"\$DEEPFASHION2_DIR is .*gone, but there is no such"):
        locate.find_dataset()
