"""The best of a gallery, exactly: one matrix product for all pairs, the network's formula for few.

The product of augmented vectors (`Similarity.augment_queries`) gives every pair's logit but for
float32's rounding, of which `Space.slack` is an upper bound. Pairs within that bound of a query's
k-th best are computed again directly, so that the result is that of comparing pair by pair.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fashion.retrieval.faiss_store import FaissStore
from fashion.retrieval.similarity import Similarity, blocks
from fashion.retrieval.space import Space

# Garments asked for beyond k, for those that rounding may have put in a wrong order. A query
# with still more of them (copies of one photo in a gallery) is compared with all, pair by pair.
_MARGIN = 12
# Queries of one matrix product, which FAISS multiplies with 1,024 garments at a time.
_CHUNK = 1024


def top_k(similarity: Similarity, queries: np.ndarray, gallery: np.ndarray, k: int,
          allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The k garments of a gallery that are most likely the same as each query.

    Args:
        similarity: of the network that computed the vectors.
        queries: [Q, E].
        gallery: [G, E].
        k: how many.
        allowed: [G] bool, the garments to choose from; all by default.

    Returns:
        rows [Q, k] int64 of the gallery, best first, equal logits by row, -1 where there are
        fewer than k; their logits [Q, k] float32, -inf there.
    """
    queries, gallery = similarity.vectors(queries), similarity.vectors(gallery)
    chosen = np.arange(len(gallery)) if allowed is None else np.flatnonzero(allowed)
    if not len(chosen):
        return nothing(len(queries), k)
    gallery = gallery[chosen]
    space = Space.of(similarity, gallery)
    store = FaissStore.of(space.gallery(gallery))
    rows, logits = rank(space, queries, gallery, k, store.search, np.arange(len(gallery)))
    return np.where(rows < 0, -1, chosen[rows]), logits


def rank(space: Space, queries: np.ndarray, gallery: np.ndarray, k: int, search: Callable,
         allowed: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Ranks what a store finds by the direct formula, on all cores.

    Args:
        space: of the gallery.
        queries: [Q, E] float32.
        gallery: [G, E] float32, which may be a memory map.
        k: how many garments for each query.
        search: a store's: (`space.queries`, n) -> rows [q, n] int64, best first, -1 where there
            are fewer; products [q, n] float32.
        allowed: [A] rows the store searches among, for queries whose k best cannot be proven;
            None where the store is approximate, and nothing can.

    Returns:
        See `top_k`.
    """
    if k < 1:
        raise ValueError(f"Expected to find at least 1 garment for each query, got k={k}.")
    rows, logits = nothing(len(queries), k)

    def work(part):
        found, own = _rank_part(space, queries[part], gallery, k, search, allowed)
        rows[part, :found.shape[1]], logits[part, :own.shape[1]] = found, own

    with ThreadPoolExecutor(_cores()) as pool:
        list(pool.map(work, _parts(len(queries), _cores())))
    return rows, logits


def nothing(queries: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows and logits [queries, k] of a search that finds nothing."""
    return np.full((queries, k), -1, np.int64), np.full((queries, k), -np.inf, np.float32)


def _rank_part(space, queries, gallery, k, search, allowed):
    """`rank` of a chunk of queries."""
    rows, products = search(space.queries(queries), k + _MARGIN)
    close = rows >= 0
    if allowed is not None:
        close &= products >= (products[:, k - 1] - 2 * space.slack(queries))[:, None]
    logits = np.full(rows.shape, -np.inf, np.float32)
    logits[close] = _direct(space.similarity, queries, np.nonzero(close)[0], gallery, rows[close])
    rows, logits = _best(rows, logits, k)
    if allowed is not None:
        for query in np.flatnonzero(close[:, -1]):  # what follows may be as close
            all_logits = space.similarity.logits(queries[query:query + 1], gallery[allowed])
            own = _best(allowed[None], all_logits, k)
            rows[query], logits[query] = own[0][0], own[1][0]
    return rows, logits


def _direct(similarity, queries, query_rows, gallery, gallery_rows):
    """Logits [P] of pairs, block by block."""
    logits = np.empty(len(query_rows), np.float32)
    for part in blocks(len(logits), similarity.size):
        logits[part] = similarity.pair_logits(queries[query_rows[part]],
                                              gallery[gallery_rows[part]])
    return logits


def _best(rows, logits, k):
    """The first k of [q, n] rows and logits by logit, equal ones by row; no row without one."""
    order = np.lexsort((rows, -logits))[:, :k]
    rows, logits = (np.take_along_axis(values, order, 1) for values in (rows, logits))
    return np.where(np.isneginf(logits), -1, rows), logits


def _cores():
    if hasattr(os, "sched_getaffinity"):  # not on Windows and macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _parts(queries, workers):
    """Equal chunks, as many for each worker."""
    chunks = workers * -(-queries // (_CHUNK * workers))
    edges = np.linspace(0, queries, chunks + 1).astype(int)
    return [slice(start, stop) for start, stop in zip(edges, edges[1:], strict=False)
            if start < stop]
