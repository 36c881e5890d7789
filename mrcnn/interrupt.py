"""Ctrl-C as a request, not as an exception in the middle of something."""

import contextlib
import logging
import signal
import threading

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def interruptible():
    """Catch the first Ctrl-C, or `kill`, in the block; the second one acts at once.

    Outside the main thread signals cannot be caught, and nothing changes.

    Yields:
        A function that tells whether a stop has been asked for.
    """
    asked = threading.Event()

    def ask(number, frame):
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        logger.warning("Stopping after this step; once more stops at once.")

    caught = SIGNALS if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, ask) for number in caught}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
