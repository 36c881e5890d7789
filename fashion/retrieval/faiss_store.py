"""Vectors searched by FAISS (Douze et al., The Faiss library, arXiv 2401.08281), from one file."""

import contextlib
from pathlib import Path

import numpy as np

from fashion.retrieval.store import Change
from fashion.retrieval.versions import ANEW
from mrcnn.files import atomic_path

FILE = "vectors.faiss"
# HNSW: neighbours of a vector, and candidates looked at while building and while searching.
_NEIGHBOURS, _EF_BUILD, _EF_SEARCH = 32, 80, 128
# IVF: lists per square root of the number of vectors, and the share of them that is searched.
_LISTS, _PROBED = 4, 1 / 8
# Vectors added at a time: 16 MB of 257 numbers each.
_STEP = 1 << 14
# Numbers of queries from which FAISS multiplies matrices rather than compare one by one: here 8
# queries of 257 numbers; its own default is 128,000. What either way takes of 1 to 64 queries says
# `python tests/benchmarks/bench_retrieval.py --ways`.
_MATRIX_NUMBERS = 1 << 11


class FaissStore:
    """A `Store` whose versions are files, mapped into memory for reading.

    Args:
        kind: "flat" compares a query with all vectors, on all cores as one matrix product;
            "hnsw" follows a graph of neighbours (Malkov & Yashunin, TPAMI 2018); "ivf" searches
            the nearest of many clusters.
    """

    def __init__(self, kind: str):
        self.kind = kind
        self._index = self._class_ids = None
        self._selectors = {}

    @classmethod
    def of(cls, vectors: np.ndarray) -> "FaissStore":
        """An exact store of vectors [N, D], in memory only."""
        store = cls("flat")
        store._index = store._new(vectors.shape[1], len(vectors))
        store._index.add(vectors)
        return store

    def write(self, change: Change, old: Path, new: Path) -> None:
        """Adds to a copy of the old version's file, or builds anew after a removal.

        A graph cannot forget a vector, and clusters made for few vectors do not fit many:
        everything is also built anew when more vectors come than there were.
        """
        faiss = _faiss()
        count = len(change.ids)
        if not change.is_smaller and count <= 2 * change.kept:
            start = change.kept
            index = faiss.read_index(str(old / FILE))  # unmapped: FAISS aborts on a mapped one
        else:
            start = 0
            index = self._new(change.vectors(slice(0, 0)).shape[1], count)
        if not index.is_trained:
            index.train(change.vectors(slice(0, count)))
        for first in range(start, count, _STEP):
            index.add(change.vectors(slice(first, min(first + _STEP, count))))
        with atomic_path(new / FILE) as temporary:
            faiss.write_index(index, str(temporary))

    def tidy(self, removed: np.ndarray | None) -> None:
        """Nothing: a version's file goes with its folder."""

    def open(self, folder: Path, ids: np.ndarray, class_ids: np.ndarray) -> None:
        """Maps a version's file.

        Raises:
            ValueError: the file is cut short, or is not FAISS'.
        """
        faiss = _faiss()
        try:
            self._index = faiss.read_index(str(folder / FILE), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise ValueError(f"{folder / FILE} is not a whole FAISS index. {ANEW}") from error
        if self._index.ntotal != len(ids):
            raise ValueError(f"{folder / FILE} has {self._index.ntotal} vectors, expected "
                             f"{len(ids)}. {ANEW}")
        self._class_ids, self._selectors = class_ids, {}

    def search(self, queries: np.ndarray, k: int,
               class_id: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """See `Store`."""
        # The caller has a thread for each core. FAISS' own would wait for each other at every
        # block of the product, which is slow where cores are shared.
        with _one_thread():
            products, rows = self._index.search(queries, k, params=self._parameters(k, class_id))
        return rows, products if self.kind == "flat" else -products

    def close(self) -> None:
        """Unmaps the file."""
        self._index = None

    def _new(self, size, count):
        faiss = _faiss()
        if self.kind == "flat":
            return faiss.IndexFlatIP(size)  # the others look for near vectors, see `Space`
        if self.kind == "hnsw":
            index = faiss.IndexHNSWFlat(size, _NEIGHBOURS)
            index.hnsw.efConstruction = _EF_BUILD
            return index
        lists = max(1, min(int(_LISTS * count ** 0.5), count // 39))  # k-means asks for 39 each
        return faiss.index_factory(size, f"IVF{lists},Flat")

    def _parameters(self, k, class_id):
        """How to search: the class's vectors only, and how much of an approximate index."""
        faiss = _faiss()
        selector, share = self._selector(class_id)
        if self.kind == "flat":
            return selector and faiss.SearchParameters(sel=selector)
        if self.kind == "hnsw":
            # The graph is walked through all classes: more steps, the rarer this one is.
            steps = min(round(max(_EF_SEARCH, 2 * k) / share), self._index.ntotal)
            return faiss.SearchParametersHNSW(sel=selector, efSearch=steps)
        return faiss.SearchParametersIVF(sel=selector, nprobe=max(
            1, round(_PROBED * self._index.nlist)))

    def _selector(self, class_id):
        """FAISS' selector of a class and the share of vectors it lets through."""
        if class_id is None:
            return None, 1.0
        if class_id not in self._selectors:
            chosen = self._class_ids == class_id
            bits = np.packbits(chosen, bitorder="little")
            self._selectors[class_id] = (_faiss().IDSelectorBitmap(bits),
                                         max(chosen.mean(), 1 / len(chosen)))
        return self._selectors[class_id]


def _faiss():
    try:
        import faiss
    except ImportError as error:
        raise ImportError("Finding garments needs FAISS: pip install faiss-cpu==1.15.*"
                          ) from error
    faiss.cvar.distance_compute_blas_threshold = _MATRIX_NUMBERS
    return faiss


@contextlib.contextmanager
def _one_thread():
    """Sets the calling thread's number of OpenMP threads; other threads keep theirs."""
    faiss = _faiss()
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
