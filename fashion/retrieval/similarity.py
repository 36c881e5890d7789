"""How alike two garments are: the match head's last layer, as a formula on their vectors.

The head subtracts two garments' vectors, squares, and puts a fully connected layer of two outputs
and a softmax on top (DeepFashion2, Ge et al., CVPR 2019, section 4). The softmax of two logits is
the sigmoid of their difference, so that the probability of "the same" is

    sigmoid(bias + sum_i weights_i (u_i - v_i)^2)

The square expands, and what depends on both vectors is an inner product: all garments of a gallery
are ranked by one matrix product, and no network runs on pairs.

Letters: E numbers of a vector, Q queries, G garments of the gallery, P pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

# float32 numbers worked on at a time: a quarter of a megabyte stays in a core's cache.
_BLOCK_NUMBERS = 1 << 16


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """Parts of a table of so many rows that fit a core's cache, in order."""
    step = max(1, _BLOCK_NUMBERS // columns)
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


@dataclass(frozen=True, eq=False)
class Similarity:
    """The match head's last layer.

    Attributes:
        weights: [E] float32, of the squared differences; below 0 where a difference speaks
            against "the same".
        bias: logit of two equal vectors.
    """

    weights: np.ndarray
    bias: float

    def __post_init__(self):
        weights = np.ascontiguousarray(self.weights, np.float32)
        if weights.ndim != 1 or not np.isfinite(weights).all() or not np.isfinite(self.bias):
            raise ValueError(f"A similarity needs finite weights [E] and a finite bias, got "
                             f"weights of shape {weights.shape} and bias {self.bias}. "
                             "Take weights of a network whose training did not diverge.")
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "bias", float(self.bias))

    @property
    def size(self) -> int:
        """E."""
        return len(self.weights)

    def logits(self, queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
        """Logits of every query with every garment, pair by pair, as the network computes them.

        This is the reference, not the fast way: see `exact.top_k`.

        Args:
            queries: [Q, E].
            gallery: [G, E].

        Returns:
            [Q, G] float32, log-odds of "the same".
        """
        queries, gallery = self.vectors(queries), self.vectors(gallery)
        logits = np.empty((len(queries), len(gallery)), np.float32)
        for part in blocks(len(gallery), self.size):
            for row, query in enumerate(queries):
                logits[row, part] = self.pair_logits(query, gallery[part])
        return logits

    def pair_logits(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Logits of rows that belong together, the same for a pair whatever is beside it.

        Args:
            left: [P, E] float32, or [E] for all.
            right: [P, E] float32.

        Returns:
            [P] float32.
        """
        squares = left - right
        squares *= squares
        # Not a BLAS product: that rounds equal rows differently, depending on their place.
        return np.einsum("pe,e->p", squares, self.weights) + np.float32(self.bias)

    @staticmethod
    def probabilities(logits: np.ndarray) -> np.ndarray:
        """[...] float32, 0 to 1: that two garments are the same, of their logits.

        Compare logits, not these: in float32 every logit above 17 is a probability of 1.
        """
        return (0.5 * (1 + np.tanh(0.5 * np.asarray(logits, np.float64)))).astype(np.float32)

    def augment_queries(self, vectors: np.ndarray, centre: np.ndarray) -> np.ndarray:
        """Queries whose inner products with `augment_gallery` rank the gallery as the logits do.

        Args:
            vectors: [Q, E].
            centre: [E], taken off both sides: float32 would lose a common offset's difference.

        Returns:
            [Q, E + 1] float32. A product with a garment's augmented vector is the pair's logit
            less what is the same for all garments of the gallery.
        """
        centred = self.vectors(vectors) - np.asarray(centre, np.float32)
        return np.hstack([-2 * self.weights * centred, np.ones((len(centred), 1), np.float32)])

    def augment_gallery(self, vectors: np.ndarray, centre: np.ndarray) -> np.ndarray:
        """[G, E + 1] float32: see `augment_queries`."""
        centred = self.vectors(vectors) - np.asarray(centre, np.float32)
        norms = np.einsum("ge,ge,e->g", centred, centred, self.weights, dtype=np.float64)
        return np.hstack([centred, norms[:, None].astype(np.float32)])

    def vectors(self, vectors: np.ndarray) -> np.ndarray:
        """`vectors` as [N, E] float32.

        Raises:
            ValueError: another shape, or numbers that are not finite.
        """
        vectors = np.ascontiguousarray(vectors, np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != self.size:
            raise ValueError(f"Expected vectors [N, {self.size}], as this similarity was trained "
                             f"on, got {list(vectors.shape)}. Compute them with its own network.")
        if not np.isfinite(vectors).all():
            raise ValueError("Vectors of garments have numbers that are not finite (NaN or "
                             "infinite). Check the network's weights: its training diverged.")
        return vectors
