"""In which order images are read: a function of seed and place alone, so it can start anywhere."""

import numpy as np


class Order:
    """Which image stands at each place of an endless row of epochs.

    Args:
        num_images: images of the dataset.
        seed: int >= 0.
        shuffle: a new permutation for every epoch; otherwise always as they stand.
        repeat_factors: [num_images] how often each image should come in an epoch, at least 1 and
            usually not whole numbers; None for once. See `repeat_factors`.
        sequence: [num_images] the images as they stand before a shuffle; None: 0, 1, 2, ...

    Attributes:
        length: places of one epoch.
        stride: from an unusable image to the one that replaces it.
    """

    stride = 1

    def __init__(self, num_images, seed=0, shuffle=True, repeat_factors=None, sequence=None):
        self._sequence = np.arange(num_images) if sequence is None else sequence
        self._seed = seed
        self._shuffle = shuffle
        self._factors = repeat_factors
        self.length = num_images if repeat_factors is None else int(np.ceil(np.sum(repeat_factors)))
        self._cached = (-1, None)

    def image(self, place):
        """Index of the image at a place, 0, 1, 2, ... without end."""
        epoch, position = divmod(place, self.length)
        return int(self._epoch(epoch)[position])

    def _epoch(self, epoch):
        """[length] indices of one epoch; the last one asked for is kept."""
        cached_epoch, indices = self._cached  # read at once: other threads replace it
        if cached_epoch != epoch:
            indices = self._make_epoch(epoch)
            self._cached = (epoch, indices)
        return indices

    def _make_epoch(self, epoch):
        indices = self._sequence.copy()
        rng = np.random.default_rng([self._seed, epoch])
        if self._shuffle:
            rng.shuffle(indices)
        if self._factors is not None:
            indices = self._repeated(indices, rng)
        return indices

    def _repeated(self, indices, rng):
        """Each image floor(r) or ceil(r) times, on average r times, always `length` in all.

        Systematic sampling: the images lie end to end, each r long, and are met by marks at equal
        distance with one random offset. Independent rounding, as in LVIS, would give epochs of
        different lengths, and finding a step would need the lengths of all epochs before it.
        """
        ends = np.cumsum(self._factors[indices])
        marks = np.floor(ends * (self.length / ends[-1]) + rng.random())
        marks[-1] = self.length
        repeated = np.repeat(indices, np.diff(marks, prepend=0).astype(np.intp))
        if self._shuffle:
            rng.shuffle(repeated)
        return repeated


def repeat_factors(dataset, threshold):
    """How often to show each image so that rare classes are seen more often.

    r(image) = max over its classes c of max(1, sqrt(threshold / f(c))), f(c) being the share of
    images with class c (Gupta et al. 2019, LVIS, section 5.3).

    Args:
        dataset: a prepared `Dataset` whose `image_class_ids` is cheap.
        threshold: share of images below which a class counts as rare, about 1e-3..1e-1.

    Returns:
        [num_images] float64, at least 1.

    Raises:
        ValueError: the dataset does not know its images' classes without opening them.
    """
    classes = [_classes(dataset, image_id) for image_id in dataset.image_ids]
    count = np.zeros(dataset.num_classes)
    for present in classes:
        count[present] += 1
    frequency = count / max(len(classes), 1)
    factor = np.sqrt(threshold / np.maximum(frequency, 1 / max(len(classes), 1)))
    return np.array([max(1.0, *factor[present]) if len(present) else 1.0 for present in classes])


def _classes(dataset, image_id):
    """The classes on an image, each once; crowds do not count."""
    class_ids = dataset.image_class_ids(image_id)
    if class_ids is None:
        raise ValueError(
            "REPEAT_FACTOR_THRESHOLD needs the classes of every image beforehand: give class_ids= "
            f"to add_image, or override image_class_ids in {type(dataset).__name__}"
        )
    class_ids = np.unique(np.asarray(class_ids, np.intp))
    return class_ids[class_ids > 0]
