"""What is wrong with one's own files is named, and what was done about it."""

import unicodedata

import pytest
from PIL import Image

from fashion.datasets import formats, photo_files
from fashion.datasets.regions import NO_AREA, NO_NUMBERS, OTHER_SPELLING
from tests.fashion.own_photos import (
    SQUARE,
    annotations,
    polygon_region,
    save_json,
    save_photo,
    shape_region,
    via,
)


def read(folder, *contents):
    merged = {key: entry for content in contents for key, entry in content.items()}
    return formats.read(save_json(folder / "via.json", merged))


def names(read_annotations):
    return [photo.path.name for photo in read_annotations.photos]


def test_missing_and_broken_photos(tmp_path):
    save_photo(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"no photo")
    top = polygon_region(name="top")
    found = read(tmp_path, via(top), via(top, name="b.jpg"), via(top, name="c.jpg"))
    assert names(found) == ["a.jpg"]
    assert found.problems.places(photo_files.BROKEN) == ["b.jpg"]
    assert found.problems.places(photo_files.MISSING) == ["c.jpg"]


def test_a_photo_far_too_large_is_left_out_and_one_with_a_damaged_exif_block_is_not(
        tmp_path, monkeypatch):
    save_photo(tmp_path / "huge.jpg", size=(400, 300))
    image = Image.new("RGB", (80, 60))
    image.save(tmp_path / "a.jpg", exif=b"Exif\0\0nonsense")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)  # twice as many are refused
    top = polygon_region(name="top")
    found = read(tmp_path, via(top, name="huge.jpg"), via(top))
    assert names(found) == ["a.jpg"]
    assert found.problems.places(photo_files.BROKEN) == ["huge.jpg"]
    assert found.count_regions() == {"top": 1}


def test_a_class_spelled_in_several_ways(tmp_path):
    save_photo(tmp_path / "a.jpg")
    found = read(tmp_path, via(*(polygon_region(name=name)
                                 for name in ("Top", "bag", "top", "top ", "Bag", "top"))))
    # Of bag and Bag, equally frequent, the last in the alphabet: lower case.
    assert found.count_regions() == {"top": 4, "bag": 2}
    assert found.problems.places(OTHER_SPELLING) == [
        "a.jpg region 0 'Top' is 'top'", "a.jpg region 4 'Bag' is 'bag'"]


@pytest.mark.parametrize("written", [
    "C:\\Users\\me\\photos\\a.jpg", "photos\\a.jpg", "/home/me/a.jpg", "https://web.org/x/a.jpg",
    "A.JPG"])
def test_paths_of_other_machines(tmp_path, written):
    save_photo(tmp_path / "below" / "a.jpg")
    found = read(tmp_path, via(polygon_region(name="top"), name=written))
    assert names(found) == ["a.jpg"]
    elsewhere = [] if written == "A.JPG" else [written]
    assert found.problems.places(photo_files.ELSEWHERE) == elsewhere


def test_duplicate_names(tmp_path):
    save_photo(tmp_path / "x" / "a.jpg")
    save_photo(tmp_path / "y" / "a.jpg")
    found = read(tmp_path, via(polygon_region(name="top"), size=1),
                 via(polygon_region(name="bag"), size=2))
    assert found.count_regions() == {"top": 1}
    assert found.photos[0].path.parent.name == "x"
    assert len(found.problems.places(photo_files.SEVERAL)) == 2
    assert found.problems.places(photo_files.TWICE) == ["a.jpg"]


def test_photos_without_regions_are_background(tmp_path):
    save_photo(tmp_path / "a.jpg")
    found = read(tmp_path, via())
    assert names(found) == ["a.jpg"]
    assert found.problems.places(photo_files.EMPTY) == ["a.jpg"]


@pytest.mark.parametrize("orientation, frame, upright", [
    (None, (80, 60), False), (1, (80, 60), False), (3, (80, 60), True), (6, (60, 80), True)])
