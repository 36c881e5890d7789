"""Photos that are finished, on the disk, until an index takes them in: a killed run goes on."""

import json
import time
from pathlib import Path

import numpy as np

from fashion.retrieval.garments import Garments
from fashion.retrieval.json_files import read_json
from mrcnn.files import atomic_path

# A part is written after so many photos or seconds, whichever comes first: what a kill costs.
PHOTOS = 1000
SECONDS = 30
_ADVICE = "Delete it: its photos are run again."


class Parts:
    """A folder of tables of garments, each with the list of the photos that it holds.

    `part_000001.npz` is the table; `part_000001.json`, written after it, says which photos are
    finished, also those without a garment. A photo that changed is in two parts; the later counts.

    Args:
        folder: made when the first part is written. Parts of other weights are removed.
        fingerprint: of the weights that compute the vectors.

    Attributes:
        finished: {photo: its stamp} of all parts.
    """

    def __init__(self, folder: Path, fingerprint: str):
        self.folder, self.fingerprint = Path(folder), fingerprint
        self._photos = dict(self._read())  # number of a part -> {photo: stamp}
        self.finished = {photo: stamp for number in sorted(self._photos)
                         for photo, stamp in self._photos[number].items()}
        self._new, self._tables, self._since = {}, [], time.monotonic()

    def _read(self):
        for path in sorted(self.folder.glob("part_*.json")):
            fingerprint, photos = read_json(path, _ADVICE, _listed)
            if fingerprint != self.fingerprint:
                path.unlink()
            elif path.with_suffix(".npz").is_file():
                yield int(path.stem.removeprefix("part_")), photos

    def add(self, photo: str, stamp: list, garments: Garments) -> None:
        """Takes a finished photo; a part is written when enough have come.

        Args:
            photo: its path.
            stamp: what would change if the photo did; a list that JSON can hold.
            garments: of the photo.
        """
        self._new[photo] = stamp
        self._tables.append(garments)
        if len(self._new) >= PHOTOS or time.monotonic() - self._since >= SECONDS:
            self.flush()

    def flush(self) -> None:
        """Writes what has come since the last part."""
        if self._new:
            number = max(self._photos, default=0) + 1
            Garments.concatenate(self._tables).save(self._path(number, ".npz"))
            with atomic_path(self._path(number, ".json")) as temporary:
                temporary.write_text(json.dumps(
                    {"fingerprint": self.fingerprint, "photos": self._new}), encoding="utf-8")
            self._photos[number] = self._new
            self.finished |= self._new
        self._new, self._tables, self._since = {}, [], time.monotonic()

    def garments(self) -> Garments:
        """The garments of all finished photos.

        Raises:
            ValueError: no part, or one that is damaged; it is named.
        """
        last = {photo: number for number in sorted(self._photos)
                for photo in self._photos[number]}
        tables = []
        for number in sorted(self._photos):
            table = Garments.load(self._path(number, ".npz"), _ADVICE)
            tables.append(table.take(np.array([last[photo] == number for photo in table.photos],
                                              bool)))
        return Garments.concatenate(tables)

    def move_into(self, index, recipe, gone=()) -> None:
        """Puts the finished photos into an index, in the place of what it had of them.

        Killed at any moment it can be done again: the parts are removed last.

        Args:
            index: `RetrievalIndex`.
            recipe: its `Recipe`, which is written.
            gone: photos that the index shall forget.
        """
        gone, new = set(gone), None
        if self.finished:
            new = self.garments()
            new = new.take(~np.isin(new.photos, np.array(list(gone), np.str_)))
        index.update(new, {*self.finished, *gone})
        recipe.photos = {photo: stamp for photo, stamp in (recipe.photos | self.finished).items()
                         if photo not in gone}
        recipe.write(index.folder)
        self.clear()

    def clear(self) -> None:
        """Removes the folder's parts and what killed runs left behind."""
        # Lists of photos go first: a table without one counts for nothing.
        for pattern in ("part_*.json", "part_*.npz", ".part_*"):
            for path in self.folder.glob(pattern):
                path.unlink()
        self._photos, self.finished = {}, {}

    def _path(self, number, ending):
        return self.folder / f"part_{number:06}{ending}"


def _listed(content):
    """The fingerprint and {photo: stamp} of the contents of a part's list."""
    return content["fingerprint"], dict(content["photos"].items())
