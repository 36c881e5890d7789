"""Vectors searched by Milvus (Wang et al., SIGMOD 2021): a file for trying, a server beyond.

A collection is changed in place, unlike a file of FAISS: new vectors are there before the index's
table names them, and removed ones go after it has ceased to. What the table of an open version
does not name is passed over.
"""

import uuid
from pathlib import Path

import numpy as np

from fashion.retrieval.store import Change

FILE = "milvus.db"
_KINDS = {
    "flat": ({"index_type": "FLAT", "params": {}}, {}),
    "hnsw": ({"index_type": "HNSW", "params": {"M": 32, "efConstruction": 80}}, {"ef": 256}),
    "ivf": ({"index_type": "IVF_FLAT", "params": {"nlist": 1024}}, {"nprobe": 128}),
}
# Rows sent at a time: a message to a server must stay below 64 MB.
_STEP = 4096
_QUERIES = 1024


class MilvusStore:
    """A `Store` whose vectors are in a collection of Milvus.

    Args:
        kind: "flat", "hnsw" or "ivf", see `FaissStore`.
        address: "http://host:19530" of a server, or a file's `Path`, which milvus-lite serves from
            within this process, one process at a time.
        collection: the collection's name; see `new_name`.

    Raises:
        ConnectionError: nothing answers at the address.
        ImportError: pymilvus is not installed.
    """

    def __init__(self, kind: str, address: Path | str, collection: str):
        self.kind, self._collection = kind, collection
        self._client = _connect(address)
        self._ids = np.zeros(0, np.int64)
        self._metric = "IP" if kind == "flat" else "L2"

    @staticmethod
    def new_name() -> str:
        """A collection's name that no other index on the server has."""
        return f"garments_{uuid.uuid4().hex}"

    def write(self, change: Change, old: Path, new: Path) -> None:
        """Adds the new garments' vectors; the old version is still in force."""
        count = len(change.ids)
        if not self._client.has_collection(self._collection):
            self._create(change.vectors(slice(0, 0)).shape[1])
        for first in range(change.kept, count, _STEP):
            part = slice(first, min(first + _STEP, count))
            columns = zip(change.ids[part].tolist(), change.class_ids[part].tolist(),
                          change.vectors(part), strict=True)
            # Not insert: a writer that was killed may have left some of these ids.
            self._client.upsert(self._collection, [
                {"id": id, "class_id": class_id, "vector": vector}
                for id, class_id, vector in columns])

    def tidy(self, removed: np.ndarray | None) -> None:
        """Removes vectors by their ids, or the collection."""
        if removed is None:
            if self._client.has_collection(self._collection):
                self._client.drop_collection(self._collection)
            return
        for first in range(0, len(removed), _STEP):
            self._client.delete(self._collection, ids=removed[first:first + _STEP].tolist())

    def open(self, folder: Path, ids: np.ndarray, class_ids: np.ndarray) -> None:
        """Loads the collection on the server.

        Raises:
            ValueError: the collection is not there.
        """
        if not self._client.has_collection(self._collection):
            raise ValueError(f"Milvus has no collection {self._collection}, which {folder.parent} "
                             "was made with. Give the address of the server that has it, or make "
                             "the index again.")
        self._client.load_collection(self._collection)
        self._ids = ids

    def search(self, queries: np.ndarray, k: int,
               class_id: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """See `Store`."""
        rows = np.full((len(queries), k), -1, np.int64)
        products = np.full((len(queries), k), np.finfo(np.float32).min, np.float32)
        chosen = "" if class_id is None else f"class_id == {int(class_id)}"
        params = dict(_KINDS[self.kind][1])
        if "ef" in params:  # a server refuses to look for more than that
            params["ef"] = max(params["ef"], k)
        hits = [hits for first in range(0, len(queries), _QUERIES) for hits in self._client.search(
            self._collection, data=list(queries[first:first + _QUERIES]), limit=k, filter=chosen,
            anns_field="vector", output_fields=["id"], consistency_level="Strong",
            search_params={"metric_type": self._metric, "params": params})]
        for query, own in enumerate(hits):
            ids = np.array([hit["id"] for hit in own], np.int64)
            places = np.searchsorted(self._ids, ids)
            known = self._ids[np.minimum(places, len(self._ids) - 1)] == ids
            rows[query, :known.sum()] = places[known]
            products[query, :known.sum()] = np.array([hit["distance"] for hit in own])[known]
        return rows, products if self._metric == "IP" else -products

    def close(self) -> None:
        """Ends the connection."""
        self._client.close()

    def _create(self, size):
        from pymilvus import DataType

        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("class_id", DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=size)
        searched = self._client.prepare_index_params()
        searched.add_index("vector", metric_type=self._metric, **_KINDS[self.kind][0])
        self._client.create_collection(self._collection, schema=schema, index_params=searched)


def _connect(address):
    try:
        from pymilvus import MilvusClient, MilvusException
    except ImportError as error:
        raise ImportError('The store "milvus" needs: pip install "pymilvus[milvus_lite]"'
                          ) from error
    try:
        return MilvusClient(str(address))
    except (MilvusException, ValueError) as error:
        advice = ("Another process may have it open: wait until that has finished."
                  if isinstance(address, Path) else
                  "Start the server, or correct its address, http://HOST:19530.")
        raise ConnectionError(f"No Milvus answers at {address} ({error}). {advice}") from error
