"""Which images stand for a data set when not all of them can be measured."""

import numpy as np

from fashion.datasets.selection import spread, spread_groups


def images_to_measure(dataset, limit: int | None, heads) -> np.ndarray:
    """About `limit` images, spread evenly over the set.

    Where garments are searched, images that show the same ones are taken together or not at all:
    a query without its counterparts in the gallery could only fail.

    Args:
        dataset: prepared `Dataset`.
        limit: at most so many images, but at least one group; None takes all.
        heads: of the network, `Config.HEADS`.

    Returns:
        Image ids, rising.
    """
    if limit is None or "match" not in heads:
        return spread(dataset.image_ids, limit)
    return dataset.image_ids[spread_groups(groups_of(dataset), limit)]


def groups_of(dataset) -> np.ndarray:
    """[images] int: equal for images that show a garment in common, also by way of others."""
    images, identities = [], []
    for image_id in dataset.image_ids:
        own = dataset.load_identities(image_id)
        own = own[own > 0] if own is not None else []
        images.extend([image_id] * len(own))
        identities.extend(own)
    images, identities = np.array(images, int), np.array(identities, int)
    groups, last = np.arange(len(dataset.image_ids)), None
    while last is None or (groups != last).any():
        last, least = groups.copy(), np.full(identities.max(initial=0) + 1, len(groups))
        np.minimum.at(least, identities, groups[images])
        np.minimum.at(groups, images, least[identities])
    return groups
