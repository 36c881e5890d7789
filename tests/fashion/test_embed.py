"""From photos to garments, and the parts on the disk that a killed run leaves behind."""

import numpy as np
import pytest

from fashion.retrieval import parts as parts_module
from fashion.retrieval.embed import MatchDescriber, garments_of
from fashion.retrieval.garments import Garments
from fashion.retrieval.parts import Parts
from fashion.retrieval.recipe import Recipe
from mrcnn.detection import Raw
from tests.fashion.color_detector import SIMILARITY, ColorDetector, use, write_colors
from tests.fashion.command_files import photo_folder


def one(photo, value):
    """A table with one garment."""
    return Garments([photo], [[0, 0, 5, 5]], [1], [0.9], [[value, value]])


class FakeIndex:
    """What `Parts.move_into` needs of an index: garments in a list."""

    def __init__(self, folder):
        self.folder, self.garments, self.breaks = folder, Garments.none(2), False
        folder.mkdir()

    def update(self, garments=None, forget=()):
        self.garments = self.garments.take(~np.isin(self.garments.photos, list(forget)))
        if self.breaks:
            raise OSError("No space left on device")
        if garments is not None:
            self.garments = Garments.concatenate([self.garments, garments])


def test_photos_of_all_kinds_become_garments_and_bad_ones_are_told(tmp_path, monkeypatch):
    folder, failed = photo_folder(tmp_path / "photos"), {}
    write_colors(folder, red=(255, 0, 0))
    paths = sorted(folder.rglob("*.*"))
    describer = MatchDescriber(use(monkeypatch, ColorDetector()), "w.h5", SIMILARITY)
    found = {path.name: garments for path, garments in describer.embed(paths, failed)}
    assert {path.name for path in failed} == {"cut.jpg", "notes.txt"}
    assert set(found) == {path.name for path in paths} - {"cut.jpg", "notes.txt"}
    assert len(found["rgb.jpg"]) == 0 and found["rgb.jpg"].embeddings.shape == (0, 3)
    red = found["red.png"]
    assert red.photos.tolist() == [str(folder / "red.png")]
    assert red.boxes_px.tolist() == [[20, 15, 60, 45]] and red.embeddings.tolist() == [[1, 0, 0]]


def test_objects_too_weak_to_be_described_are_left_out():
    embeddings = np.array([[1, -2], [0, 3], [0, 0]], np.float32)
    raw = Raw((9, 9), np.arange(12).reshape(3, 4), np.array([4, 5, 6]), np.array([0.9, 0.8, 0.7]),
              embeddings=embeddings)
    garments = garments_of("a.jpg", raw)
    assert garments.class_ids.tolist() == [4, 5] and garments.photos.tolist() == ["a.jpg"] * 2
    assert garments.boxes_px.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_of_detections_that_cover_each_other_the_best_stands_for_the_garment():
    boxes = np.array([[0, 0, 90, 50], [0, 0, 100, 50], [0, 60, 100, 99], [0, 0, 100, 45]])
    raw = Raw((100, 100), boxes, np.array([4, 5, 6, 4]), np.array([0.8, 0.9, 0.05, 0.95]),
              embeddings=np.array([[1.0], [2], [3], [0]]))  # the best of all has no vector
    garments = garments_of("a.jpg", raw)
    assert garments.class_ids.tolist() == [5, 6] and garments.embeddings.tolist() == [[2], [3]]


def test_parts_survive_a_kill_and_a_changed_photo_counts_once(tmp_path, monkeypatch):
    monkeypatch.setattr(parts_module, "PHOTOS", 2)
    parts = Parts(tmp_path, "f")
    parts.add("a", [1], one("a", 1))
    parts.add("b", [1], one("b", 2))
    parts.add("c", [1], one("c", 3))  # the third is not on the disk when the kill comes
    parts = Parts(tmp_path, "f")
    assert parts.finished == {"a": [1], "b": [1]}
    parts.add("a", [2], one("a", 4))
    parts.add("empty", [1], Garments.none(2))
    assert Parts(tmp_path, "f").finished == {"a": [2], "b": [1], "empty": [1]}
    garments = Parts(tmp_path, "f").garments()
    assert dict(zip(garments.photos, garments.embeddings[:, 0], strict=True)) == {"a": 4, "b": 2}
    assert len(garments) == 2


