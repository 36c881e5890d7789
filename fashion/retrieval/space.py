"""Vectors in which a store finds the garments of the best logits: as products, or as distances."""

from dataclasses import dataclass, replace

import numpy as np

from fashion.retrieval.similarity import Similarity, blocks


@dataclass(frozen=True, eq=False)
class Space:
    """Where the vectors of a gallery lie, and how a store gets them.

    Attributes:
        similarity: ranks them.
        centre: [E] float32, taken off all vectors, since float32 loses a common offset.
        radius: `lengths` of the gallery's vector farthest from the centre.
        by_distance: for stores that look for near vectors rather than for large products.
    """

    similarity: Similarity
    centre: np.ndarray
    radius: float
    by_distance: bool = False

    @classmethod
    def of(cls, similarity: Similarity, gallery: np.ndarray, centre=None,
           by_distance: bool = False) -> "Space":
        """The space of a gallery [G, E], G at least 1; its centre is the mean if not given."""
        if centre is None:
            centre = gallery.mean(axis=0, dtype=np.float64)
        space = cls(similarity, np.asarray(centre, np.float32), 0.0, by_distance)
        return replace(space, radius=float(space.lengths(gallery).max()))

    def without_far(self, gallery: np.ndarray, count: int) -> tuple["Space", np.ndarray]:
        """The space of a gallery [G, E] but for its `count` farthest garments, and their rows."""
        lengths = self.lengths(gallery)
        order = np.argsort(-lengths, kind="stable")
        radius = float(lengths[order[count:]].max(initial=0))
        return replace(self, radius=radius), order[:count]

    def queries(self, vectors: np.ndarray) -> np.ndarray:
        """[Q, D] float32 of [Q, E], for the vectors of `gallery`."""
        if not self.by_distance:
            return self.similarity.augment_queries(vectors, self.centre)
        weights = self.similarity.weights
        centred = (vectors - self.centre) * np.sqrt(np.abs(weights))
        ends = np.tile(np.float32([self._unit / 2, 0]), (len(vectors), 1))
        return np.hstack([-np.sign(weights) * centred, ends])

    def gallery(self, vectors: np.ndarray) -> np.ndarray:
        """[G, D] float32 of [G, E]: the better the logit, the larger the product.

        By distance, the better the logit, the nearer: a last number makes all vectors equally
        long (Bachrach et al., Speeding Up the Xbox Recommender System, RecSys 2014, section 3.1).
        The number before it is what the garment alone adds to its logits.
        """
        if not self.by_distance:
            return self.similarity.augment_gallery(vectors, self.centre)
        weights = self.similarity.weights
        scaled = (vectors - self.centre) * np.sqrt(np.abs(weights))
        norms = np.einsum("ge,ge,e->g", scaled, scaled, np.sign(weights))[:, None] / self._unit
        rest = 2 * self._unit**2 - norms**2 - np.einsum("ge,ge->g", scaled, scaled)[:, None]
        return np.hstack([scaled, norms, np.sqrt(np.maximum(rest, 0))])

    @property
    def _unit(self):
        """The size that scaled numbers have at most; 1 where all vectors are the centre."""
        return np.float32(self.radius or 1.0)

    def lengths(self, vectors: np.ndarray) -> np.ndarray:
        """[N] float64, sqrt(sum_i |weights_i| (v_i - centre_i)^2)."""
        lengths, weights = np.empty(len(vectors)), np.abs(self.similarity.weights)
        for part in blocks(*vectors.shape):
            centred = vectors[part] - self.centre
            lengths[part] = np.einsum("ne,ne,e->n", centred, centred, weights, dtype=np.float64)
        return np.sqrt(lengths)

    def slack(self, queries: np.ndarray) -> np.ndarray:
        """[Q] float64: at most this far is a product of augmented vectors from the true logit.

        A sum of n float32 products, in any order, is off by at most n 2^-24 times the sum of
        their magnitudes (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
        Cauchy and Schwarz bound that sum by (query's length + radius)^2; 8 more terms stand for
        the rounding of what is multiplied.
        """
        terms = self.similarity.size + 8
        return terms * 2.0**-24 * (self.lengths(queries) + self.radius) ** 2
