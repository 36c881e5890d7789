"""One writer at a time: a lock that a killed process cannot leave behind."""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

# Windows keeps others from reading a locked byte: one far behind the holder's name is locked.
_LOCKED_BYTE = 1 << 20


@contextlib.contextmanager
def hold(path: Path | str) -> Iterator[None]:
    """Holds a lock file for the block.

    The operating system holds the lock, and lets go of it when the process ends in whatever way:
    the file stays, and the next one takes it over.

    Args:
        path: of the file; its folder is made if need be.

    Raises:
        BlockingIOError: another holds it; the message says who.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+", encoding="utf-8") as file:
        try:
            _lock(file.fileno())
        except OSError as error:
            raise BlockingIOError(
                f"{path.parent} is being written by {_holder(path)}. Wait until that has "
                "finished, or stop it, and run again.") from error
        file.truncate(0)
        json.dump({"process": os.getpid(), "host": socket.gethostname(),
                   "since": time.strftime("%Y-%m-%d %H:%M:%S")}, file)
        file.flush()
        try:
            yield
        finally:
            _unlock(file.fileno())


def _holder(path):
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"process {holder['process']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):  # it has not written its name yet
        return "another process"


try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    def _lock(descriptor):
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)

    def _unlock(descriptor):
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
else:
    def _lock(descriptor):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
