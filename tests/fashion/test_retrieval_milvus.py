"""The same index with its vectors in Milvus, served from within the process by milvus-lite."""

import dataclasses
import sys

import numpy as np
import pytest

from fashion.retrieval import milvus_store
from fashion.retrieval.exact import top_k
from fashion.retrieval.garments import Garments
from fashion.retrieval.index import RetrievalIndex
from fashion.retrieval.similarity import Similarity
from fashion.retrieval.versions import Manifest

SIZE = 8


def garments(count, first=0):
    rng = np.random.default_rng(first)
    return Garments([f"{first + i}.jpg" for i in range(count)], rng.random((count, 4)),
                    rng.integers(1, 3, count), rng.random(count),
                    rng.standard_normal((count, SIZE)) + 50)


def make(folder, kind="flat", store="milvus"):
    weights = np.random.default_rng(5).normal(-0.2, 0.1, SIZE)
    return RetrievalIndex.create(folder, Similarity(weights, 1.5), "f" * 64, ["BG", "a", "b"],
                                 kind, store)


@pytest.fixture
def milvus():
    for package in ("pymilvus", "milvus_lite"):
        pytest.importorskip(package, reason='optional: pip install "pymilvus[milvus_lite]"')


def assert_finds_the_best(index, class_id=None):
    queries = garments(12, first=10_000).embeddings
    allowed = None if class_id is None else index.garments.class_ids == class_id
    rows, _ = top_k(index.similarity, queries, index.garments.embeddings, 20, allowed)
    np.testing.assert_array_equal(index.search(queries, 20, class_id).rows, rows)


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
def test_milvus_finds_what_faiss_finds(milvus, tmp_path, kind):
    index = make(tmp_path, kind)
    index.add(garments(60))
    index.add(garments(20, first=100))  # in place for flat, anew where vectors lie farther out
    assert index.delete(["3.jpg", "101.jpg"]) == 2
    index.close()
    index = RetrievalIndex.open(tmp_path, "f" * 64)
    assert len(index.garments) == 78
    assert_finds_the_best(index)
    assert_finds_the_best(index, class_id=2)
    index.update(garments(5, first=300), forget=index.garments.photos)
    assert sorted(index.search(garments(1).embeddings, 9).rows[0]) == [-1] * 4 + list(range(5))
    index.close()


def test_what_a_killed_writer_left_is_passed_over_and_written_over(milvus, tmp_path, monkeypatch):
    index = make(tmp_path)
    index.add(garments(40))
    with monkeypatch.context() as patch:
        patch.setattr("fashion.retrieval.versions.Manifest.write", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            index.add(garments(10, first=100))
    assert_finds_the_best(index)
    index.add(garments(15, first=200))
    assert_finds_the_best(index)
    index.close()


def test_a_collection_that_is_gone(milvus, tmp_path):
    index = make(tmp_path)
    index.add(garments(4))
    index.close()
    manifest = Manifest.read(tmp_path)
    dataclasses.replace(manifest, collection="garments_elsewhere").write(tmp_path)
    with pytest.raises(ValueError, match="no collection garments_elsewhere"):
        RetrievalIndex.open(tmp_path)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://127.0.0.1:99999", "foo://x:1"])
def test_no_server_is_said_and_leaves_no_index(milvus, tmp_path, address):
    with pytest.raises(ConnectionError, match=f"No Milvus answers at {address}.*Start the server"):
        make(tmp_path, store=address)
    assert not (tmp_path / "index.json").exists()
    make(tmp_path).close()
    manifest = Manifest.read(tmp_path)
    dataclasses.replace(manifest, store=address).write(tmp_path)
    with pytest.raises(ConnectionError, match=f"No Milvus answers at {address}"):
        RetrievalIndex.open(tmp_path)


def test_a_file_that_cannot_be_opened(milvus, tmp_path):
    (tmp_path / "milvus.db").write_text("no Milvus")
    with pytest.raises(ConnectionError, match="milvus.db .*Another process may have it open"):
        make(tmp_path)


def test_without_pymilvus(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(ImportError, match=r'pip install "pymilvus\[milvus_lite\]"'):
        make(tmp_path)
    assert not (tmp_path / "index.json").exists()


@pytest.mark.parametrize("k, ef", [(20, 256), (500, 500)])
def test_a_server_is_asked_to_look_for_as_many_as_are_wanted(k, ef, monkeypatch):
    asked = []

    class Client:
        def search(self, *_, search_params, **__):
            asked.append(search_params["params"])
            return [[]]

    monkeypatch.setattr(milvus_store, "_connect", lambda _: Client())
    store = milvus_store.MilvusStore("hnsw", "http://host:19530", "garments")
    store._ids = np.arange(3)
    store.search(np.zeros((1, 4), np.float32), k)
    store.search(np.zeros((1, 4), np.float32), 20)
    assert asked == [{"ef": ef}, {"ef": 256}]  # Milvus: ef must not be below the limit
