"""Worker processes: whether they can be started here, and how they behave."""

import ast
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing import connection
from pathlib import Path

import cv2


def why_not():
    """Why worker processes cannot be started here, in words; None when they can.

    A spawned process imports the main program once more. A script that does its work outside
    `if __name__ == "__main__":` would do it all again in every worker; a notebook or a prompt
    has no file to be imported and is no trouble.

    Raises:
        RuntimeError: this is such a second run of a script. Its end is noticed by the first.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RuntimeError(
            "A worker process is importing the main program and came upon a data loader there. "
            'Put what the program does under `if __name__ == "__main__":`.'
        )
    if multiprocessing.current_process().daemon:
        return "this is itself a worker process"
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    path = getattr(main, "__file__", None)
    if path is None or (spec is not None and spec.name.endswith("__main__")):
        return None  # nothing that a worker would import again
    if not Path(path).is_file():
        return f"the main program is not a file that can be imported again ({path})"
    if not _guarded(Path(path)):
        return f'{path} has no `if __name__ == "__main__":`'
    return None


def _guarded(path):
    """Whether a script has a main guard."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return False
    tests = [node.test for node in tree.body if isinstance(node, ast.If)]
    names = [part.id for test in tests for part in ast.walk(test) if isinstance(part, ast.Name)]
    return "__name__" in names


def start_worker(index, count):
    """What a worker process does first.

    It leaves Ctrl-C to its parent, which ends it in order; it ends when its parent was killed,
    instead of waiting for ever to hand over a batch; and it keeps to one core.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)


def _end_with_parent():
    connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
