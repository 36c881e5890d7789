"""The steps of a sequence of batches, one after the other, prepared ahead by grain.

grain is imported when the first stream begins: it brings JAX along where JAX is installed, and
what only reads a data set need not wait for that.
"""

import shutil
import sys
from pathlib import Path

import cv2
from absl import flags, logging

from mrcnn.data.processes import start_worker

# Batches that each worker keeps ready.
AHEAD = 2
# Smaller arrays are cheaper to copy than to share.
MIN_SHARED_BYTES = 1 << 16
SHARED_MEMORY = Path("/dev/shm")


def from_threads(source, first_step, threads):
    """Iterator over source[first_step], source[first_step + 1], ..., read by threads.

    The iterator has `close()`.
    """
    cv2.setNumThreads(1)  # as many threads as asked for, not times the number of cores
    grain = _grain()
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=threads + AHEAD - 1)
    return iter(_steps(grain, source, first_step).to_iter_dataset(options))


def from_processes(source, first_step, workers, batch_bytes):
    """The same from spawned processes, to each of which the source is pickled.

    Args:
        source: sequence of nested dicts and lists with NumPy arrays.
        first_step: int.
        workers: number of processes.
        batch_bytes: about the size of one item.
    """
    grain = _grain()
    alone = grain.ReadOptions(num_threads=0, prefetch_buffer_size=0)
    stream = _steps(grain, source, first_step).to_iter_dataset(alone)
    # One item in the making, AHEAD waiting, one being handed over.
    least = _least_shared_bytes(batch_bytes * workers * (AHEAD + 2))
    options = grain.experimental.DatasetOptions(min_shm_size=least)
    stream = grain.experimental.WithOptionsIterDataset(stream, options)
    options = grain.MultiprocessingOptions(workers, per_worker_buffer_size=AHEAD)
    return iter(stream.mp_prefetch(options, worker_init_fn=start_worker))


def _grain():
    """The module, its flags at their defaults in programs that do not use absl."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)  # it warns where JAX, an optional backend, is missing
    try:
        import grain
    finally:
        logging.set_verbosity(verbosity)
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
    return grain


def _steps(grain, source, first_step):
    return grain.MapDataset.source(source).slice(slice(first_step, None))


def _least_shared_bytes(needed):
    """Arrays from this size on go through shared memory; none where it is too small.

    Containers often have 64 MB of it, and writing beyond its end kills the worker.
    """
    fits = not SHARED_MEMORY.is_dir() or shutil.disk_usage(SHARED_MEMORY).free > needed
    return MIN_SHARED_BYTES if fits else sys.maxsize
