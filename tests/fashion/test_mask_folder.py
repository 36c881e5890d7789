"""Folders of mask images, in their three layouts."""

import numpy as np
import pytest
from PIL import Image

from fashion.datasets import formats, mask_folder
from fashion.datasets.regions import (
    BROKEN_MASK,
    EMPTY_MASK,
    Annotations,
    Photo,
    Region,
    classes_of,
)
from tests.fashion.own_photos import HEIGHT, SQUARE, WIDTH, save_photo


def save_mask(path, *boxes, value=255, shape=(HEIGHT, WIDTH)):
    """Writes a picture in which boxes (y1, x1, y2, x2) have a value."""
    mask = np.zeros(shape, np.uint8)
    for y1, x1, y2, x2 in boxes:
        mask[y1:y2, x1:x2] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)


def test_one_picture_for_each_object(tmp_path):
    save_photo(tmp_path / "images" / "a.jpg")
    save_mask(tmp_path / "masks" / "a" / "top_1.png", (5, 5, 20, 30))
    save_mask(tmp_path / "masks" / "a" / "top_2.png", (30, 5, 50, 30), value=1)
    save_mask(tmp_path / "masks" / "a" / "rain boots.png", (40, 50, 50, 60))
    save_mask(tmp_path / "masks" / "a" / "bag_1.png")
    save_mask(tmp_path / "masks" / "a" / "top_3.png", (5, 5, 9, 9), shape=(HEIGHT, WIDTH + 1))
    (tmp_path / "masks" / "a" / "top_4.png").write_bytes(b"no picture")
    annotations = formats.read(tmp_path)
    assert annotations.count_regions() == {"rain boots": 1, "top": 2}
    assert [region.box().tolist() for region in annotations.photos[0].regions] == [
        [40, 50, 50, 60], [5, 5, 20, 30], [30, 5, 50, 30]]
    assert annotations.problems.counts == {BROKEN_MASK: 2, EMPTY_MASK: 1}


@pytest.mark.parametrize("lines", [["top", "bag"], ["_background_", "top", "bag"]])
def test_label_pictures(tmp_path, lines):
    save_photo(tmp_path / "images" / "a.jpg")
    save_photo(tmp_path / "images" / "b.jpg")
    (tmp_path / "classes.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[5:20, 5:30], labels[30:50, 5:30], labels[5:9, 40:60], labels[50:, 70:] = 1, 1, 2, 3
    (tmp_path / "labels").mkdir()
    palette = Image.fromarray(labels, "P")
    palette.putpalette(np.arange(768, dtype=np.uint8)[::-1].tobytes())
    palette.save(tmp_path / "labels" / "a.png")
    annotations = formats.read(tmp_path)
    assert annotations.count_regions() == {"top": 2, "bag": 1}
    assert annotations.problems.places(mask_folder.NOT_LISTED) == ["a.png class 3"]
    assert annotations.problems.places(mask_folder.NO_LABELS) == ["b.jpg"]


def test_a_folder_for_each_photo(tmp_path):
    for name in ("4a1", "9f0"):
        save_photo(tmp_path / name / "images" / f"{name}.png")
        save_mask(tmp_path / name / "masks" / "0c2.png", (5, 5, 20, 30))
        save_mask(tmp_path / name / "masks" / "7d.png", (30, 5, 50, 30))
    annotations = formats.read(tmp_path)
    assert annotations.count_regions() == {"object": 4}
    assert [photo.path.name for photo in annotations.photos] == ["4a1.png", "9f0.png"]


def test_classes_whose_names_no_file_can_have(tmp_path):
    names = ["a/b", "a:b", ".dot", "a-b", "..", "size 12"]
    photo = Photo(save_photo(tmp_path / "a.jpg"), WIDTH, HEIGHT,
                  [Region(name, [SQUARE]) for name in names])
    _, lost = formats.write(Annotations([photo], classes_of([photo]), "test"), "masks",
                            tmp_path / "out")
    assert formats.read(tmp_path / "out").count_regions() == dict.fromkeys(
        ["a-b", "a-b_2", "a-b_3", "dot", "object", "size 12"], 1)
    assert lost.places(mask_folder.RENAMED) == [
        "'a/b' as 'a-b'", "'a:b' as 'a-b_2'", "'.dot' as 'dot'", "'a-b' as 'a-b_3'",
        "'..' as 'object'"]


def test_photos_without_any_object_stay_a_data_set(tmp_path):
    photo = Photo(save_photo(tmp_path / "a.jpg"), WIDTH, HEIGHT)
    formats.write(Annotations([photo], (), "test"), "masks", tmp_path / "out")
    annotations = formats.read(tmp_path / "out")
    assert [photo.path.name for photo in annotations.photos] == ["a.jpg"]
