"""The losses of the stages: all landmarks in the first, the hardest ones in those behind it.

Squared error of heatmaps (Li et al. 2020, equations 1 and 2), divided by that of an empty map: 1
means that a landmark was not seen at all, and so the size of the maps and of the Gaussians, which
differ between configurations, leaves the learning rate as it is.
"""

from keras import ops

from fashion.cspn.targets import energy
from mrcnn.losses import masked_mean


def map_errors(maps, targets, sigma):
    """Error of each heatmap.

    Args:
        maps: [B, M, s, s] as drawn; targets: the same, Gaussians.
        sigma: of the Gaussians, in cells.

    Returns:
        [B, M]: 0 for the same map, 1 for an empty one.
    """
    return ops.sum((maps - targets) ** 2, axis=(2, 3)) / energy(sigma)


def all_landmarks(errors, counted):
    """Mean error of the landmarks that count (equation 1).

    Args:
        errors: [B, M].
        counted: [B, M], 0 or 1.

    Returns:
        [B]; 0 for a garment of which none counts.
    """
    return masked_mean(errors, counted)


def hardest_landmarks(errors, counted, hardest):
    """Mean error of the worst landmarks of each garment (equation 2; online hard keypoint mining,
    Chen et al. 2018, arXiv 1711.07319, section 3.3).

    Args:
        errors: [B, M].
        counted: [B, M], 0 or 1.
        hardest: K, how many; of a garment with fewer that count, all.

    Returns:
        [B].
    """
    hardest = min(hardest, errors.shape[1])
    worst, _ = ops.top_k(ops.where(counted > 0, errors, -1.0), hardest)
    return masked_mean(worst, ops.cast(worst >= 0, "float32"))
