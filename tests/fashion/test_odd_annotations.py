"""What is wrong with one's own files is named, and what was done about it."""

import pytest

from fashion.datasets import formats, photo_files
from fashion.datasets.regions import OTHER_SPELLING
from tests.fashion.own_photos import SQUARE, annotations, polygon_region, save_json, save_photo, via


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
