"""The index's folder: versions, writers, readers, damage; and what it finds."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fashion.retrieval import versions
from fashion.retrieval.exact import top_k
from fashion.retrieval.garments import Garments
from fashion.retrieval.index import RetrievalIndex
from fashion.retrieval.lock import hold
from fashion.retrieval.similarity import Similarity

ROOT = Path(__file__).resolve().parents[2]
SIZE = 16
FINGERPRINT = "0123456789abcdef" * 4


def garments(count, first=0, size=SIZE):
    """One garment on each photo; `first` is the number of the first and a seed."""
    rng = np.random.default_rng(first)
    return Garments([f"{first + i}.jpg" for i in range(count)], rng.random((count, 4)),
                    rng.integers(1, 4, count), rng.random(count),
                    rng.standard_normal((count, size)) + 100)


def make(folder, count=50, kind="flat", store="faiss"):
    weights = np.random.default_rng(5).normal(-0.2, 0.1, SIZE)
    index = RetrievalIndex.create(folder, Similarity(weights, 1.5), FINGERPRINT,
                                  ["BG", "top", "skirt", "dress"], kind, store)
    if count:
        index.add(garments(count))
    return index


def assert_finds_the_best(index, k=20):
    queries = garments(30, first=10_000).embeddings
    hits = index.search(queries, k)
    rows, logits = top_k(index.similarity, queries, index.garments.embeddings, k)
    np.testing.assert_array_equal(hits.rows, rows)
    np.testing.assert_allclose(hits.logits, logits, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(hits.probabilities, Similarity.probabilities(hits.logits))


def test_made_opened_searched(tmp_path):
    make(tmp_path / "shop")
    index = RetrievalIndex.open(tmp_path / "shop", FINGERPRINT)
    assert index.class_names == ["BG", "top", "skirt", "dress"] and index.recall is None
    assert index.garments.photos.tolist() == garments(50).photos.tolist()
    np.testing.assert_array_equal(index.garments.embeddings, garments(50).embeddings)
    assert_finds_the_best(index)
    own = index.search(index.garments.embeddings, 1)
    assert own.rows.shape == (50, 1)


def test_vectors_are_mapped_not_read(tmp_path):
    index = make(tmp_path)
    base = index.garments.embeddings
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)


@pytest.mark.parametrize("class_id", [1, 3])
def test_one_category(tmp_path, class_id):
    index = make(tmp_path)
    queries = garments(10, first=500).embeddings
    own = index.garments.class_ids == class_id
    rows, logits = top_k(index.similarity, queries, index.garments.embeddings, 30, own)
    hits = index.search(queries, 30, class_id)
    np.testing.assert_array_equal(hits.rows, rows)
    assert (hits.rows[:, own.sum():] == -1).all() and (hits.probabilities[hits.rows < 0] == 0).all()


def test_a_category_that_no_garment_has(tmp_path):
    assert (make(tmp_path).search(garments(2).embeddings, 3, class_id=13).rows == -1).all()


@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf"])
def test_garments_come_and_go(tmp_path, kind):
    index = make(tmp_path, 100, kind)
    index.add(garments(20, first=100))  # in a copy of the old file
    index.add(garments(300, first=200))  # more than there were: built anew
    assert index.delete(["5.jpg", "201.jpg", "unknown.jpg"]) == 2
    photos = [f"{i}.jpg" for i in [*range(120), *range(200, 500)] if i not in (5, 201)]
    assert RetrievalIndex.open(tmp_path).garments.photos.tolist() == photos
    if kind == "flat":
        assert_finds_the_best(index)
    else:
        assert 0.3 < index.recall <= 1 and index.recall == index.measure_recall()
        found = index.search(index.garments.embeddings, 1).rows[:, 0]
        assert (found == np.arange(len(photos))).mean() > 0.3
    assert index.update(garments(7, first=900), forget=photos) == len(photos)
    assert index.garments.photos.tolist() == [f"{i}.jpg" for i in range(900, 907)]
    assert [path.name for path in tmp_path.glob("version_*")] == ["version_000005"]


def test_a_graph_finds_nearly_all_in_a_space_with_structure(tmp_path):
    rng = np.random.default_rng(0)
    groups = rng.standard_normal((100, SIZE))[rng.integers(0, 100, 2000)]
    table = Garments(["a.jpg"] * 2000, np.zeros((2000, 4)), rng.integers(1, 4, 2000),
                     np.ones(2000), groups + 0.3 * rng.standard_normal((2000, SIZE)))
    index = make(tmp_path, 0, "hnsw")
    index.add(table)
    assert index.recall > 0.98
    queries = table.embeddings[:50] + 0.1
    exact, _ = top_k(index.similarity, queries, table.embeddings, 20, table.class_ids == 2)
    hits = index.search(queries, 20, class_id=2)
    assert np.mean([len(set(a) & set(b)) / 20 for a, b in zip(hits.rows, exact, strict=True)]) > .95


def test_an_open_reader_keeps_its_version(tmp_path):
    writer = make(tmp_path)
    reader = RetrievalIndex.open(tmp_path)
    before = reader.search(garments(5, first=77).embeddings)
    writer.update(garments(30, first=300), forget=["0.jpg", "1.jpg"])
    after = reader.search(garments(5, first=77).embeddings)
    np.testing.assert_array_equal(before.rows, after.rows)
    assert len(reader.garments) == 50 and len(RetrievalIndex.open(tmp_path).garments) == 78


def test_a_reader_that_a_writer_overtakes_while_it_opens(tmp_path, monkeypatch):
    writer, check, overtakes = make(tmp_path), versions.Manifest.check, [True]

    def overtaken(manifest, folder):
        if overtakes and overtakes.pop():
            writer.add(garments(2, first=100))  # which removes the version being opened
        check(manifest, folder)

    monkeypatch.setattr(versions.Manifest, "check", overtaken)
    assert len(RetrievalIndex.open(tmp_path).garments) == 52


def test_a_writer_adds_to_what_another_wrote(tmp_path):
    one, other = make(tmp_path), RetrievalIndex.open(tmp_path)
    one.add(garments(3, first=100))
    other.add(garments(2, first=200))
    assert len(RetrievalIndex.open(tmp_path).garments) == 55
    assert_finds_the_best(other)


def test_empty_gallery(tmp_path):
    index = make(tmp_path, 0)
    with pytest.raises(ValueError, match="has no garments. Add photos"):
        index.search(garments(1).embeddings)
    index.add(Garments.none(SIZE))
    index.add(garments(3))
    index.delete(index.garments.photos)
    with pytest.raises(ValueError, match="has no garments"):
        RetrievalIndex.open(tmp_path).search(garments(1).embeddings)
    index.add(garments(3, first=9))
    assert_finds_the_best(index, 3)


def test_other_weights(tmp_path):
    make(tmp_path)
    with pytest.raises(ValueError, match="0123456789ab, .* ffffffffffff"):
        RetrievalIndex.open(tmp_path, "f" * 64)


def test_vectors_of_another_length(tmp_path):
    index = make(tmp_path)
    with pytest.raises(ValueError, match=r"\[N, 16\]"):
        index.add(garments(2, size=8))
    with pytest.raises(ValueError, match=r"\[N, 16\]"):
        index.search(np.zeros((1, 8)))


def test_bad_arguments(tmp_path):
    make(tmp_path / "one")
    with pytest.raises(ValueError, match="has an index already"):
        make(tmp_path / "one")
    with pytest.raises(ValueError, match="flat, hnsw, ivf, got 'pq'"):
        make(tmp_path / "two", kind="pq")
    with pytest.raises(ValueError, match="got 'qdrant'"):
        make(tmp_path / "two", store="qdrant")
    assert not (tmp_path / "two").exists()


@pytest.mark.parametrize("name", ["vectors.faiss", "embeddings.npy", "ids.npy", "garments.npz"])
def test_files_cut_short_or_missing(tmp_path, name):
    make(tmp_path)
    path = tmp_path / "version_000001" / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=f"{name} has .* bytes, expected"):
        RetrievalIndex.open(tmp_path)
    path.unlink()
    with pytest.raises(ValueError, match=f"{name} is missing"):
        RetrievalIndex.open(tmp_path)


def test_a_file_of_the_right_size_that_is_not_faiss(tmp_path):
    make(tmp_path)
    path = tmp_path / "version_000001" / "vectors.faiss"
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(ValueError, match="not a whole FAISS index"):
        RetrievalIndex.open(tmp_path)


@pytest.mark.parametrize("name, old, new", [
    ("embeddings.npy", b"NUMPY", b"NAMPY"), ("embeddings.npy", b"{", b"("),
    ("embeddings.npy", b"(50, 16)", b"(16, 50)"), ("embeddings.npy", b"<f4", b"<i4"),
    ("ids.npy", b"NUMPY", b"NAMPY"), ("ids.npy", b"\n", b"("),
    ("ids.npy", b"(50,)", b"(25,)"), ("ids.npy", b"<i8", b"<f8"),
])
def test_damage_of_the_right_size_names_the_folder(tmp_path, name, old, new):
    make(tmp_path)
    path = tmp_path / "version_000001" / name
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(ValueError, match="version_000001 is damaged.*another --output"):
        RetrievalIndex.open(tmp_path)


def test_a_damaged_table_names_its_file_and_nobody_is_asked_to_make_it(tmp_path):
    make(tmp_path)
    path = tmp_path / "version_000001" / "garments.npz"
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(ValueError, match="garments.npz is not a whole.*index again with another"):
        RetrievalIndex.open(tmp_path)


def test_a_faiss_file_of_other_vectors(tmp_path):
    make(tmp_path / "few", 3)
    make(tmp_path / "many", 9)
    home, path = tmp_path / "few" / "version_000001", tmp_path / "few" / versions.FILE
    (tmp_path / "many" / home.name / "vectors.faiss").replace(home / "vectors.faiss")
    versions.Manifest.read(path.parent).with_files(path.parent).write(path.parent)
    with pytest.raises(ValueError, match="vectors.faiss has 9 vectors, expected 3"):
        RetrievalIndex.open(path.parent)


@pytest.mark.parametrize("change", [
    {"weights": "abc"}, {"weights": ["a"] * SIZE}, {"weights": [-1.0] * (SIZE - 1)},
    {"bias": "b"}, {"centre": [0.0]}, {"centre": ["a"] * SIZE}, {"kind": "pq"},
    {"files": []}, {"version": "1"}, {"recall": "all"},
])
def test_a_manifest_of_other_values(tmp_path, change):
    make(tmp_path)
    path = tmp_path / versions.FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match="index.json is damaged.*another --output"):
        RetrievalIndex.open(tmp_path)


def test_weights_of_a_manifest_that_are_not_those_of_the_vectors(tmp_path):
    make(tmp_path)
    path = tmp_path / versions.FILE
    few = {"weights": [-1.0] * (SIZE - 1), "centre": [0.0] * (SIZE - 1)}
    path.write_text(json.dumps(json.loads(path.read_text()) | few))
    with pytest.raises(ValueError, match="version_000001 is damaged.*another --output"):
        RetrievalIndex.open(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', '{"format": 99}'])
def test_damaged_manifest(tmp_path, content):
    make(tmp_path, 0)
    (tmp_path / versions.FILE).write_text(content)
    with pytest.raises(ValueError, match="index.json is (damaged|of format 99)"):
        RetrievalIndex.open(tmp_path)


def test_no_index_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not an index"):
        RetrievalIndex.open(tmp_path)


def test_a_writer_that_fails_leaves_the_old_version(tmp_path, monkeypatch):
    index = make(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(versions.Manifest, "write", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            index.add(garments(5, first=100))
    assert len(RetrievalIndex.open(tmp_path).garments) == 50
    index.add(garments(5, first=100))
    assert len(index.garments) == 55
    assert [path.name for path in tmp_path.glob("version_*")] == ["version_000002"]


def test_two_writers_at_once(tmp_path):
    index = make(tmp_path)
    with hold(tmp_path / "lock"):
        with pytest.raises(BlockingIOError, match="being written by process [0-9]+ on .* since"):
            index.add(garments(1, first=100))
        assert len(RetrievalIndex.open(tmp_path).garments) == 50  # readers do not wait
    index.add(garments(1, first=100))


def test_lock_of_a_killed_process_is_taken_over(tmp_path):
    lock = tmp_path / "lock"
    code = f"import time; from fashion.retrieval.lock import hold\nwith hold({str(lock)!r}):\n" \
           "    print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(BlockingIOError, match=f"process {other.pid} "), hold(lock):
            pass
        other.kill()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            with hold(lock):
                assert json.loads(lock.read_text())["process"] != other.pid
                return
        except BlockingIOError:
            time.sleep(0.05)
    pytest.fail("the lock outlived its process")
