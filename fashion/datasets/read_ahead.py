"""Reads files in threads, a few ahead of where they are used."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor


def read_ahead(read, items, threads: int = 8, ahead: int = 32):
    """Yields read(item) for each item, in order, while threads already read the next ones.

    Waiting for a disk and decoding a photo leave Python's lock to others, so threads help; and
    only `ahead` results are held at a time, however many items there are.
    """
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque()
        for item in items:
            waiting.append(pool.submit(read, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
