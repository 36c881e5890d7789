"""Keypoints off the graph: [objects, keypoints, (x, y, v)] px, as on disk.

v is the visibility: 2 visible, 1 covered by something, 0 not in the picture; where v is 0 the
coordinates mean nothing and are kept at 0.
"""

import numpy as np

NOT_THERE = 0


def move(keypoints, matrix):
    """Move keypoints by an affine map.

    Args:
        keypoints: [..., (x, y, v)] px.
        matrix: [2, 3], (x, y) -> matrix @ (x, y, 1).

    Returns:
        A moved copy, float32; points that are not there stay zeros.
    """
    moved = np.array(keypoints, np.float32)
    moved[..., :2] = moved[..., :2] @ np.asarray(matrix)[:, :2].T + np.asarray(matrix)[:, 2]
    return without_absent(moved)


def hide_outside(keypoints, shape):
    """Keypoints that left the picture are no longer there: v becomes 0.

    Args:
        keypoints: [..., (x, y, v)] px.
        shape: (height, width) px.

    Returns:
        A copy, float32.
    """
    kept = np.array(keypoints, np.float32)
    x, y = kept[..., 0], kept[..., 1]
    inside = (x >= 0) & (y >= 0) & (x <= shape[1]) & (y <= shape[0])
    kept[..., 2] = np.where(inside, kept[..., 2], NOT_THERE)
    return without_absent(kept)


def swap(keypoints, permutation):
    """Exchange left and right after a flip: row i of the result is row permutation[i].

    Args:
        keypoints: [K, (x, y, v)] of one object.
        permutation: [K] ints, its own inverse.

    Returns:
        [K, (x, y, v)].
    """
    return keypoints[np.asarray(permutation)]


def without_absent(keypoints):
    """A copy whose absent points (v = 0) are zeros."""
    return np.where(keypoints[..., 2:] > NOT_THERE, keypoints, 0).astype(np.float32)
