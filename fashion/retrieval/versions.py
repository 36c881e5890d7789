"""The files of an index: `index.json` names the version in force, a folder of files never changed.

A writer makes the next version's folder and then replaces index.json, which is one rename: killed
at any moment, it leaves the old version in force. Who has the old one open keeps its files.
"""

import json
import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from fashion.retrieval.garments import Garments
from mrcnn.files import atomic_path

FILE = "index.json"
_FORMAT = 1
_TABLE, _IDS, _EMBEDDINGS = "garments.npz", "ids.npy", "embeddings.npy"


@dataclass(frozen=True)
class Manifest:
    """What index.json holds.

    Attributes:
        fingerprint: of the weights that computed the vectors.
        class_names: the categories' names; garments have their numbers.
        kind: "flat", "hnsw" or "ivf".
        store: "faiss", "milvus" or a server's address.
        collection: in Milvus; "" for FAISS.
        weights, bias: of the `Similarity`.
        version: of the garments, counted from 0, which has none.
        next_id: of the next garment that comes.
        centre: [E], taken off the vectors; empty without garments.
        radius: see `exact.Space`.
        recall: of an approximate kind, the share of the 20 best that it finds; None for flat.
        files: {name: bytes} of the version's folder.
    """

    fingerprint: str
    class_names: list
    kind: str
    store: str
    collection: str
    weights: list
    bias: float
    version: int = 0
    next_id: int = 0
    centre: list = field(default_factory=list)
    radius: float = 0.0
    recall: float | None = None
    files: dict = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Reads a folder's index.json.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is damaged, or of another release.
        """
        path = folder / FILE
        if not path.is_file():
            raise FileNotFoundError(f"{folder} is not an index: it has no {FILE}. Make one: "
                                    f"python fashion/fashion.py index --output={folder} ...")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            form = content.pop("format")
            if form == _FORMAT:
                return cls(**content)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is damaged ({error}). Make the index again, in another "
                             "folder.") from error
        raise ValueError(f"{path} is of format {form}, this release reads {_FORMAT}. Make the "
                         "index again, in another folder.")

    def write(self, folder: Path) -> None:
        """Puts this version in force."""
        with atomic_path(folder / FILE) as temporary:
            temporary.write_text(json.dumps({"format": _FORMAT, **asdict(self)}, indent=1),
                                 encoding="utf-8")

    def home(self, folder: Path) -> Path:
        """The version's folder in that of the index."""
        return folder / f"version_{self.version:06}"

    def with_files(self, folder: Path) -> "Manifest":
        """The same with the sizes of the files that lie in the version's folder."""
        return replace(self, files={path.name: path.stat().st_size
                                    for path in sorted(self.home(folder).iterdir())})

    def check(self, folder: Path) -> None:
        """Raises ValueError where a file of the version is missing or cut short."""
        for name, size in self.files.items():
            path = self.home(folder) / name
            found = path.stat().st_size if path.is_file() else None
            if found != size:
                is_now = "is missing" if found is None else f"has {found:,} bytes"
                raise ValueError(f"{path} {is_now}, expected {size:,}. Copy the index again, or "
                                 "make it again in another folder.")


def write_table(home: Path, ids: np.ndarray, garments: Garments) -> None:
    """Writes a version's table; the vectors by themselves, so that they can be mapped."""
    replace(garments, embeddings=garments.embeddings[:, :0]).save(home / _TABLE)
    for name, values in ((_IDS, ids), (_EMBEDDINGS, garments.embeddings)):
        with atomic_path(home / name) as temporary, temporary.open("wb") as file:
            np.save(file, values)


def read_table(home: Path) -> tuple[np.ndarray, Garments]:
    """ids [N] int64 and the garments; the vectors are mapped into memory, not read."""
    embeddings = np.load(home / _EMBEDDINGS, mmap_mode="r")
    return np.load(home / _IDS), replace(Garments.load(home / _TABLE), embeddings=embeddings)


def remove_all_but(manifest: Manifest, folder: Path) -> None:
    """Removes the folders of other versions: the last one's, and those of killed writers."""
    for path in folder.glob("version_*"):
        if path != manifest.home(folder):
            # Windows keeps files that a reader has mapped; the next writer removes them.
            shutil.rmtree(path, ignore_errors=True)
