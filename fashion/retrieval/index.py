"""An index of garments: a folder to which photos' garments are added and in which they are found.

    index = RetrievalIndex.create("shop", similarity, fingerprint, class_names)
    index.add(garments)
    hits = RetrievalIndex.open("shop", fingerprint).search(embeddings, k=20)
    index.garments.take(hits.rows[0])

The kind "flat" returns what comparing every pair by the match head would return, see `exact`.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from fashion.retrieval import versions
from fashion.retrieval.exact import nothing, rank
from fashion.retrieval.faiss_store import FaissStore
from fashion.retrieval.garments import Garments
from fashion.retrieval.lock import hold
from fashion.retrieval.milvus_store import FILE as MILVUS_FILE
from fashion.retrieval.milvus_store import MilvusStore
from fashion.retrieval.similarity import Similarity
from fashion.retrieval.space import Space
from fashion.retrieval.store import KINDS, Change, Store
from fashion.retrieval.versions import Manifest

_LOCK = "lock"
# Garments of the gallery that stand for queries when an approximate kind is measured.
_RECALL_QUERIES = 64
logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Hits:
    """What a search found for Q queries, the best first.

    Attributes:
        rows: [Q, k] int64 of the index's garments; -1 where there are fewer than k.
        logits: [Q, k] float32, log-odds that it is the same garment; -inf where row is -1.
        probabilities: [Q, k] float32, 0 to 1; many good hits are exactly 1: order by logits.
    """

    rows: np.ndarray
    logits: np.ndarray
    probabilities: np.ndarray


class RetrievalIndex:
    """Garments in a folder, and the search in them. Made by `create` or `open`.

    Attributes:
        folder: of the index.
        garments: `Garments`, all that the opened version holds; vectors are mapped, not read.
        similarity: `Similarity` that ranks them.
    """

    def __init__(self, folder: Path, manifest: Manifest, store: Store):
        self.folder, self.similarity = folder, manifest.similarity
        self._manifest, self._store = manifest, store
        self._load()

    @classmethod
    def create(cls, folder: Path | str, similarity: Similarity, fingerprint: str,
               class_names: list, kind: str = "flat", store: str = "faiss") -> "RetrievalIndex":
        """Makes an empty index.

        Args:
            folder: made if need be.
            similarity: the match head's, `fashion.match.similarity_of`.
            fingerprint: of the weights, `mrcnn.weights.fingerprint`.
            class_names: the categories' names, by number.
            kind: "flat" is exact; "hnsw" and "ivf" are faster in galleries of millions, and what
                they miss is measured at every change, see `recall`.
            store: "faiss": files in the folder; "milvus": milvus-lite's file in the folder; or
                the address of a Milvus server, "http://host:19530".

        Raises:
            ValueError: there is an index already, or an unknown kind or store.
            BlockingIOError: another process is writing it.
            ConnectionError: no Milvus server answers.
        """
        folder = Path(folder)
        if kind not in KINDS:
            raise ValueError(f"Expected a kind of {', '.join(KINDS)}, got {kind!r}.")
        if store not in ("faiss", "milvus") and "://" not in store:
            raise ValueError("Expected the store faiss, milvus, or a Milvus server's address as "
                             f"http://localhost:19530, got {store!r}.")
        with hold(folder / _LOCK):
            if (folder / versions.FILE).exists():
                raise ValueError(f"{folder} has an index already. Open it to add to it, or take "
                                 "another folder.")
            manifest = Manifest(fingerprint, list(class_names), kind, store,
                                "" if store == "faiss" else MilvusStore.new_name(),
                                similarity.weights.tolist(), similarity.bias)
            opened = _store(folder, manifest)  # a server that does not answer leaves no index
            manifest.write(folder)
        return cls(folder, manifest, opened)

    @classmethod
    def open(cls, folder: Path | str, fingerprint: str | None = None) -> "RetrievalIndex":
        """Opens the version in force, for searching and for changing.

        Args:
            folder: of the index.
            fingerprint: of the weights that compute the queries; None is not checked.

        Raises:
            FileNotFoundError: no index there.
            ValueError: of other weights, or with missing or damaged files.
            ConnectionError: no Milvus server answers.
        """
        manifest = Manifest.read(Path(folder))
        if fingerprint not in (None, manifest.fingerprint):
            raise ValueError(
                f"{folder} was made with other weights: their fingerprint is "
                f"{manifest.fingerprint[:12]}, that of the present ones {fingerprint[:12]}. Their "
                "vectors cannot be compared. Take the weights it was made with, or make an index "
                "with these in another folder.")
        return cls(Path(folder), manifest, _store(Path(folder), manifest))

    @property
    def fingerprint(self) -> str:
        """Of the weights that computed the vectors."""
        return self._manifest.fingerprint

    @property
    def class_names(self) -> list:
        """The categories' names, by number."""
        return self._manifest.class_names

    @property
    def recall(self) -> float | None:
        """Of an approximate kind, the share of the 20 best that it finds; None for flat.

        Measured when the index was last changed, with some of its own garments as queries.
        """
        return self._manifest.recall

    def add(self, garments: Garments) -> None:
        """Adds garments, see `update`."""
        self.update(garments)

    def delete(self, photos: Iterable[str]) -> int:
        """Removes all garments of some photos; returns how many there were. See `update`."""
        return self.update(forget=photos)

    def update(self, garments: Garments | None = None, forget: Iterable[str] = ()) -> int:
        """Makes a version without the garments of some photos and with new ones, in one step.

        Args:
            garments: to add, with vectors of the index's weights; may be of forgotten photos.
            forget: photos.

        Returns:
            How many garments were removed.

        Raises:
            BlockingIOError: another process is writing the index; the message says who.
        """
        added = garments or Garments.none(self.similarity.size)
        self.similarity.vectors(added.embeddings)
        with hold(self.folder / _LOCK):
            self._load()  # another writer may have come first
            stays = ~np.isin(self.garments.photos, np.array(list(forget), np.str_))
            if len(added) or not stays.all():
                self._write(stays, added)
        return int((~stays).sum())

    def search(self, embeddings: np.ndarray, k: int = 20, class_id: int | None = None) -> Hits:
        """Finds the garments that are most likely the same as each query.

        Args:
            embeddings: [Q, E], of the index's weights.
            k: how many.
            class_id: search this category only.

        Raises:
            ValueError: the index has no garments, or vectors of another length.
        """
        self._manifest.require_garments(self.folder)
        queries = self.similarity.vectors(embeddings)
        chosen = (np.arange(len(self.garments)) if class_id is None
                  else np.flatnonzero(self.garments.class_ids == class_id))
        if len(chosen):
            rows, logits = rank(
                self._space, queries, self.garments.embeddings, k,
                partial(self._store.search, class_id=class_id),
                chosen if self._manifest.kind == "flat" else None)
        else:
            rows, logits = nothing(len(queries), k)
        return Hits(rows, logits, self.similarity.probabilities(logits))

    def measure_recall(self, k: int = 20) -> float:
        """The share of the k best that `search` finds, 0 to 1, garments of equal logits alike.

        Queries are garments of the gallery, which find themselves: others fare a little worse.
        """
        count = len(self.garments)
        k = min(k, count)
        picked = np.random.default_rng(0).choice(count, min(_RECALL_QUERIES, count), replace=False)
        queries = self.garments.embeddings[picked]
        logits = self.similarity.logits(queries, self.garments.embeddings)
        least = np.partition(logits, count - k, axis=1)[:, count - k]
        return float((self.search(queries, k).logits >= least[:, None]).mean())

    def close(self) -> None:
        """Lets go of the store's files and connections."""
        self._store.close()

    def _load(self):
        """Opens the version in force, which a writer may replace and remove meanwhile."""
        while True:
            manifest = Manifest.read(self.folder)
            try:
                return self._load_version(manifest)
            except (FileNotFoundError, ValueError):
                if Manifest.read(self.folder).version == manifest.version:
                    raise

    def _load_version(self, manifest):
        manifest.check(self.folder)
        if manifest.collection != self._manifest.collection:  # another writer began anew
            self._store = _store(self.folder, manifest)
        ids, garments = np.zeros(0, np.int64), Garments.none(self.similarity.size)
        if manifest.files:
            home = manifest.home(self.folder)
            ids, garments = versions.read_table(home, self.similarity.size)
            self._store.open(home, ids, garments.class_ids)
        self._manifest, self._ids, self.garments = manifest, ids, garments
        self._space = Space(self.similarity, np.array(manifest.centre, np.float32),
                            manifest.radius, manifest.kind != "flat")

    def _write(self, stays, added):
        """Writes the next version and puts it in force; the lock is held."""
        old, old_store = self._manifest, self._store
        versions.remove_all_but(old, self.folder)  # a killed writer's
        garments = Garments.concatenate([self.garments.take(stays), added])
        space = self._next_space(garments, added)
        new = replace(old, version=old.version + 1, next_id=old.next_id + len(added), files={},
                      recall=None, centre=space.centre.tolist(), radius=space.radius)
        ids = np.concatenate([self._ids[stays], np.arange(old.next_id, new.next_id)])
        kept, removed, store = int(stays.sum()), self._ids[~stays], old_store
        if space.centre is not self._space.centre:  # nothing in the store is of use
            new = replace(new, collection=old.collection and MilvusStore.new_name())
            kept, removed, store = 0, None, _store(self.folder, new)
        if len(garments):
            store.write(Change(ids, garments.class_ids, kept, not stays.all(),
                               lambda part: space.gallery(garments.embeddings[part])),
                        old.home(self.folder), new.home(self.folder))
            versions.write_table(new.home(self.folder), ids, garments)
            new = new.with_files(self.folder)
        new.write(self.folder)
        old_store.tidy(removed)
        self._manifest, self._store = new, store
        self._load()
        self._tell_recall()
        versions.remove_all_but(new, self.folder)

    def _next_space(self, garments, added):
        """The same centre as before, where what is in the store can stay; a new one otherwise."""
        by_distance = self._manifest.kind != "flat"
        if not len(garments):
            return Space(self.similarity, np.zeros(0, np.float32), 0.0, by_distance)
        if not len(self.garments):
            return Space.of(self.similarity, garments.embeddings, by_distance=by_distance)
        if not by_distance:
            return Space.of(self.similarity, garments.embeddings, self._space.centre)
        if len(added) and self._space.lengths(added.embeddings).max() > self._space.radius:
            return Space.of(self.similarity, garments.embeddings, by_distance=True)
        return self._space

    def _tell_recall(self):
        """Measures what an approximate kind misses, and writes and logs it."""
        if self._manifest.kind == "flat" or not len(self.garments):
            return
        self._manifest = replace(self._manifest, recall=self.measure_recall())
        self._manifest.write(self.folder)
        logger.info("%s finds %.1f%% of the 20 best that an exact search finds.",
                    self.folder, 100 * self._manifest.recall)


def _store(folder, manifest):
    """The `Store` of an index."""
    if manifest.store == "faiss":
        return FaissStore(manifest.kind)
    address = folder / MILVUS_FILE if manifest.store == "milvus" else manifest.store
    return MilvusStore(manifest.kind, address, manifest.collection)
