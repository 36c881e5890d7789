"""The best of a gallery, exactly: one matrix product for all pairs, the network's formula for few.

The product of augmented vectors (`Similarity.augment_queries`) gives every pair's logit but for
float32's rounding, of which `Space.slack` is an upper bound. Pairs within that bound of a query's
k-th best are computed again directly, so that the result is that of comparing pair by pair.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from fashion.retrieval.faiss_store import FaissStore
from fashion.retrieval.similarity import Similarity, blocks
from fashion.retrieval.space import Space

# Garments asked for beyond k, for those that rounding may have put in a wrong order; queries with
# still more of them (copies of one photo in a gallery) are searched again with the second number.
_MARGIN, _WIDE_MARGIN = 12, 256
# Garments farthest from the centre that are left out of the bound on the second search, and
# compared pair by pair instead: one far outlier makes the bound useless for all others.
_FAR = 64
# Queries of which all pairs are computed at a time: their logits are 10 MB of 37,000 garments.
_FEW = 64
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
    if not len(queries):
        return nothing(0, k)
    none = np.zeros(0, np.int64)
    rows, logits, is_open = _in_parts(partial(
        _nearest, space, gallery, k, search, _MARGIN, none), queries, _CHUNK)
    if allowed is not None and is_open.any():
        among = gallery if len(allowed) == len(gallery) else gallery[allowed]
        near, far = space.without_far(among, _FAR)
        again = partial(_nearest, near, gallery, k, search, _WIDE_MARGIN, allowed[far])
        every = partial(_all_pairs, space.similarity, among, k, allowed)
        for step, chunk in ((again, _CHUNK), (every, _FEW)):
            left = np.flatnonzero(is_open)
            if len(left):
                rows[left], logits[left], is_open[left] = _in_parts(step, queries[left], chunk)
    return rows, logits


def nothing(queries: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows and logits [queries, k] of a search that finds nothing."""
    return np.full((queries, k), -1, np.int64), np.full((queries, k), -np.inf, np.float32)


def _in_parts(function, queries, chunk):
    """The arrays that a function gives for queries [Q, E], Q at least 1, part by part."""
    with ThreadPoolExecutor(_cores()) as pool:
        found = list(pool.map(function, [queries[part] for part in _parts(len(queries), chunk)]))
    return [np.concatenate(arrays) for arrays in zip(*found, strict=True)]


def _nearest(space, gallery, k, search, margin, far, queries):
    """The best of a store's first k + margin and of the rows `far`, by the direct formula.

    Returns:
        rows [q, k], logits [q, k], and [q] bool: whether garments that follow may be as good.
    """
    rows, products = search(space.queries(queries), k + margin)
    is_near = (rows >= 0) & ~np.isin(rows, far)
    best = -np.sort(-np.where(is_near, products, -np.inf), axis=1)[:, k - 1]
    least = np.full(len(rows), -np.inf) if space.by_distance else best - 2 * space.slack(queries)
    is_open = (rows[:, -1] >= 0) & (products[:, -1] >= least)
    close = is_near & (products >= least[:, None])
    rows = np.hstack([rows, np.tile(far, (len(rows), 1))])
    close = np.hstack([close, np.ones((len(rows), len(far)), bool)])
    logits = np.full(rows.shape, -np.inf, np.float32)
    logits[close] = _direct(space.similarity, queries, np.nonzero(close)[0], gallery, rows[close])
    return *_best(rows, logits, k), is_open


def _all_pairs(similarity, among, k, allowed, queries):
    """As `_nearest`, of every pair; `among` are the garments of the rows `allowed`."""
    logits = similarity.logits(queries, among)
    rows, logits = _best(np.broadcast_to(allowed, logits.shape), logits, k)
    return rows, logits, np.zeros(len(rows), bool)


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


def _parts(queries, chunk):
    """Equal slices of at most `chunk` queries, as many for each core."""
    chunks = _cores() * -(-queries // (chunk * _cores()))
    edges = np.linspace(0, queries, chunks + 1).astype(int)
    return [slice(start, stop) for start, stop in zip(edges, edges[1:], strict=False)
            if start < stop]
