"""The files of an index: `index.json` names the version in force, a folder of files never changed.

A writer makes the next version's folder and then replaces index.json, which is one rename: killed
at any moment, it leaves the old version in force. Who has the old one open keeps its files.
"""

import json
import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tokenize import TokenError

import numpy as np

from fashion.retrieval.garments import Garments
from fashion.retrieval.json_files import read_json, typed
from fashion.retrieval.similarity import Similarity
from fashion.retrieval.store import KINDS
from mrcnn.files import atomic_path

FILE = "index.json"
# What to do with a damaged index.
ANEW = "Run the command index again with another --output."
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
        radius: see `space.Space`.
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
        form, manifest = read_json(path, ANEW, cls._of)
        if form != _FORMAT:
            raise ValueError(f"{path} is of format {form}, this release reads {_FORMAT}. {ANEW}")
        return manifest

    @classmethod
    def _of(cls, content):
        """The format and, where it is ours, the manifest of the contents of an index.json."""
        form = content.pop("format")
        if form != _FORMAT:
            return form, None
        manifest = typed(cls, content)
        size, centre = manifest.similarity.size, np.asarray(manifest.centre, np.float32)
        if manifest.kind not in KINDS or centre.shape not in ((0,), (size,)):
            raise ValueError(f"kind {manifest.kind!r}, {size} weights, a centre {centre.shape}")
        return form, manifest

    @property
    def similarity(self) -> Similarity:
        """What ranks the garments."""
        return Similarity(np.array(self.weights), self.bias)

    def write(self, folder: Path) -> None:
        """Puts this version in force."""
        with atomic_path(folder / FILE) as temporary:
            temporary.write_text(json.dumps({"format": _FORMAT, **asdict(self)}, indent=1),
                                 encoding="utf-8")

    def home(self, folder: Path) -> Path:
        """The version's folder in that of the index."""
        return folder / f"version_{self.version:06}"

    def require_garments(self, folder: Path) -> None:
        """Raises ValueError where the version has no garments."""
        if not self.files:
            raise ValueError(f"{folder} has no garments. Add photos with garments first: "
                             f"python fashion/fashion.py index --output={folder} ...")

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
                raise ValueError(f"{path} {is_now}, expected {size:,}. Copy the index again if "
                                 f"it is a copy. {ANEW}")


def write_table(home: Path, ids: np.ndarray, garments: Garments) -> None:
    """Writes a version's table; the vectors by themselves, so that they can be mapped."""
    replace(garments, embeddings=garments.embeddings[:, :0]).save(home / _TABLE)
    for name, values in ((_IDS, ids), (_EMBEDDINGS, garments.embeddings)):
        with atomic_path(home / name) as temporary, temporary.open("wb") as file:
            np.save(file, values)


def read_table(home: Path, size: int) -> tuple[np.ndarray, Garments]:
    """Reads a version's table; the vectors are mapped into memory, not read.

    Args:
        home: the version's folder.
        size: numbers of a vector.

    Returns:
        ids [N] int64, and the garments.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a damaged one; the text names the folder.
    """
    table = Garments.load(home / _TABLE, ANEW)
    try:
        embeddings, ids = np.load(home / _EMBEDDINGS, mmap_mode="r"), np.load(home / _IDS)
        expected = (np.float32, (len(table), size)), (np.int64, (len(table),))
        found = tuple((values.dtype, values.shape) for values in (embeddings, ids))
        if found != expected:
            raise ValueError(f"vectors and ids are {found}, expected {expected}")
        return ids, replace(table, embeddings=embeddings)
    except (EOFError, TokenError, ValueError) as error:  # as NumPy raises them
        raise ValueError(f"{home} is damaged ({error}). {ANEW}") from error


def remove_all_but(manifest: Manifest, folder: Path) -> None:
    """Removes the folders of other versions: the last one's, and those of killed writers."""
    for path in folder.glob("version_*"):
        if path != manifest.home(folder):
            # Windows keeps files that a reader has mapped; the next writer removes them.
            shutil.rmtree(path, ignore_errors=True)
