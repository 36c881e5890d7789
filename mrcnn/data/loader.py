"""Batches for training and validation, made ahead of time, in an order that can be resumed.

Built on grain: random access to step k, sliced among worker processes at the source, arrays
handed over in shared memory. Added here: files that cannot be read are replaced and counted, and
where no process can be started threads do the work.
"""

import collections
import logging
import pickle
import time

import numpy as np

from mrcnn.data import augment, batches, processes, streams
from mrcnn.data.batches import Batches, Packed, UnpackError
from mrcnn.data.order import Order, repeat_factors
from mrcnn.data.pairs import PairedOrder, Partners, coupled

logger = logging.getLogger(__name__)


class Loader:
    """Iterates over batches, dicts of NumPy arrays (see `load_example`, with a batch axis).

    With `repeat` the batches never end, `len(loader)` of them show every image once, and the last
    images of an epoch share a batch with the first of the next. An image that cannot be used is
    replaced by the one after it. Without `repeat` each iteration is one pass in which the last
    batch is smaller, and unusable images are left out. Either way they are counted, and named in
    the log once. With a match head images come in couples that show the same object, see
    `mrcnn.data.pairs`.

    Args:
        dataset: a prepared `Dataset`.
        config: see `load_example`.
        batch_size: images of a batch.
        shuffle: a new order each epoch. Only then crops and the choice among too many objects
            are random.
        repeat: go on without end.
        seed: int >= 0. Order, crops and augmentation are a function of it and the step alone,
            however many workers there are.
        start_step: the first step to yield, at no cost.
        augmentation: see `mrcnn.data.augment`.
        workers: processes; 0 prepares batches in a thread of this process.
        no_augmentation_sources: sources of images, as `Dataset.add_image` names them, that are
            not augmented.

    Attributes:
        step: the step that comes next; without `repeat` within the pass. May be set before the
            first batch is taken.
        skipped: Counter of reasons: images and objects left out so far, each time they came.
        skipped_files: dict of image path to what was wrong with it.
        wait_seconds: time spent waiting for batches so far.

    Raises:
        ValueError: the dataset is empty, or its classes are not the configuration's.
        AugmentationError: the augmentation is of no known kind.
    """

    def __init__(
        self,
        dataset,
        config,
        batch_size,
        shuffle=True,
        repeat=True,
        seed=0,
        start_step=0,
        augmentation=None,
        workers=0,
        no_augmentation_sources=(),
    ):
        _check(dataset, config, batch_size)
        augment.check(augmentation)
        threshold = config.REPEAT_FACTOR_THRESHOLD if repeat else None
        factors = repeat_factors(dataset, threshold) if threshold else None
        order = _order(dataset, config, seed, shuffle, factors)
        random = shuffle or augmentation is not None
        self._batches = Batches(
            dataset, config, batch_size, order, repeat, seed, random, augmentation,
            frozenset(no_augmentation_sources),
        )
        self._workers = workers
        self._stream = None
        self._passes = 0
        self._failures = 0
        self.step = start_step
        self.skipped = collections.Counter()
        self.skipped_files = {}
        self.wait_seconds = 0.0

    def __len__(self):
        return self._batches.steps

    def __iter__(self):
        if self._stream is not None and not self._batches.repeat:
            if self.step < len(self):
                self.close()  # left in the middle: the batches under way are those of the old pass
            self._passes += 1
            self.step = 0
        return self

    def __next__(self):
        while self._batches.repeat or self.step < len(self):
            element = self._fetch()
            self.step += 1
            self._note(element["skips"], element["batch"])
            if element["batch"] is not None:
                return {name: _owned(array) for name, array in element["batch"].items()}
        raise StopIteration

    def close(self):
        """End workers and threads. Iterating again starts them anew."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _fetch(self):
        """The next element; from threads if the worker processes did not survive."""
        started = time.perf_counter()
        try:
            if self._stream is None:
                self._stream = self._open()
            return next(self._stream)
        except RuntimeError as error:
            dead = "terminated unexpectedly" in str(error)  # grain's word for it
            if not dead and not isinstance(error, UnpackError):
                raise
            logger.warning("A worker process failed (%s); going on with threads.", error)
            self.close()
            self._stream = self._threads(max(self._workers, 1))
            return next(self._stream)
        finally:
            self.wait_seconds += time.perf_counter() - started

    def _open(self):
        """An iterator over the elements from the current step on."""
        if self._workers == 0:
            return self._threads(1)
        reason = processes.why_not()
        if reason is None:
            try:
                packed = Packed(self._batches)
            except (AttributeError, TypeError, ValueError, pickle.PicklingError) as error:
                reason = f"the dataset or the augmentation cannot be copied ({error})"
            else:
                return streams.from_processes(
                    packed, self._place(), self._workers, self._batches.item_bytes
                )
        logger.warning("Loading with %d threads, not processes: %s.", self._workers, reason)
        return self._threads(self._workers)

    def _threads(self, number):
        return streams.from_threads(self._batches, self._place(), number)

    def _place(self):
        """The current step, counted over all passes."""
        return self._passes * len(self) + self.step

    def _note(self, skips, batch):
        """Count what was left out, and give up when nothing comes any more."""
        for skip in skips:
            self.skipped[skip.reason] += skip.number
            if skip.message and skip.path not in self.skipped_files:
                self.skipped_files[skip.path] = skip.message
                logger.warning("Left out: %s: %s", skip.reason, skip.message)
        self._failures = 0 if batch else self._failures + len(skips)
        if self._failures >= min(batches.MAX_FAILURES, self._batches.order.length):
            raise batches.too_many_failures(skips[-1])


def _owned(array):
    """A plain array. Shared memory is copied: what is still in use at the end would leak."""
    return array if type(array) is np.ndarray else np.array(array)


def _order(dataset, config, seed, shuffle, factors):
    """The images' order; in couples of partners where a head compares them."""
    if "match" not in config.HEADS:
        return Order(dataset.num_images, seed, shuffle, factors)
    partners = Partners(dataset)
    if not shuffle:
        sequence = coupled(partners, dataset.num_images)
        return Order(dataset.num_images, seed, shuffle, factors, sequence)
    order = Order(dataset.num_images, seed, shuffle, factors)
    return PairedOrder(order, partners, dataset.num_images, seed)


def _check(dataset, config, batch_size):
    """Dataset and configuration belong together."""
    if not getattr(dataset, "num_images", 0):
        raise ValueError(
            f"{type(dataset).__name__} has no images: add some, and call prepare(), before loading"
        )
    if dataset.num_classes != config.NUM_CLASSES:
        raise ValueError(
            f"the dataset has {dataset.num_classes} classes with the background, the "
            f"configuration NUM_CLASSES = {config.NUM_CLASSES}; set it to the dataset's number"
        )
    if "keypoint" in config.HEADS and dataset.num_keypoints != config.NUM_KEYPOINTS:
        raise ValueError(
            f"{type(dataset).__name__} has {dataset.num_keypoints} keypoints, the configuration "
            f"NUM_KEYPOINTS = {config.NUM_KEYPOINTS}; set it to the dataset's number, or leave "
            "'keypoint' out of HEADS"
        )
    if "match" in config.HEADS and batch_size // config.GPU_COUNT % 2:
        raise ValueError(
            f"A match head trains on couples of images, and {batch_size} on {config.GPU_COUNT} "
            "devices are no whole couples: set IMAGES_PER_GPU to an even number"
        )
