"""COCO's instance files, as COCO and other tools write them."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.datasets import coco_file, formats, photo_files
from fashion.datasets.regions import (
    BROKEN_MASK,
    EMPTY_MASK,
    NO_NUMBERS,
    OUTSIDE,
    TOO_FEW_POINTS,
)
from mrcnn import masks
from tests.fashion.own_photos import HEIGHT, SQUARE, WIDTH, bitmap, save_json, save_photo

FLAT = SQUARE.ravel().tolist()
POINTS = {"keypoints": ["left_sleeve", "right_sleeve", "collar"], "skeleton": [[1, 3], [2, 3]]}


def content(*annotations, categories=({"id": 7, "name": "top"}, {"id": 3, "name": "bag"}),
            **image):
    return {"images": [{"id": 5, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT, **image}],
            "categories": list(categories),
            "annotations": [{"id": i, "image_id": 5, "category_id": 7, **annotation}
                            for i, annotation in enumerate(annotations, start=1)]}


def read(folder, *annotations, **changes):
    save_photo(folder / "a.jpg")
    return formats.read(save_json(folder / "set.json", content(*annotations, **changes)))


def uncompressed():
    flat = bitmap().T.ravel()  # column by column
    changes = np.flatnonzero(np.diff(flat)) + 1
    return np.diff([0, *changes, len(flat)]).tolist()


def test_polygons_boxes_and_classes(tmp_path):
    annotations = read(tmp_path, {"segmentation": [FLAT, FLAT], "bbox": [50, 10, 21, 20]},
                       {"segmentation": [FLAT], "category_id": 3})
    assert annotations.class_names == ("top", "bag")
    assert not annotations.problems
    top, bag = annotations.photos[0].regions
    np.testing.assert_array_equal(top.polygons, [SQUARE, SQUARE])
    np.testing.assert_array_equal(top.box(), (10, 50, 30, 71))  # as annotated
    np.testing.assert_array_equal(bag.box(), (10, 50, 30, 70))  # around the outline
    assert bag.class_name == "bag"


@pytest.mark.parametrize("compressed", [False, True])
def test_run_length_codes_and_crowds(tmp_path, compressed):
    counts = masks.to_rle(bitmap())["counts"].decode() if compressed else uncompressed()
    annotations = read(tmp_path, {"segmentation": {"size": [HEIGHT, WIDTH], "counts": counts},
                                  "iscrowd": 1})
    (region,) = annotations.photos[0].regions
    np.testing.assert_array_equal(region.bitmap((HEIGHT, WIDTH)), bitmap())
    np.testing.assert_array_equal(region.box(), (20, 5, 40, 45))
    assert region.crowd


def test_keypoints(tmp_path):
    categories = [{"id": 3, "name": "bag"}, {"id": 7, "name": "top", **POINTS}]
    points = [1, 2, 2, 3, 4, 1, 0, 0, 0]
    annotations = read(tmp_path, {"segmentation": [FLAT], "keypoints": points},
                       {"segmentation": [FLAT], "category_id": 3},
                       {"segmentation": [FLAT], "keypoints": [1, 2, 2]}, categories=categories)
    assert annotations.keypoint_names == ("left_sleeve", "right_sleeve", "collar")
    assert annotations.skeleton == ((0, 2), (1, 2))
    first, *others = annotations.photos[0].regions
    np.testing.assert_array_equal(first.keypoints, [(1, 2, 2), (3, 4, 1), (0, 0, 0)])
    assert [region.keypoints for region in others] == [None, None]
    assert annotations.problems.counts == {coco_file.OTHER_KEYPOINTS: 1}
    formats.write(annotations, "coco", tmp_path / "out")
    again = formats.read(tmp_path / "out")
    assert (again.keypoint_names, again.skeleton) == (annotations.keypoint_names,
                                                      annotations.skeleton)
    np.testing.assert_array_equal(again.photos[0].regions[0].keypoints, first.keypoints)


def test_odd_objects_are_counted(tmp_path):
    code = coco_mask.encode(np.asfortranarray(bitmap()[:40], np.uint8))
    code = {"size": code["size"], "counts": code["counts"].decode()}
    annotations = read(
        tmp_path, {"segmentation": [FLAT]}, {"segmentation": [], "bbox": [10, 20, 30, 5]},
        {"segmentation": [FLAT[:4]], "bbox": [10, 20, 0, 5]}, {"segmentation": code},
        {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [5, 6]}},
        {"segmentation": [FLAT], "category_id": 99}, {"segmentation": [FLAT], "image_id": 99},
        {"segmentation": [["x"] * 6]}, {"segmentation": [FLAT], "bbox": [1, 2, "wide"]})
    whole, boxed, unboxed = annotations.photos[0].regions
    np.testing.assert_array_equal([whole.box(), unboxed.box()], [(10, 50, 30, 70)] * 2)
    np.testing.assert_array_equal(boxed.box(), (20, 10, 25, 40))
    np.testing.assert_array_equal(boxed.polygons[0], [(10, 20), (40, 20), (40, 25), (10, 25)])
    assert annotations.problems.counts == {
        coco_file.NOTHING: 2, BROKEN_MASK: 2, coco_file.NOT_LISTED: 2, coco_file.NO_OUTLINE: 1,
        coco_file.NO_BOX: 2, TOO_FEW_POINTS: 1, NO_NUMBERS: 1}


def test_a_photo_of_another_size_is_left_out(tmp_path):
    annotations = read(tmp_path, {"segmentation": [FLAT]}, width=2 * WIDTH, height=2 * HEIGHT)
    assert not annotations.photos
    assert annotations.problems.places(photo_files.OTHER_SIZE) == ["a.jpg"]


def test_a_box_without_an_area_gives_way_to_the_outline(tmp_path):
    annotations = read(tmp_path, {"segmentation": [FLAT], "bbox": [0, 0, 0, 0]})
    (region,) = annotations.photos[0].regions
    np.testing.assert_array_equal(region.box(), (10, 50, 30, 70))
    assert annotations.problems.counts == {coco_file.NO_BOX: 1}


@pytest.mark.parametrize("change", [
    {"counts": [-5, WIDTH * HEIGHT + 5]}, {"size": [HEIGHT, WIDTH + 1]}, {"counts": ""},
    {"size": [2 * HEIGHT, WIDTH]}, {"counts": [10 ** 20]}, {"counts": None}, {"counts": [0.5, 9]}])
def test_runs_that_do_not_fill_the_photo(tmp_path, change):
    code = {"size": [HEIGHT, WIDTH], "counts": masks.to_rle(bitmap())["counts"].decode()}
    annotations = read(tmp_path, {"segmentation": [FLAT]}, {"segmentation": code},
                       {"segmentation": {**code, **change}})
    assert len(annotations.photos[0].regions) == 2
    assert annotations.problems.places(BROKEN_MASK) == ["set.json annotation 3"]


@pytest.mark.parametrize("stated", [{}, {"width": None}])
def test_a_mask_of_another_size_than_the_photo(tmp_path, stated):
    code = {"size": [HEIGHT, 2 * WIDTH], "counts": [9, 1, 2 * WIDTH * HEIGHT - 10]}
    annotations = read(tmp_path, {"segmentation": [FLAT]}, {"segmentation": code}, **stated)
    assert len(annotations.photos[0].regions) == 1
    assert annotations.problems.counts == {BROKEN_MASK: 1}


def test_runs_are_read_as_pycocotools_writes_them():
    for density in (0.01, 0.3, 0.9):
        noise = np.random.default_rng(1).random((97, 53)) < density
        code = coco_mask.encode(np.asfortranarray(noise, np.uint8))
        changes = np.flatnonzero(np.diff(noise.T.ravel())) + 1
        runs = np.diff([0, *changes, noise.size]).tolist()
        expected = [0, *runs] if noise[0, 0] else runs
        assert coco_file._runs(code["counts"]) == expected


@pytest.mark.parametrize("counts", [[WIDTH * HEIGHT], [0, 0, WIDTH * HEIGHT]])
def test_empty_masks_are_left_out_and_the_rest_can_be_written(tmp_path, counts):
    annotations = read(tmp_path, {"segmentation": [FLAT]},
                       {"segmentation": {"size": [HEIGHT, WIDTH], "counts": counts}})
    assert annotations.problems.counts == {EMPTY_MASK: 1}
    formats.write(annotations, "labelme", tmp_path / "out")
    assert formats.read(tmp_path / "out").count_regions() == {"top": 1}


def test_outlines_beside_the_photo_are_no_objects(tmp_path):
    far = [3e9, 3e9, 3e9 + 4000, 3e9, 3e9, 3e9 + 4000]
    beside = [WIDTH + 1, 5, WIDTH + 9, 5, WIDTH + 5, 9]
    above = [5, -9, 9, -9, 7, -1]
    annotations = read(tmp_path, *({"segmentation": [part]} for part in (FLAT, far, beside, above)))
    assert annotations.count_regions() == {"top": 1, "bag": 0}
    assert annotations.problems.counts == {OUTSIDE: 2, NO_NUMBERS: 1, coco_file.NOTHING: 1}


def test_further_entries_are_kept(tmp_path):
    annotations = read(tmp_path, {"segmentation": [FLAT], "area": 400, "style": 3})
    formats.write(annotations, "coco", tmp_path / "out")
    assert formats.read(tmp_path / "out").photos[0].regions[0].notes == {"style": 3}


def test_numbers_of_images_are_each_given_once():
    numbers = coco_file._Numbers()
    stems = ["a", "000012", "b", "12", "9" * 40, "13"]
    assert [numbers.take(stem) for stem in stems] == [1, 12, 13, 14, 15, 16]
    many = coco_file._Numbers()
    # Quadratic in the number of photos this would take minutes.
    assert [many.take("x") for _ in range(100_000)] == list(range(1, 100_001))
