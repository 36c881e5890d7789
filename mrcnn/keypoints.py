"""Keypoints off the graph: [objects, keypoints, (x, y, v)] px, as on disk.

v is the visibility: 2 visible, 1 covered by something, 0 not in the picture; where v is 0 the
coordinates mean nothing and are kept at 0.

K keypoints in all, C classes with background. Where every class has keypoints of its own, at most
M of them, the network speaks of these M only, and a `ClassKeypoints` says which they are.
"""

from dataclasses import dataclass

import numpy as np

NOT_THERE = 0
VISIBLE = 2


@dataclass(frozen=True, eq=False)
class ClassKeypoints:
    """Which keypoints an object of each class has.

    Attributes:
        columns: [C, M] int32, place of a class's m-th keypoint among the K; 0 beyond its last.
        exists: [C, M] bool, whether the class has an m-th keypoint.
        total: K.
    """

    columns: np.ndarray
    exists: np.ndarray
    total: int

    def spread(self, own, class_ids):
        """A class's own keypoints in their places among all.

        Args:
            own: [N, M, values].
            class_ids: [N] int.

        Returns:
            [N, K, values], zeros where a class has none.
        """
        spread = np.zeros((len(own), self.total, own.shape[2]), own.dtype)
        row, column = np.nonzero(self.exists[class_ids])
        spread[row, self.columns[class_ids][row, column]] = own[row, column]
        return spread


def of_classes(ranges, num_classes, total):
    """Say which keypoints the objects of each class have.

    Args:
        ranges: (first, count) for each class but the background, or None: all classes have all.
        num_classes: C.
        total: K.

    Returns:
        A `ClassKeypoints`.

    Raises:
        ValueError: there are no keypoints, or the ranges do not fit the classes or K.
    """
    ranges = [(0, total)] * (num_classes - 1) if ranges is None else list(ranges)
    fits = all(first >= 0 and count >= 0 and first + count <= total for first, count in ranges)
    if total < 1 or len(ranges) != num_classes - 1 or not fits:
        raise ValueError(
            f"A keypoint head needs NUM_KEYPOINTS (here {total}), and as KEYPOINTS_OF_CLASS one "
            f"(first, count) within them for each of {num_classes - 1} classes, or None; got "
            f"{ranges}.")
    most = max(count for _, count in ranges)
    place = np.arange(most)
    firsts, counts = np.array([(0, 0), *ranges]).T[..., None]  # [C, 1] each
    exists = place < counts
    return ClassKeypoints(np.where(exists, firsts + place, 0).astype(np.int32), exists, total)


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
