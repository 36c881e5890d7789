"""Files of the VGG Image Annotator, as its versions write them."""

import numpy as np
import pytest

from fashion.datasets import formats, via3, via_regions
from fashion.datasets.regions import NO_AREA, NO_CLASS, NO_NUMBERS, TOO_FEW_POINTS, UNKNOWN_SHAPE
from tests.fashion.own_photos import (
    SQUARE,
    polygon_region,
    save_json,
    save_photo,
    shape_region,
    via,
)

NAME = {"name": "top"}


def read(folder, content, **arguments):
    save_photo(folder / "a.jpg")
    return formats.read(save_json(folder / "via.json", content), **arguments)


def regions(folder, content, **arguments):
    (photo,) = read(folder, content, **arguments).photos
    return photo.regions


def project(entries, attributes=None):
    return {"_via_settings": {}, "_via_img_metadata": entries,
            "_via_attributes": {"region": attributes or {}, "file": {}}}


@pytest.mark.parametrize("content, kind", [
    (via(polygon_region(name="top"), as_dict=True), "via1"),
    (via(polygon_region(name="top")), "via2"),
    (project(via(polygon_region(name="top"))), "via2")])
def test_exports_and_projects(tmp_path, content, kind):
    annotations = read(tmp_path, content)
    assert annotations.format == kind
    assert not annotations.problems
    (photo,) = annotations.photos
    assert (photo.path, photo.width, photo.height) == (tmp_path / "a.jpg", 80, 60)
    np.testing.assert_array_equal(photo.regions[0].polygons, [SQUARE])


@pytest.mark.parametrize("shape, area, box", [
    ({"name": "rect", "x": 10, "y": 20, "width": 30, "height": 5}, 150, (20, 10, 25, 40)),
    ({"name": "circle", "cx": 30, "cy": 20, "r": 10}, 100 * np.pi, (10, 20, 30, 40)),
    ({"name": "ellipse", "cx": 30, "cy": 20, "rx": 12, "ry": 6}, 72 * np.pi, (14, 18, 26, 42)),
    # A quarter turn changes the axes.
    ({"name": "ellipse", "cx": 30, "cy": 20, "rx": 12, "ry": 6, "theta": np.pi / 2}, 72 * np.pi,
     (8, 24, 32, 36)),
    ({"name": "polyline", "all_points_x": [0, 10, 10], "all_points_y": [0, 0, 10]}, 50,
     (0, 0, 10, 10))])
def test_shapes(tmp_path, shape, area, box):
    (region,) = regions(tmp_path, via(shape_region(NAME, **shape)))
    (x, y), = [region.polygons[0].T]
    enclosed = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert enclosed == pytest.approx(area, rel=0.01)
    np.testing.assert_allclose(region.box(), box, atol=0.06)


def test_an_ellipse_turns_from_x_to_y(tmp_path):
    shape = {"name": "ellipse", "cx": 30, "cy": 30, "rx": 20, "ry": 2, "theta": np.pi / 4}
    (region,) = regions(tmp_path, via(shape_region(NAME, **shape)))
    tip = max(region.polygons[0], key=np.sum)
    np.testing.assert_allclose(tip, 30 + 20 / np.sqrt(2), atol=1e-3)


@pytest.mark.parametrize("attributes, name", [
    ({"name": " top "}, "top"), ({"Class": "top", "colour": "red"}, "top"),
    ({"garment": "top"}, "top"), ({"label": {"top": True, "bag": False}}, "top"),
    ({"type": 3}, "3")])
def test_the_class_is_found(tmp_path, attributes, name):
    assert regions(tmp_path, via(polygon_region(**attributes)))[0].class_name == name


@pytest.mark.parametrize("attributes", [
    {"colour": "red", "garment": "top"}, {"name": "top", "type": "wool"}])
def test_which_attribute_is_the_class_is_asked(tmp_path, attributes):
    content = via(polygon_region(**attributes))
    with pytest.raises(ValueError, match=r"via.json.*'top'|\(top\).*--class-attribute=NAME"):
        read(tmp_path, content)
    asked = list(attributes)[1]
    (region,) = regions(tmp_path, content, class_attribute=asked)
    assert region.class_name == attributes[asked]
    with pytest.raises(ValueError, match="no region has the attribute 'size'"):
        read(tmp_path, content, class_attribute="size")


def test_options_that_are_numbers_have_texts(tmp_path):
    options = {"garment": {"type": "dropdown", "options": {"1": "top", "bag": "a big bag"}}}
    content = via(polygon_region(garment="1"), polygon_region(garment="bag"))
    found = regions(tmp_path, project(content, options))
    assert [region.class_name for region in found] == ["top", "bag"]


def test_without_any_attribute_there_is_one_class(tmp_path):
    annotations = read(tmp_path, via(polygon_region(), polygon_region()))
    assert annotations.count_regions() == {"object": 2}
    assert annotations.problems.counts == {via_regions.NO_ATTRIBUTES: 1}


