"""Random access to batches: step k is made from seed and k alone. Workers hold a copy of this."""

import collections
import dataclasses
import sys

import cloudpickle
import numpy as np

from mrcnn.data.examples import load_example
from mrcnn.data.images import ImageError

# So many unusable images one after the other are no accident: a wrong folder, an empty disk.
MAX_FAILURES = 100

UNREADABLE, UNUSABLE = "unreadable image", "unusable annotation"

# What was left out: why, from which image, how many, and for a whole image what was wrong.
Skip = collections.namedtuple("Skip", "reason path number message")


@dataclasses.dataclass
class Batches:
    """Sequence of batches.

    Attributes:
        order: which image stands where, see `mrcnn.data.order`.
        repeat: replace unusable images by the next; otherwise leave them out and end each pass
            with a smaller batch.
        random: give every row a random generator of its own.
        The others as in `mrcnn.data.loader.Loader`.
    """

    dataset: object
    config: object
    batch_size: int
    order: object
    repeat: bool
    seed: int
    random: bool
    augmentation: object
    no_augmentation_sources: frozenset = frozenset()

    @property
    def steps(self):
        """Batches of one pass over the images."""
        return -(-self.order.length // self.batch_size)

    @property
    def item_bytes(self):
        """About the size of one batch: photos and masks."""
        height, width = self.config.IMAGE_SHAPE[:2]
        cells = self.config.MINI_MASK_SHAPE if self.config.USE_MINI_MASK else (height, width)
        masks = self.config.MAX_GT_INSTANCES * cells[0] * cells[1]
        return int(self.batch_size * (3 * height * width + masks))

    def __len__(self):
        return sys.maxsize  # passes follow one another without end

    def __getitem__(self, step):
        """One batch.

        Returns:
            {"batch": dict of arrays with a batch axis, None when every image was left out,
             "skips": list of Skip}

        Raises:
            RuntimeError: MAX_FAILURES unusable images in a row, or all that there are.
        """
        rows, skips = [], []
        for place in self._places(step):
            row, row_skips = self._row(place)
            skips.extend(row_skips)
            if row is not None:
                rows.append(row)
        batch = {name: np.stack([row[name] for row in rows]) for name in rows[0]} if rows else None
        return {"batch": batch, "skips": skips}

    def _places(self, step):
        """The places in the order that make up a step."""
        if self.repeat:
            return range(step * self.batch_size, (step + 1) * self.batch_size)
        epoch, step = divmod(step, self.steps)
        first = step * self.batch_size
        last = min(first + self.batch_size, self.order.length)
        return range(epoch * self.order.length + first, epoch * self.order.length + last)

    def _row(self, place):
        """The row of a place, or of the first usable place after it; None without `repeat`."""
        skips = []
        for attempt in range(MAX_FAILURES if self.repeat else 1):
            image_id = self.order.image(place + attempt * self.order.stride)
            rng = np.random.default_rng([self.seed, place, attempt]) if self.random else None
            try:
                row, left_out = load_example(
                    self.dataset, image_id, self.config, self._augmentation(image_id), rng
                )
            except ValueError as error:
                reason = UNREADABLE if isinstance(error, ImageError) else UNUSABLE
                skips.append(Skip(reason, self._path(image_id), 1, str(error)))
                continue
            path = self._path(image_id) if left_out else ""
            skips += [Skip(reason, path, number, "") for reason, number in left_out.items()]
            return row, skips
        if self.repeat:
            raise too_many_failures(skips[-1])
        return None, skips

    def _augmentation(self, image_id):
        """The augmentation of an image; None for those of a source that shall have none."""
        if self.no_augmentation_sources:
            if self.dataset.image_info[image_id]["source"] in self.no_augmentation_sources:
                return None
        return self.augmentation

    def _path(self, image_id):
        return str(self.dataset.source_image_link(image_id))


def too_many_failures(skip):
    """The error of a data set that is unusable as a whole."""
    return RuntimeError(
        f"{MAX_FAILURES} images in a row, or all of them, could not be used; the last one: "
        f"{skip.path}: {skip.message}"
    )


class UnpackError(RuntimeError):
    """A worker process cannot import what the dataset or the augmentation is made of."""


class Packed:
    """Batches as bytes: packed once for all workers, and unpacked by each when it begins.

    Args:
        batches: `Batches`.

    Raises:
        AttributeError, TypeError, ValueError, pickle.PicklingError: it cannot be copied.
        UnpackError: it cannot be rebuilt in a worker.
    """

    def __init__(self, batches):
        self._bytes = cloudpickle.dumps(batches)
        self._batches = None

    def __len__(self):
        return sys.maxsize

    def __getitem__(self, step):
        if self._batches is None:
            self._batches = self._unpack()
        return self._batches[step]

    def _unpack(self):
        try:
            return cloudpickle.loads(self._bytes)
        except Exception as error:  # whatever importing the user's modules raises
            raise UnpackError(f"a worker cannot rebuild the dataset: {error!r}") from error
