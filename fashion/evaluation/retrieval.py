"""Consumer-to-shop retrieval by DeepFashion2's rules: top-1, 5, 10, 15 and 20.

A query is a garment of a user's photo that is also on a shop's photo: same pair_id, same style,
style above 0. One detection stands for it, and the gallery, all garments found on shops' photos, is
sorted by how alike they are to it. Top-k is the share of queries that have a right one among the
first k: a box on a photo with that garment, IoU 0.5 or more. A query that was not detected, or as
another class, has failed. Two tasks: `retrieval` with detected boxes, `retrieval_true_boxes` with
annotated ones on both sides.

    evaluator = RetrievalEvaluator(dataset, similarity)
    evaluator.add(image_id, raw)                       # for each image
    evaluator.evaluate("retrieval")["top20"]
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fashion.evaluation import retrieval_files, retrieval_rules
from fashion.evaluation.retrieval_outcomes import MISSED, NAMES, NEVER, RANKS, Answer, Outcomes
from fashion.retrieval.exact import top_k
from fashion.retrieval.gallery import SAME_GARMENT, is_shown

__all__ = ["NAMES", "RANKS", "TASKS", "RetrievalEvaluator"]

TASKS = ("retrieval", "retrieval_true_boxes")
USER, SHOP = 1, 2  # `Dataset.image_domain`

_MOST = max(RANKS)


@dataclass(frozen=True, eq=False)
class Truth:
    """The N annotated garments of a photo.

    Attributes:
        identities: [N] int, 0 for a garment that is on no other photo.
        class_ids: [N].
        boxes: [N, (x1, y1, x2, y2)] px, as in files.
    """

    identities: np.ndarray
    class_ids: np.ndarray
    boxes: np.ndarray


@dataclass(frozen=True, eq=False)
class Found:
    """D garments that the network described, of one photo or of many.

    Attributes:
        images: [D] ids of their images.
        boxes: [D, (x1, y1, x2, y2)] px, as in files.
        class_ids: [D].
        scores: [D] float32.
        embeddings: [D, E] float32.
    """

    images: np.ndarray
    boxes: np.ndarray
    class_ids: np.ndarray
    scores: np.ndarray
    embeddings: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows) -> "Found":
        return Found(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    @classmethod
    def of(cls, image_id: int, raw) -> "Found":
        """Those of a `Raw`, without the weakest, which the network gives no vector."""
        found = cls(np.full(len(raw.scores), image_id), retrieval_rules.corners(raw.boxes_px),
                    raw.class_ids, raw.scores, raw.embeddings)
        return found.take(raw.embeddings.any(axis=1))

    @classmethod
    def concatenate(cls, parts: list["Found"], size: int) -> "Found":
        """One table of many, for vectors of `size` numbers."""
        none = cls(np.zeros(0, int), np.zeros((0, 4)), np.zeros(0, int), np.zeros(0, np.float32),
                   np.zeros((0, size), np.float32))
        return cls(*(np.concatenate([getattr(part, name) for part in (none, *parts)])
                     for name in cls.__dataclass_fields__))


class RetrievalEvaluator:
    """Collects garments photo by photo; only photos that were added count.

    Args:
        dataset: prepared `Dataset` with `load_boxes`, `load_identities` and `image_domain`.
        similarity: `fashion.retrieval.similarity.Similarity` of the network.
    """

    def __init__(self, dataset, similarity):
        self._dataset, self._similarity = dataset, similarity
        self._truth: dict[int, dict[int, Truth]] = {USER: {}, SHOP: {}}  # domain, image id
        self._found: dict[str, dict[int, Found]] = {task: {} for task in TASKS}
        self._searches: dict[str, tuple] = {}

    def add(self, image_id: int, raw) -> None:
        """Adds what was found on a photo.

        Args:
            image_id: the data set's.
            raw: `mrcnn.detection.Raw` with embeddings.
        """
        found = Found.of(image_id, raw)
        if self._dataset.image_domain(image_id) == SHOP:
            found = found.take(is_shown(found.boxes, found.scores))
        self._add("retrieval", image_id, found)

    def add_true(self, image_id: int, raw) -> None:
        """Adds the annotated garments of a photo, as `Detector.describe` gives them."""
        self._add("retrieval_true_boxes", image_id, Found.of(image_id, raw))

    def _add(self, task, image_id, found) -> None:
        if self.see(image_id):
            self._found[task][image_id] = found
            self._searches.clear()

    def see(self, image_id: int) -> bool:
        """Takes note of a photo's annotated garments; whether it is a user's or a shop's."""
        domain = self._dataset.image_domain(image_id)
        if domain not in self._truth:
            return False
        if image_id not in self._truth[domain]:
            self._truth[domain][image_id] = self._read(image_id)
        return True

    def _read(self, image_id) -> Truth:
        boxes, class_ids, identities = (
            self._dataset.load_boxes(image_id), self._dataset.image_class_ids(image_id),
            self._dataset.load_identities(image_id))
        if boxes is None or class_ids is None or identities is None:
            raise ValueError(
                f"{type(self._dataset).__name__} cannot be searched: retrieval needs load_boxes, "
                "image_class_ids and load_identities of every image.")
        return Truth(identities, class_ids, retrieval_rules.corners(boxes))

    def queries(self) -> dict[int, np.ndarray]:
        """By image id of users' photos [N] bool: which garments are queries."""
        users, sold = self._truth[USER], self._identities(SHOP)
        asked = np.isin(self._identities(USER), sold[sold > 0])
        ends = np.cumsum([len(truth.identities) for truth in users.values()], dtype=int)
        return dict(zip(users, np.split(asked, ends)[:-1], strict=True))  # the last part is empty

    def _identities(self, domain) -> np.ndarray:
        """Those of all garments, photo after photo."""
        return np.concatenate([np.zeros(0, int), *(
            truth.identities for truth in self._truth[domain].values())])

    @property
    def has_queries(self) -> bool:
        """Whether there is anything to search for."""
        return any(asked.any() for asked in self.queries().values())

    def photos_to_describe(self) -> list[int]:
        """Images whose true boxes matter: users' with a query, and all of shops with garments."""
        users = [image_id for image_id, asked in self.queries().items() if asked.any()]
        shops = [image_id for image_id, truth in self._truth[SHOP].items() if len(truth.boxes)]
        return sorted(users + shops)

    def evaluate(self, task: str, subsets=None) -> dict[str, float | int | dict]:
        """Computes the numbers of a task.

        Args:
            task: of `TASKS`.
            subsets: of the queries, see `subsets.subsets_of`.

        Returns:
            A dict of "top1", "top5", "top10", "top15" and "top20", 0 to 1; "chance_top1", ...: the
            same, expected of this gallery in random order; "queries"; "gallery", how many garments
            were searched; "missed", queries without a detection; "unsold", garments of users with
            a style that no shop's photo shows: they are no queries. With `subsets` also "subsets",
            and "over_five": all of it for the queries that the paper's own tables ask, those with
            more than five right garments.

        Raises:
            ValueError: no query.
        """
        outcomes, gallery = self.outcomes(task), len(self._search(task)[1])
        if not len(outcomes):
            raise ValueError(
                f"Task {task!r}: no garment of a user's photo is on a shop's photo among the "
                "images that were measured. Take more images, or a data set with pairs.")
        numbers = {**outcomes.numbers(), **outcomes.chances(gallery), "gallery": gallery,
                   "missed": int((outcomes.places == MISSED).sum()),
                   "unsold": int((self._identities(USER) > 0).sum()) - len(outcomes)}
        if subsets is not None:
            often = outcomes.often_sold()
            numbers |= outcomes.by_subset(subsets)
            numbers["over_five"] = {**often.numbers(), **often.by_subset(subsets)}
        return numbers

    def outcomes(self, task: str) -> Outcomes:
        """What became of each query of a task."""
        right, (_, _, hits), sold = self._right(task), self._search(task), self._sold()
        rows, first = [], 0
        for image_id, asked in self.queries().items():
            truth, found = self._truth[USER][image_id], self._of(task, image_id)
            chosen = retrieval_rules.stand_ins(truth.boxes, truth.class_ids, found.boxes,
                                               found.class_ids, found.scores)
            for garment in np.flatnonzero(asked):
                identity, row = int(truth.identities[garment]), chosen[garment]
                same = right[identity] if row >= 0 else []
                place = _place(hits[first + row], same) if row >= 0 else MISSED
                rows.append((image_id, garment, first + row if row >= 0 else -1, place, len(same),
                             sold[identity]))
            first += len(found)
        return Outcomes(*np.array(rows, int).reshape(-1, 6).T)

    def _sold(self) -> dict[int, int]:
        """How many annotated garments of shops there are, by identity."""
        return dict(zip(*(values.tolist() for values in np.unique(
            self._identities(SHOP), return_counts=True)), strict=True))

    def answers(self, task: str):
        """Yields an `Answer` for each query of a task."""
        right, (asked, gallery, hits) = self._right(task), self._search(task)
        outcomes = self.outcomes(task)
        for image_id, garment, row, place in zip(
                outcomes.image_ids.tolist(), outcomes.garments.tolist(), outcomes.rows,
                outcomes.places.tolist(), strict=True):
            truth = self._truth[USER][image_id]
            found = hits[row] if row >= 0 else np.zeros(0, int)
            found = found[found >= 0]
            yield Answer(
                image_id, garment, int(truth.class_ids[garment]),
                asked.boxes[row] if row >= 0 else None, place, gallery.images[found],
                gallery.boxes[found], gallery.class_ids[found],
                np.isin(found, right[int(truth.identities[garment])]))

    def _right(self, task) -> dict[int, list[int]]:
        """By identity the rows of the gallery that show it."""
        right, first = {}, 0
        for image_id, truth in self._truth[SHOP].items():
            found = self._of(task, image_id)
            on = retrieval_rules.overlaps(found.boxes, truth.boxes) >= SAME_GARMENT
            for identity in np.unique(truth.identities[truth.identities > 0]):
                hits = on[:, truth.identities == identity].any(axis=1)
                right.setdefault(int(identity), []).extend((first + np.flatnonzero(hits)).tolist())
            first += len(found)
        return right

    def _search(self, task) -> tuple[Found, Found, np.ndarray]:
        """All queries' detections, the gallery, and [detections, 20] its rows, best first."""
        if task not in self._searches:
            asked, gallery = self._all(task, USER), self._all(task, SHOP)
            rows = np.full((len(asked), _MOST), -1)
            if len(asked) and len(gallery):
                rows = top_k(self._similarity, asked.embeddings, gallery.embeddings, _MOST)[0]
            self._searches[task] = asked, gallery, rows
        return self._searches[task]

    def _all(self, task, domain) -> Found:
        return self._table([self._of(task, image_id) for image_id in self._truth[domain]])

    def _of(self, task, image_id) -> Found:
        """What was found on a photo; nothing where this task has not seen it."""
        return self._found[task].get(image_id) or self._table([])

    def _table(self, parts) -> Found:
        return Found.concatenate(parts, self._similarity.size)

    def write(self, folder: str | Path) -> None:
        """Writes what the official script reads: val_query.json, val_gallery.json and results.

        The results of `retrieval` are retrieval_results.json, those of `retrieval_true_boxes`
        retrieval_true_boxes_results.json, each if its garments were added.
        """
        files = retrieval_files.Writer(folder, self._dataset)
        files.write_truth(self._truth[USER], self._truth[SHOP], self.queries())
        for task in TASKS:
            if self._found[task]:
                files.write_results(task, *self._search(task))


def _place(rows, right) -> int:
    """Place of the first of `rows` [20] that is right, from 0."""
    is_right = np.isin(rows, right)
    return int(is_right.argmax()) if is_right.any() else NEVER
