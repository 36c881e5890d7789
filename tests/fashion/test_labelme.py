"""LabelMe's files, one beside each photo."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from fashion.datasets import formats, labelme
from fashion.datasets.regions import BROKEN_MASK, NO_CLASS, NO_NUMBERS, UNKNOWN_SHAPE
from tests.fashion.own_photos import HEIGHT, SQUARE, WIDTH, save_json, save_photo


def shape(points=SQUARE, kind="polygon", label="top", group=None, **more):
    return {"label": label, "points": np.asarray(points).tolist(), "shape_type": kind,
            "group_id": group, "flags": {}, **more}


def content(*shapes, path="a.jpg", **more):
    return {"version": "5.4.1", "shapes": list(shapes), "imagePath": path, "imageData": "not used",
            "imageHeight": HEIGHT, "imageWidth": WIDTH, **more}


def read(folder, *shapes, **more):
    save_photo(folder / "a.jpg")
    save_json(folder / "a.json", content(*shapes, **more))
    return formats.read(folder)


def mask_text(bitmap):
    file = io.BytesIO()
    Image.fromarray(bitmap).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize("points, kind, box", [
    (SQUARE, "polygon", (10, 50, 30, 70)), (SQUARE, None, (10, 50, 30, 70)),
    ([(40, 25), (10, 20)], "rectangle", (20, 10, 25, 40)),
    ([(30, 20), (38, 26)], "circle", (10, 20, 30, 40)),
    ([(20, 10), (30, 20), (20, 30), (10, 20)], "oriented_rectangle", (10, 10, 30, 30))])
def test_shapes(tmp_path, points, kind, box):
    annotations = read(tmp_path, shape(points, kind))
    assert not annotations.problems
    (region,) = annotations.photos[0].regions
    np.testing.assert_allclose(region.box(), box, atol=0.06)


def test_a_mask_lies_in_its_box(tmp_path):
    crop = np.array([[1, 0, 1], [1, 1, 1]], bool)
    annotations = read(tmp_path, shape([(70, 20), (72, 21)], "mask", mask=mask_text(crop)))
    found = annotations.photos[0].regions[0].bitmap((HEIGHT, WIDTH))
    np.testing.assert_array_equal(found[20:22, 70:73], crop)
    assert found.sum() == crop.sum()


def test_groups_are_parts_of_one_object(tmp_path):
    mask = mask_text(np.ones((2, 3), bool))
    annotations = read(
        tmp_path, shape(group=1), shape(SQUARE + 2, group=1), shape(group=1, label="bag"), shape(),
        shape([(0, 0), (2, 1)], "mask", group=2, mask=mask),
        shape([(5, 0), (7, 1)], "mask", group=2, mask=mask), shape(group=2))
    regions = annotations.photos[0].regions
    assert [(region.class_name, len(region.polygons or ())) for region in regions] == [
        ("top", 2), ("bag", 1), ("top", 1), ("top", 0)]
    assert regions[3].bitmap((HEIGHT, WIDTH)).sum() == 12
    assert annotations.problems.counts == {labelme.MIXED_PARTS: 1}


def test_odd_shapes_are_counted(tmp_path):
    annotations = read(
        tmp_path, shape([(1, 1), (5, 5)], "line"), shape([(1, 1)], "point"), shape(label=""),
        shape([(1, 1)], "circle"), shape([(1, 1), (3, 3)], "mask", mask="no picture"),
        shape([("x", 1), (2, 2), (3, 4)]), shape(label="__ignore__"))
    assert not annotations.photos[0].regions
    assert annotations.problems.places(labelme.NOT_AN_OBJECT) == ["a.json shape 6"]
    assert annotations.problems.places(UNKNOWN_SHAPE) == [
        "a.json shape 0 line", "a.json shape 1 point"]
    assert len(annotations.problems.places(NO_CLASS)) == 1
    assert len(annotations.problems.places(BROKEN_MASK)) == 1
    assert len(annotations.problems.places(NO_NUMBERS)) == 2


def test_each_file_has_the_photo_of_its_own_folder(tmp_path):
    for place, label in (("monday", "top"), ("tuesday", "bag")):
        save_photo(tmp_path / place / "a.jpg")
        save_json(tmp_path / place / "a.json", content(shape(label=label)))
    found = {photo.path.parent.name: photo.regions[0].class_name
             for photo in formats.read(tmp_path).photos}
    assert found == {"monday": "top", "tuesday": "bag"}


@pytest.mark.parametrize("path", ["..\\photos\\a.jpg", "C:\\Users\\me\\a.jpg", "a.json"])
def test_the_photo_is_found_by_a_path_of_windows(tmp_path, path):
    save_photo(tmp_path / "photos" / "a.jpg")
    save_photo(tmp_path / "labels" / "a.jpg")
    save_json(tmp_path / "labels" / "a.json", content(shape(), path=path))
    (photo,) = formats.read(tmp_path / "labels").photos
    assert photo.path.samefile(
        tmp_path / ("photos" if path.startswith("..") else "labels") / "a.jpg")


def test_a_broken_file_among_many_is_passed_over(tmp_path):
    (tmp_path / "b.json").write_text("{", encoding="utf-8")
    save_json(tmp_path / "c.json", content(None))
    annotations = read(tmp_path, shape())
    assert annotations.count_regions() == {"top": 1}
    assert annotations.problems.counts == {formats.BROKEN_FILE: 2}


@pytest.mark.parametrize("text, reason", [("{", "breaks at line 1"), (
    '{"shapes": [null], "imagePath": "a.jpg"}', "not built so")])
def test_all_files_broken(tmp_path, text, reason):
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=f"a.json.*{reason}"):
        formats.read(tmp_path)


def test_a_mask_that_begins_beside_the_photo_is_cut(tmp_path):
    crop = np.array([[1, 1, 1], [0, 1, 0], [0, 1, 1]], bool)
    annotations = read(tmp_path, shape([(-1, -2), (1, 0)], "mask", mask=mask_text(crop)))
    found = annotations.photos[0].regions[0].bitmap((HEIGHT, WIDTH))
    np.testing.assert_array_equal(np.argwhere(found), [(0, 0), (0, 1)])
