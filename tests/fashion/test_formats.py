"""What is written in a format is read back; what a file is, is seen by looking."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from fashion.datasets import formats, photo_files
from fashion.datasets.problems import Problems
from fashion.datasets.regions import Annotations, Photo, Region
from mrcnn.data.images import read_image
from tests.fashion.own_photos import (
    SQUARE,
    annotations,
    polygon_region,
    save_json,
    save_photo,
    via,
)

WRITERS = ("coco", "via1", "via2", "via3", "labelme", "masks")


def assert_same(read, written):
    assert read.count_regions() == written.count_regions()
    by_name = {photo.path.name: photo for photo in read.photos}
    for photo in written.photos:
        again = by_name.pop(photo.path.name)
        assert (again.width, again.height) == (photo.width, photo.height)
        for region, expected in zip(again.regions, photo.regions, strict=True):
            assert region.class_name == expected.class_name
            assert_same_place(region, expected)


def assert_same_place(region, expected):
    if expected.rle is not None:
        assert {**region.rle, "size": list(region.rle["size"])} == expected.rle
    else:
        for polygon, points in zip(region.polygons, expected.polygons, strict=True):
            np.testing.assert_allclose(polygon, points, atol=1e-3)


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("kind", ["coco", "labelme"])
def test_there_and_back_with_masks(tmp_path, kind, copy):
    written = annotations(tmp_path / "photos")
    formats.write(written, kind, tmp_path / "out", copy)
    read = formats.read(tmp_path / "out")
    assert read.format == kind
    assert_same(read, written)
    place = tmp_path / ("out" if copy else "photos")
    assert all(photo.path.parent.samefile(place) for photo in read.photos)


@pytest.mark.parametrize("kind", WRITERS)
def test_folders_from_where_one_stands(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    formats.write(annotations(Path("photos")), kind, "out")
    read = formats.read("out")
    assert not set(read.problems.counts) - {photo_files.EMPTY}
    assert read.count_regions() == {"top": 1, "bag": 1, "rain boots": 1}


@pytest.mark.parametrize("kind", ["via1", "via2", "via3"])
def test_there_and_back_with_outlines(tmp_path, kind):
    written = annotations(tmp_path / "photos", with_masks=False)
    _, lost = formats.write(written, kind, tmp_path / "out")
    read = formats.read(tmp_path / "out")
    assert read.format == kind
    assert not lost
    assert_same(read, written)


def test_masks_are_written_as_pixels(tmp_path):
    written = annotations(tmp_path / "photos")
    formats.write(written, "masks", tmp_path / "out")
    read = formats.read(tmp_path / "out")
    assert read.format == "masks"
    for photo, expected in zip(read.photos, written.photos, strict=True):
        shape = photo.height, photo.width
        found = {region.class_name: region.bitmap(shape) for region in photo.regions}
        for region in expected.regions:
            np.testing.assert_array_equal(found[region.class_name], region.bitmap(shape))


@pytest.mark.parametrize("kind", ["via2", "via3"])
def test_via_gets_outlines_of_masks(tmp_path, kind):
    written = annotations(tmp_path / "photos")
    _, lost = formats.write(written, kind, tmp_path / "out")
    assert lost.counts == {formats.AS_OUTLINE: 1}
    region = formats.read(tmp_path / "out").photos[1].regions[0]
    filled = np.zeros((60, 80), bool)
    filled[20:40, 5:45] = True
    np.testing.assert_array_equal(region.bitmap((60, 80)), filled)


def test_coco_is_what_pycocotools_reads(tmp_path):
    written = annotations(tmp_path / "photos")
    file, _ = formats.write(written, "coco", tmp_path / "set.json")
    coco = COCO(file)
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == [
        "top", "bag", "rain boots"]
    bitmaps = [coco.annToMask(annotation) for annotation in coco.loadAnns(coco.getAnnIds())]
    regions = [region for photo in written.photos for region in photo.regions]
    for bitmap, region, annotation in zip(bitmaps, regions, coco.dataset["annotations"],
                                          strict=True):
        ours = region.bitmap((60, 80))
        assert (bitmap != ours).sum() <= 0.05 * ours.sum() + 60  # COCO counts rims otherwise
        assert annotation["area"] == bitmap.sum()


def test_photos_of_one_name_stay_apart_when_they_are_copied(tmp_path):
    written = annotations(tmp_path / "x")
    other = annotations(tmp_path / "y", with_masks=False)
    written.photos += other.photos
    formats.write(written, "labelme", tmp_path / "out", copy=True)
    read = formats.read(tmp_path / "out")
    assert sorted(photo.path.name for photo in read.photos) == [
        "a.jpg", "a_2.jpg", "b.jpg", "b_2.jpg", "c.png", "c_2.png"]
    assert read.count_regions() == {"top": 2, "bag": 2, "rain boots": 2}


def test_other_json_files_are_passed_over(tmp_path):
    save_photo(tmp_path / "a.jpg")
    save_json(tmp_path / "package.json", {"name": "a web page"})
    (tmp_path / "._labels.json").write_bytes(b"\x00\x05\x16\x07 from a Mac")
    save_json(tmp_path / "labels.json", via(polygon_region(name="top")))
    read = formats.read(tmp_path)
    assert read.count_regions() == {"top": 1}
    assert read.problems.places(formats.OTHER_JSON) == ["package.json"]


def test_the_usual_name_decides_between_files(tmp_path):
    save_photo(tmp_path / "a.jpg")
    save_json(tmp_path / "via_region_data.json", via(polygon_region(name="top")))
    save_json(tmp_path / "old.json", via(polygon_region(name="bag")))
    read = formats.read(tmp_path)
    assert read.class_names == ("top",)
    assert len(read.problems.places(formats.OTHER_FILE)) == 1
    save_json(tmp_path / "via_project.json", via(polygon_region(name="bag")))
    with pytest.raises(ValueError, match="Several annotation files.*--dataset=FILE"):
        formats.read(tmp_path)


def test_a_folder_without_annotations(tmp_path):
    save_photo(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="No annotations at .*COCO"):
        formats.read(tmp_path)


@pytest.mark.parametrize("content, where", [
    (b'{"images": [],\n "annotations": [}', "line 2, column 18"), (b'{"a": "\xe9"}', "byte 7")])
def test_broken_json_says_where(tmp_path, content, where):
    (tmp_path / "broken.json").write_bytes(content)
    with pytest.raises(ValueError, match=f"broken.json.*{where}"):
        formats.read(tmp_path / "broken.json")


def test_json_that_only_looks_right_is_named(tmp_path):
    file = save_json(tmp_path / "set.json", {"images": [{}], "annotations": [], "categories": []})
    with pytest.raises(ValueError, match="set.json looks like .* not built so: KeyError 'id'"):
        formats.read(file)


def test_unknown_format(tmp_path):
    with pytest.raises(ValueError, match="'voc': expected one of coco"):
        formats.write(annotations(tmp_path), "voc", tmp_path)


@pytest.mark.parametrize("content", [[], {}, {"a": 1}, {"a": {"filename": "x"}}, "text", None])
def test_what_is_no_annotation(content):
    assert formats.kind_of(content) is None


def test_byte_order_mark(tmp_path):
    save_photo(tmp_path / "a.jpg")
    file = save_json(tmp_path / "via.json", via(polygon_region(name="top")), "utf-8-sig")
    read = formats.read(file)
    assert read.count_regions() == {"top": 1}
    assert read.problems.counts == {formats.BYTE_ORDER_MARK: 1}
    assert formats.load_json(file, Problems())


def turned(folder, orientation, upright):
    """A square photo, white but for its black upper left quarter as its region sees it."""
    path = folder / "a.png"
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.full((80, 80, 3), 255, np.uint8)
    pixels[:40, :40] = 0
    image = Image.fromarray(pixels)
    if upright:
        image = image.transpose({2: Image.Transpose.FLIP_LEFT_RIGHT,
                                 3: Image.Transpose.ROTATE_180,
                                 6: Image.Transpose.ROTATE_90}[orientation])
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(path, exif=exif)
    corner = np.array([(2, 2), (38, 2), (38, 38), (2, 38)], np.float32)
    photo = Photo(path, 80, 80, [Region("top", [corner])], upright)
    return Annotations([photo], ("top",), "test")


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("orientation", [2, 3, 6])
@pytest.mark.parametrize("kind", WRITERS)
def test_copies_of_turned_photos_lie_as_their_regions(tmp_path, kind, orientation, upright):
    written = turned(tmp_path / "photos", orientation, upright)
    _, lost = formats.write(written, kind, tmp_path / "out", copy=True)
    assert lost.counts == {formats.SAVED_ANEW: 1}
    (photo,) = formats.read(tmp_path / "out").photos
    for exif in (False, True):  # any tool sees the same
        assert read_image(photo.path, exif=exif)[photo.regions[0].bitmap((80, 80))].max() == 0


@pytest.mark.parametrize("kind, upright, odd", [
    ("coco", True, True), ("coco", False, False), ("via2", True, False), ("via2", False, True),
    ("labelme", False, True)])
def test_turned_photos_that_are_not_copied_are_named(tmp_path, kind, upright, odd):
    _, lost = formats.write(turned(tmp_path / "photos", 3, upright), kind, tmp_path / "out")
    assert lost.places(formats.TURNED) == ["a.png"] * odd


@pytest.mark.parametrize("kind", WRITERS)
def test_what_only_coco_has_is_named(tmp_path, kind):
    region = Region("top", [SQUARE], keypoints=np.ones((2, 3), np.float32), crowd=True,
                    place="a.jpg region 0", notes={"style": 1})
    photo = Photo(save_photo(tmp_path / "a.jpg"), 80, 60, [region])
    written = Annotations([photo], ("top",), "test", keypoint_names=("1", "2"))
    _, lost = formats.write(written, kind, tmp_path / "out")
    reasons = [formats.CROWD, formats.LOST_NOTES, formats.LOST_KEYPOINTS]
    assert lost.counts == ({} if kind == "coco" else dict.fromkeys(reasons, 1))


def test_broken_json_beside_a_project_is_no_small_matter(tmp_path):
    save_photo(tmp_path / "a.jpg")
    save_json(tmp_path / "old.json", via(polygon_region(name="top")))
    (tmp_path / "via_project.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="via_project.json.*breaks at line 1"):
        formats.read(tmp_path)