def test_regions_lie_on_the_photo_as_browsers_show_it(tmp_path, orientation, frame, upright):
    save_photo(tmp_path / "a.jpg", orientation=orientation)
    (photo,) = read(tmp_path, via(polygon_region(SQUARE - 20, name="top"))).photos
    assert ((photo.width, photo.height), photo.upright) == (frame, upright)


def test_outlines_tell_that_an_old_browser_did_not_turn_the_photo(tmp_path):
    save_photo(tmp_path / "a.jpg", orientation=6)  # 60 x 80 upright; the square reaches x = 70
    (photo,) = read(tmp_path, via(polygon_region(name="top"))).photos
    assert ((photo.width, photo.height), photo.upright) == ((80, 60), False)


@pytest.mark.parametrize("stated, upright", [((80, 60), False), ((60, 80), True)])
def test_a_stated_size_tells_how_the_photo_was_shown(tmp_path, stated, upright):
    photo = annotations(tmp_path).photos[1]
    save_photo(photo.path, orientation=6)
    content = {"images": [{"id": 1, "file_name": "b.jpg", "width": stated[0],
                           "height": stated[1]}], "annotations": [], "categories": []}
    (found,) = formats.read(save_json(tmp_path / "coco.json", content)).photos
    assert (found.width, found.height, found.upright) == (*stated, upright)


def test_the_size_of_the_file_counts_for_a_photo_that_stands_where_it_is_named(tmp_path):
    direct = save_photo(tmp_path / "a.jpg")
    below = save_photo(tmp_path / "below" / "a.jpg", (200, 300))
    for size, expected in ((below.stat().st_size, below), (direct.stat().st_size, direct),
                           (1, direct), (-1, direct), ("", direct)):
        (photo,) = read(tmp_path, via(polygon_region(name="top"), size=size)).photos
        assert photo.path.samefile(expected)


@pytest.mark.parametrize("form, other", [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_are_coded_in_two_ways(tmp_path, form, other):
    name = unicodedata.normalize(form, "Kl\u00e9id.jpg")
    save_photo(tmp_path / name)
    classes = [unicodedata.normalize(each, "b\u00e9ret") for each in ("NFC", "NFD", "NFD")]
    found = read(tmp_path, via(*(polygon_region(name=each) for each in classes),
                               name=unicodedata.normalize(other, name)))
    assert names(found) == [name]
    assert found.count_regions() == {"b\u00e9ret": 3}
    assert not found.problems


@pytest.mark.parametrize("points", [
    [(10, 10), (20, 20), (30, 30)], [(1, 2), (1, 2), (1, 2)], [(3, 9), (30, 27), (12, 15)]])
def test_points_on_one_line_enclose_nothing(tmp_path, points):
    save_photo(tmp_path / "a.jpg")
    found = read(tmp_path, via(polygon_region(name="top"), polygon_region(points, name="top")))
    assert found.count_regions() == {"top": 1}
    assert found.problems.places(NO_AREA) == ["a.jpg region 1 polygon"]


def test_an_hourglass_and_a_narrow_belt_enclose_something(tmp_path):
    save_photo(tmp_path / "a.jpg")
    hourglass = [(10, 10), (30, 30), (30, 10), (10, 30)]
    belt = [(1, 1), (70, 50), (70, 50.1)]
    found = read(tmp_path, via(*(polygon_region(points, name="top")
                                 for points in (hourglass, belt))))
    assert found.count_regions() == {"top": 2}


@pytest.mark.parametrize("radius", [1e20, 10 ** 400], ids=["large", "no float"])
def test_a_circle_larger_than_all_photos(tmp_path, radius):
    save_photo(tmp_path / "a.jpg")
    circle = shape_region({"name": "top"}, name="circle", cx=9, cy=9, r=radius)
    found = read(tmp_path, via(polygon_region(name="top"), circle))
    assert found.count_regions() == {"top": 1}
    assert len(found.problems.places(NO_NUMBERS)) == 1
