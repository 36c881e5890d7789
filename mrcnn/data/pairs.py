"""Images in couples that show the same object, for heads that compare (a match head).

Two images are partners when an object of the one has the identity of an object of the other, and
they are of different domains: the one a user's, the other a shop's. Where a data set knows no
domains any two images will do.
"""

import collections

import numpy as np

UNKNOWN_DOMAIN = 0


class Partners:
    """Which images are partners.

    Args:
        dataset: prepared `Dataset` with `load_identities`.

    Raises:
        ValueError: it knows no identities, or no two images are partners.
    """

    def __init__(self, dataset):
        self._domains = np.array([dataset.image_domain(i) for i in dataset.image_ids], np.int8)
        self._identities = [_identities(dataset, image_id) for image_id in dataset.image_ids]
        images = collections.defaultdict(list)
        for image_id, identities in enumerate(self._identities):
            for identity in identities:
                images[int(identity)].append(image_id)
        self._images = {identity: np.array(members, np.int32)
                        for identity, members in images.items()}
        if not any(len(self.of(members[0])) for members in self._images.values()):
            raise ValueError(
                f"No two images of {type(dataset).__name__} show the same object in two domains: "
                "there is nothing to match. Leave 'match' out of HEADS.")

    def of(self, image_id):
        """[M] int32, rising: the partners of an image, often none."""
        identities = self._identities[image_id]
        if not len(identities):
            return np.zeros(0, np.int32)
        images = np.unique(np.concatenate([self._images[int(i)] for i in identities]))
        own, theirs = self._domains[image_id], self._domains[images]
        apart = (own != theirs) | (own == UNKNOWN_DOMAIN) | (theirs == UNKNOWN_DOMAIN)
        return images[apart & (images != image_id)]


def _identities(dataset, image_id):
    """[n] int, the identities on an image, each once."""
    identities = dataset.load_identities(image_id)
    if identities is None:
        raise ValueError(
            f"{type(dataset).__name__} does not say which objects are the same: give it "
            "load_identities, or leave 'match' out of HEADS.")
    identities = np.unique(np.asarray(identities, np.int64))
    return identities[identities > 0]


class PairedOrder:
    """An endless order in which places 2c and 2c + 1 hold partners.

    The first of a couple comes from another order, the second is one of its partners, drawn anew
    each time; an image without any is followed by one that is drawn from all. So within two
    epochs every image comes as the first of a couple.

    Args:
        order: `mrcnn.data.order.Order`.
        partners: `Partners`.
        num_images: of the data set.
        seed: of the draw.

    Attributes:
        length: places of one epoch.
        stride: from an unusable image to the one that replaces it: never its own partner.
    """

    stride = 2

    def __init__(self, order, partners, num_images, seed):
        self._order, self._partners = order, partners
        self._num_images, self._seed = num_images, seed
        self.length = order.length

    def image(self, place):
        """Index of the image at a place, 0, 1, 2, ... without end."""
        couple, is_second = divmod(place, 2)
        first = self._order.image(couple)
        if not is_second:
            return first
        partners = self._partners.of(first)
        # Four numbers: a seed that neither orders (two) nor the rows of batches (three) use.
        rng = np.random.default_rng([self._seed, couple, self._num_images, 0])
        if not len(partners):
            return int(first + 1 + rng.integers(self._num_images - 1)) % self._num_images
        return int(partners[rng.integers(len(partners))])


def coupled(partners, num_images):
    """All images once, as many as possible in couples: for a pass over a validation set.

    Returns:
        [num_images] int: partners at places 2c and 2c + 1; then those that are left over.
    """
    is_free, couples, alone = np.ones(num_images, bool), [], []
    for image_id in range(num_images):
        if is_free[image_id]:
            is_free[image_id] = False
            free = [i for i in partners.of(image_id) if is_free[i]]
            if free:
                is_free[free[0]] = False
                couples += [image_id, int(free[0])]
            else:
                alone.append(image_id)
    return np.array(couples + alone)
