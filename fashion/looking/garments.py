"""What notebook 05 asks of garments' vectors: a table of them, a map, scores of pairs, hits.

Letters: N garments, E numbers of a vector.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from fashion.looking.data import frame, square_around
from fashion.retrieval.exact import top_k
from fashion.retrieval.garments import Garments
from fashion.retrieval.index import Hits
from fashion.retrieval.pictures import Tile, draw_search
from mrcnn import drawing
from mrcnn.data import mold

_INK, _LINK = (31, 35, 40), (120, 120, 120)


@dataclass(frozen=True, eq=False)
class Described:
    """Annotated garments of a data set, with their vectors.

    Attributes:
        table: `Garments`, N of them, scores 1.
        identities: [N] int, 0 for a garment that is on no other photo.
        domains: [N] int, 1 on a user's photo, 2 on a shop's.
        pictures: list of [side, side, 3] uint8.
    """

    table: Garments
    identities: np.ndarray
    domains: np.ndarray
    pictures: list

    def take(self, rows):
        """Some of them: indices, or [N] bool."""
        rows = np.arange(len(self.table))[rows]
        return Described(self.table.take(rows), self.identities[rows], self.domains[rows],
                         [self.pictures[i] for i in rows])


def describe(dataset, image_ids, detector, side=96):
    """The annotated garments of some photos as the match head sees them, in their true boxes.

    Args:
        dataset: prepared `Dataset` with boxes, identities and domains.
        image_ids: of the photos.
        detector: `mrcnn.detection.Detector` of a network with a match head.
        side: of the garments' pictures, px.

    Returns:
        `Described`.
    """
    photos = [dataset.load_image(i) for i in image_ids]
    known = [(photo, dataset.load_boxes(i), dataset.image_class_ids(i))
             for photo, i in zip(photos, image_ids, strict=True)]
    raws = list(detector.describe(known))
    owner = np.repeat(np.arange(len(photos)), [len(raw.scores) for raw in raws])
    table = Garments(
        [dataset.image_info[int(image_ids[i])]["path"] for i in owner],
        *(np.concatenate([getattr(raw, name) for raw in raws])
          for name in ("boxes_px", "class_ids", "scores", "embeddings")))
    return Described(
        table, np.concatenate([dataset.load_identities(i) for i in image_ids]),
        np.array([dataset.image_domain(int(image_ids[i])) for i in owner]),
        [mold.warp(photos[i], frame(square_around(box, 0.02), side), (side, side))
         for i, box in zip(owner, table.boxes_px, strict=True)])


def pair_scores(described, similarity):
    """Log-odds of "the same" for pairs of a user's and a shop's garment: of the same, of others.

    Pairs whose identity nobody knows are left out of both.
    """
    users, shops = (described.take(described.domains == domain) for domain in (1, 2))
    logits = similarity.logits(users.table.embeddings, shops.table.embeddings)
    same = users.identities[:, None] == shops.identities[None]
    known = (users.identities[:, None] > 0) & (shops.identities[None] > 0)
    return logits[same & known], logits[~same & known]


def project(vectors, similarity):
    """Places of vectors on a map, by the metric that the search ranks by.

    The head's score falls with the weighted square of a difference, so vectors scaled by the roots
    of those weights lie as far apart as they are unlike. Of these the two main axes are shown.

    Args:
        vectors: [N, E].
        similarity: `fashion.retrieval.similarity.Similarity`.

    Returns:
        [N, 2], and the share of the variance that the map shows, 0 to 1.
    """
    scaled = vectors * np.sqrt(np.maximum(-similarity.weights, 0))
    scaled = scaled - scaled.mean(axis=0)
    left, spread, _ = np.linalg.svd(scaled, full_matrices=False)
    total = max(float((spread ** 2).sum()), 1e-12)
    return (left * spread)[:, :2], float((spread[:2] ** 2).sum()) / total


def draw_map(described, places, size=1100):
    """Garments at their places on a map; lines join those of one identity, rims are categories'.

    Returns:
        [size, size, 3] uint8.
    """
    side = len(described.pictures[0])
    low, span = places.min(axis=0), np.ptp(places, axis=0).max() or 1.0
    spots = ((places - low) / span * (size - side)).astype(int)
    sheet = np.full((size, size, 3), 255, np.uint8)
    for identity in np.unique(described.identities[described.identities > 0]):
        own = spots[described.identities == identity] + side // 2
        for end in own[1:]:
            cv2.line(sheet, own[0].tolist(), end.tolist(), _LINK, 2, cv2.LINE_AA)
    for (x, y), picture, class_id in zip(spots, described.pictures, described.table.class_ids,
                                         strict=True):
        sheet[y:y + side, x:x + side] = picture
        cv2.rectangle(sheet, (int(x), int(y)), (int(x) + side - 1, int(y) + side - 1),
                      drawing.class_color(class_id), 3)
    return sheet


def draw_scores(rows, columns, similarity):
    """Probabilities of "the same" of some garments with some others, as a table with pictures.

    Pairs that are the same have a rim.

    Args:
        rows, columns: `Described`.
        similarity: `Similarity`.

    Returns:
        [H, W, 3] uint8.
    """
    side = len(rows.pictures[0])
    probs = similarity.probabilities(similarity.logits(
        rows.table.embeddings, columns.table.embeddings))
    heat = cv2.applyColorMap((255 * probs).astype(np.uint8), cv2.COLORMAP_VIRIDIS)[..., ::-1]
    sheet = np.full((side * (1 + len(probs)), side * (1 + probs.shape[1]), 3), 255, np.uint8)
    sheet[:side, side:] = np.hstack(columns.pictures)
    sheet[side:, :side] = np.vstack(rows.pictures)
    sheet[side:, side:] = np.kron(heat, np.ones((side, side, 1), np.uint8))
    for (i, j), value in np.ndenumerate(probs):
        x, y = (j + 1) * side, (i + 1) * side
        ink = _INK if value > 0.6 else (255, 255, 255)
        cv2.putText(sheet, f"{value:.0%}", (x + 8, y + side // 2 + 6), cv2.FONT_HERSHEY_SIMPLEX,
                    0.6, ink, 1, cv2.LINE_AA)
        if rows.identities[i] == columns.identities[j] > 0:
            cv2.rectangle(sheet, (x + 2, y + 2), (x + side - 3, y + side - 3), (255, 80, 60), 4)
    return sheet


def draw_hits(queries, row, gallery, hits, class_names):
    """A garment and what a search found for it, the right ones named.

    Args:
        queries: `Described` that were searched for.
        row: which of them.
        gallery: `Described` that were searched, in the index's order.
        hits: `fashion.retrieval.index.Hits`.
        class_names: by class id, background first.

    Returns:
        [H, W, 3] uint8.
    """
    def tile(described, i, first, probability=None):
        table = described.table
        return Tile(table.photos[i], table.boxes_px[i], int(table.class_ids[i]),
                    (first, class_names[table.class_ids[i]]), probability)

    found = []
    for i, probability in zip(hits.rows[row], hits.probabilities[row], strict=True):
        if i >= 0:
            is_right = bool(gallery.identities[i] == queries.identities[row])
            found.append(tile(gallery, i, f"{probability:.0%}{', right' * is_right}", probability))
    return draw_search(tile(queries, row, "looked for"), found)


def rank(queries, gallery, similarity, k):
    """The k garments of a gallery that are most likely the same as each query, the best first.

    Without an index: see notebook 5, and `fashion.retrieval.index`, for galleries that are large.

    Returns:
        `fashion.retrieval.index.Hits`.
    """
    rows, logits = top_k(similarity, queries.table.embeddings, gallery.table.embeddings, k)
    return Hits(rows, logits, similarity.probabilities(logits))
