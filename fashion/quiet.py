"""Silence for libraries that write to the standard error, whatever they are told."""

import contextlib
import os
import sys


@contextlib.contextmanager
def quiet():
    """Drops what is written to the standard error within the block, by C++ code too.

    Python's exceptions are raised and not lost.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
        sys.stderr.flush()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