def test_odd_regions_are_counted(tmp_path):
    annotations = read(tmp_path, via(
        polygon_region(name="top"), polygon_region(name=""), polygon_region(SQUARE[:2], name="top"),
        polygon_region([(1, 5), (9, 5), (20, 5)], name="top"), shape_region(NAME),
        shape_region(NAME, name="point", cx=3, cy=4), shape_region(NAME, name="circle", cx=3),
        shape_region({"name": {"top": True, "bag": True}}, name="circle", cx=9, cy=9, r=4)))
    assert annotations.count_regions() == {"top": 2}
    assert annotations.problems.counts == {
        UNKNOWN_SHAPE: 2, NO_CLASS: 1, TOO_FEW_POINTS: 1, NO_AREA: 1, NO_NUMBERS: 1,
        via_regions.SEVERAL_TICKED: 1}
    assert annotations.problems.places(NO_CLASS) == ["a.jpg region 1"]


def test_parts_of_one_object(tmp_path):
    found = regions(tmp_path, via(
        polygon_region(name="top", group_id="1"), polygon_region(name="bag", group_id="1"),
        polygon_region(SQUARE + 5, name="top", group_id="1"), polygon_region(name="top")))
    assert [(region.class_name, len(region.polygons)) for region in found] == [
        ("top", 2), ("bag", 1), ("top", 1)]


def test_the_size_of_the_file_tells_photos_of_one_name_apart(tmp_path):
    save_photo(tmp_path / "x" / "a.jpg", (80, 60))
    right = save_photo(tmp_path / "y" / "a.jpg", (200, 300))
    content = via(polygon_region(name="top"), size=right.stat().st_size)
    (photo,) = formats.read(save_json(tmp_path / "via.json", content)).photos
    assert photo.path.samefile(right)


def via3_project(metadata, files=None, attributes=None):
    files = files or {"1": {"fid": "1", "fname": "a.jpg", "type": 2, "loc": 1, "src": ""}}
    return {"project": {"vid_list": list(files)}, "config": {}, "file": files,
            "view": {key: {"fid_list": [key]} for key in files},
            "attribute": attributes or {"1": {"aname": "name", "type": 1, "options": {}}},
            "metadata": {str(i): {"vid": "1", "flg": 0, "z": [], "av": {"1": "top"}, **each}
                         for i, each in enumerate(metadata)}}


@pytest.mark.parametrize("xy, box", [
    ([2, 10, 20, 30, 5], (20, 10, 25, 40)), ([3, 30, 20, 10], (10, 20, 30, 40)),
    ([4, 30, 20, 12, 6], (14, 18, 26, 42)), ([6, 0, 0, 10, 0, 10, 10], (0, 0, 10, 10)),
    ([7, 0, 0, 10, 0, 10, 10], (0, 0, 10, 10)),
    ([8, 5, 20, 30, 8, 12, 40, 3, 9], (8, 3, 40, 30))])
def test_via3_shapes(tmp_path, xy, box):
    (region,) = regions(tmp_path, via3_project([{"xy": xy}]))
    np.testing.assert_allclose(region.box(), box, atol=0.06)


@pytest.mark.parametrize("kind, value", [(1, "bag"), (2, "1"), (3, "1"), (4, "1")])
def test_via3_options(tmp_path, kind, value):
    attributes = {"1": {"aname": "garment", "type": kind, "options": {"0": "top", "1": "bag"}}}
    content = via3_project([{"xy": [2, 1, 1, 9, 9], "av": {"1": value}}], attributes=attributes)
    assert regions(tmp_path, content)[0].class_name == "bag"


def test_via3_leaves_out_what_is_no_region_of_a_photo(tmp_path):
    files = {"1": {"fname": "a.jpg", "type": 2}, "2": {"fname": "film.mp4", "type": 4}}
    annotations = read(tmp_path, via3_project(
        [{"xy": [2, 1, 1, 9, 9]}, {"xy": [1, 5, 5]}, {"xy": [], "av": {"1": "whole photo"}},
         {"xy": [2, 1, 1, 9, 9], "z": [1.5]}, {"xy": [3, 1, 1]},
         {"xy": [2, 1, 1, 9, 9], "vid": "2"}], files))
    assert annotations.count_regions() == {"top": 1}
    assert annotations.problems.counts == {
        UNKNOWN_SHAPE: 1, via3.MOMENT: 1, NO_NUMBERS: 1, via3.NOT_A_PHOTO: 1}


def test_a_region_that_is_null_is_passed_over(tmp_path):
    annotations = read(tmp_path, via(polygon_region(name="top"), None))
    assert annotations.count_regions() == {"top": 1}
    assert annotations.problems.places(UNKNOWN_SHAPE) == ["a.jpg region 1 None"]
    content = via3_project([{"xy": [2, 1, 1, 9, 9]}])
    content["metadata"]["x"] = None
    assert read(tmp_path, content).problems.places(UNKNOWN_SHAPE) == ["via.json metadata x None"]


@pytest.mark.parametrize("prefix", ["../photos/", "..\\photos\\", "{0}/photos"])
@pytest.mark.parametrize("version", [2, 3])
def test_projects_say_where_their_photos_are(tmp_path, version, prefix):
    prefix = prefix.format(tmp_path.as_posix())
    right = save_photo(tmp_path / "photos" / "a.jpg")
    save_photo(tmp_path / "project" / "old" / "a.jpg")
    if version == 2:
        content = project(via(polygon_region(name="top")))
        content["_via_settings"] = {"core": {"default_filepath": prefix}}
    else:
        content = via3_project([{"xy": [2, 1, 1, 9, 9]}])
        content["config"] = {"file": {"loc_prefix": {"1": prefix, "2": "", "3": None}}}
    found = formats.read(save_json(tmp_path / "project" / "via.json", content))
    assert found.photos[0].path.samefile(right)
    assert not found.problems
