"""Files that are either whole or not there, and files that are not what they should be."""

import contextlib
import os
import re
import uuid
from pathlib import Path

# Ending of files that were being written; one that stays behind is from a killed process.
UNFINISHED = ".unfinished"
# How pickles begin: of protocol 2 and up; in protocol 0 with a dict, a list, a class.
PICKLE = re.compile(rb"\x80|\([dl]p|c[\w.]+\n\w+\n")


@contextlib.contextmanager
def atomic_path(path):
    """Give a temporary name to write to, which becomes `path` at the end of the block.

    The data is on the disk before the name changes, so that a crash at any moment leaves either
    the old file or the new one. If the block fails, the temporary file is removed.

    Args:
        path: of the file to write; its folder is made if need be.

    Yields:
        `Path` in the same folder, which the block must create.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{UNFINISHED}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def kind_of(path):
    """Say what a file is that should hold weights and does not, and what to do about it."""
    with path.open("rb") as file:
        start = file.read(512)
    kinds = (
        (not start, "it is empty. Download or copy it again."),
        (start.lstrip().startswith(b"<"),
         "it is a web page, saved instead of the file it links to. Download the file itself."),
        (start.startswith(b"version https://git-lfs"),
         "it is a Git LFS pointer, not the file. Run `git lfs pull`."),
        (PICKLE.match(start),
         "it is a Python pickle, which is not read, because reading one runs what it contains. "
         "Save the weights with Keras."),
    )
    return next((kind for found, kind in kinds if found), "its format is unknown. Take the "
                "file that a training wrote, or download it again.")
