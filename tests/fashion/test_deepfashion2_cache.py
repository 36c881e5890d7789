"""The cache of DeepFashion2's annotations: read, renewed, never half."""

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from fashion.datasets import annotations
from tests.fashion import annotated
from tests.fashion.annotated import garment, load, photo, write

own_folders = annotated.own_folders


def cache_folder(root):
    [folder] = (root / "train" / ".mrcnn_cache").iterdir()
    return folder


def labels(dataset):
    return [(info["id"], info["items"], dataset.load_boxes(i).tolist(),
             [p.tolist() for polygons in dataset.load_polygons(i) for p in polygons],
             dataset.load_keypoints(i).sum()) for i, info in enumerate(dataset.image_info)]


@pytest.fixture
def cached(tmp_path):
    """A data set with an oddity, and what its first start read."""
    root = write(tmp_path / "data", [photo(garment(5), garment(9)), photo(garment(1)), "", photo()])
    dataset = load(root)
    return root, labels(dataset), dataset.problems.to_dict()


def forbid_parsing(monkeypatch):
    monkeypatch.setattr(annotations, "parse", lambda *_: pytest.fail("the cache was not used"))


def test_the_second_start_reads_the_cache(cached, monkeypatch):
    root, expected, problems = cached
    forbid_parsing(monkeypatch)
    dataset = load(root)
    assert labels(dataset) == expected
    assert dataset.problems.to_dict() == problems
    assert annotations.EMPTY_FILE in problems


def test_the_cache_follows_the_files(cached):
    root, _, _ = cached
    path = root / "train" / "annos" / "000002.json"
    status = path.stat()
    path.write_text(path.read_text().replace('"style": 1', '"style": 2'))  # as long as before
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert load(root).image_info[1]["items"][0]["style"] == 2
    shutil.copy(path, path.with_name("000005.json"))
    shutil.copy(root / "train" / "image" / "000002.jpg", root / "train" / "image" / "000005.jpg")
    assert load(root).num_images == 4
    (root / "train" / "image" / "000005.jpg").unlink()
    assert load(root).num_images == 3


@pytest.mark.parametrize("damage", ["cut", "flip", "gone", "header", "no checksum"])
def test_a_damaged_cache_is_built_anew_with_a_word(cached, caplog, damage):
    root, expected, _ = cached
    folder = cache_folder(root)
    path, header = folder / "vertices.npy", folder / "header.json"
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[:-8])
    elif damage == "flip":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "gone":
        path.unlink()
    else:
        header.write_text("{" if damage == "header" else '{"checksums": {}}')
    assert labels(load(root)) == expected
    assert "is damaged (" in caplog.text
    caplog.clear()
    load(root)
    assert "is damaged (" not in caplog.text


def test_an_unwritable_folder_is_cached_at_home_or_not_at_all(cached, monkeypatch, caplog):
    root, expected, _ = cached
    shutil.rmtree(root / "train" / ".mrcnn_cache")
    (root / "train" / ".mrcnn_cache").write_text("not a folder")  # as good as read-only, for root
    assert labels(load(root)) == expected
    home = Path(os.environ["XDG_CACHE_HOME"])
    assert len(list(home.rglob("header.json"))) == 1
    with monkeypatch.context() as patch:
        forbid_parsing(patch)
        assert labels(load(root)) == expected
    shutil.rmtree(home)
    home.write_text("not a folder either")
    dataset = load(root)
    assert labels(dataset) == expected and "stay in memory" in caplog.text
    assert labels(pickle.loads(pickle.dumps(dataset))) == expected


def test_an_unfinished_cache_is_never_seen(cached, monkeypatch):
    root, expected, _ = cached
    shutil.rmtree(root / "train" / ".mrcnn_cache")

    def fail(*_, **__):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", fail)
        assert labels(load(root)) == expected
    assert not list((root / "train" / ".mrcnn_cache").iterdir())


def test_old_caches_are_removed_after_a_day(cached):
    root, _, _ = cached
    old = cache_folder(root)
    (root / "train" / "annos" / "000002.json").write_text("{}")
    load(root)
    assert old.exists()  # a training may be using it
    os.utime(old, (0, 0))
    (root / "train" / "annos" / "000002.json").write_text("{} ")
    load(root)
    assert not old.exists()


def test_a_worker_gets_the_folder_not_the_columns(cached):
    root, expected, _ = cached
    dataset = load(root)
    copy = pickle.loads(pickle.dumps(dataset))
    assert labels(copy) == expected
    assert len(pickle.dumps(dataset._columns)) < 500
