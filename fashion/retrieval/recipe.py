"""What an index was made of: weights, settings, and the photos as they were then."""

import json
import os
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from fashion.retrieval.json_files import read_json, typed
from fashion.retrieval.versions import ANEW
from mrcnn.files import atomic_path

FILE = "made_of.json"


@dataclass
class Recipe:
    """How to make an index again, and what need not be made again.

    Attributes:
        weights: path of the network's file, or keras:NAME.
        config: name of the configuration that was asked for; None: that of the weights.
        settings: changed knobs, KEY=VALUE.
        photos: {path: its stamp} of all photos that were looked at, with garments or without.
    """

    weights: str
    config: str | None
    settings: list
    photos: dict = field(default_factory=dict)

    @staticmethod
    def is_at(index: Path) -> bool:
        """Whether an index has one."""
        return (Path(index) / FILE).is_file()

    @classmethod
    def read(cls, index: Path) -> "Recipe":
        """Reads that of an index.

        Args:
            index: its folder.

        Raises:
            FileNotFoundError: the index has none; one that no command made need not.
            ValueError: a damaged file.
        """
        if not cls.is_at(index):
            raise FileNotFoundError(
                f"{index} does not say what it was made of: there is no {FILE} in it. Say which "
                "weights it takes: --weights=PATH")
        return read_json(Path(index) / FILE, ANEW, partial(typed, cls))

    def write(self, index: Path) -> None:
        """Writes it into the folder of an index."""
        with atomic_path(Path(index) / FILE) as temporary:
            temporary.write_text(json.dumps(asdict(self)), encoding="utf-8")

    def stamp(self, photo: Path | str) -> list | None:
        """What changes when a photo does, or how it is looked at; None where it is not there."""
        try:
            status = os.stat(photo)
        except OSError:
            return None
        return [status.st_size, status.st_mtime_ns, " ".join(self.settings)]