def test_parts_of_other_weights_are_not_gone_on_with(tmp_path):
    parts = Parts(tmp_path, "f")
    parts.add("a", [1], one("a", 1))
    parts.flush()
    assert Parts(tmp_path, "other").finished == {} and Parts(tmp_path, "f").finished == {}


def test_damaged_parts_are_named(tmp_path):
    parts = Parts(tmp_path, "f")
    parts.add("a", [1], one("a", 1))
    parts.flush()
    table, photos = sorted(tmp_path.glob("part_*"), reverse=True)
    table.write_bytes(table.read_bytes()[:200])
    with pytest.raises(ValueError, match="part_000001.npz"):
        Parts(tmp_path, "f").garments()
    table.unlink()  # as the error asks for
    assert Parts(tmp_path, "f").finished == {}
    for damaged in ('{"fing', "[]", '{"a": 1}', '{"fingerprint": "f"}',
                    '{"fingerprint": "f", "photos": []}'):
        photos.write_text(damaged)
        with pytest.raises(ValueError, match="part_000001.json is damaged.*run again"):
            Parts(tmp_path, "f")


def test_moving_into_an_index_can_be_done_again(tmp_path):
    index, recipe = FakeIndex(tmp_path / "index"), Recipe("w.h5", "tiny", [], {"old": [1]})
    index.garments = Garments.concatenate([one("old", 7), one("a", 1), one("gone", 5)])
    index.breaks = True
    parts = Parts(tmp_path / "parts", "f")
    parts.add("a", [2], one("a", 4))
    parts.flush()
    with pytest.raises(OSError):
        parts.move_into(index, recipe, ["gone"])
    index.breaks = False
    parts = Parts(tmp_path / "parts", "f")
    parts.move_into(index, recipe, ["gone"])
    assert dict(zip(index.garments.photos, index.garments.embeddings[:, 0], strict=True)) == {
        "old": 7, "a": 4}
    assert Recipe.read(index.folder).photos == {"old": [1], "a": [2]}
    assert not list((tmp_path / "parts").iterdir())
    parts.move_into(index, recipe)  # nothing new, nothing lost
    assert len(index.garments) == 2


def test_what_is_gone_is_not_moved_in_from_the_parts_either(tmp_path):
    index, recipe = FakeIndex(tmp_path / "index"), Recipe("w.h5", "tiny", [])
    parts = Parts(tmp_path / "parts", "f")
    parts.add("gone", [1], one("gone", 1))
    parts.add("a", [1], one("a", 4))
    parts.flush()
    parts.move_into(index, recipe, ["gone"])
    assert index.garments.photos.tolist() == ["a"] and set(recipe.photos) == {"a"}


def test_a_stamp_tells_a_changed_photo_and_other_settings(tmp_path):
    photo, recipe = tmp_path / "a.jpg", Recipe("w.h5", "tiny", [])
    assert recipe.stamp(photo) is None
    photo.write_bytes(b"12")
    stamp = recipe.stamp(photo)
    assert recipe.stamp(photo) == stamp
    assert Recipe("w.h5", "tiny", ["IMAGE_MAX_DIM=64"]).stamp(photo) != stamp
    photo.write_bytes(b"123")
    assert recipe.stamp(photo) != stamp


def test_no_recipe_and_a_damaged_one_are_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="no made_of.json in it.*--weights=PATH"):
        Recipe.read(tmp_path)
    for damaged in ("{", "[]", '{"a": 1}', '{"weights": "w.h5", "config": null}',
                    '{"weights": "w.h5", "config": null, "settings": [], "photos": []}'):
        (tmp_path / "made_of.json").write_text(damaged)
        with pytest.raises(ValueError, match="made_of.json is damaged.*another --output"):
            Recipe.read(tmp_path)
