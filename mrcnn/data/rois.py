"""Random ROIs, to train the heads without the RPN (USE_RPN_ROIS = False)."""

import numpy as np

NEAR_OBJECTS = 0.9  # share of the ROIs that are drawn around an object


def random_rois(count, shape, boxes_px, rng):
    """Draw ROIs, most of them around objects, the others anywhere.

    Both corners of a ROI are drawn from its object's box made three times as large, or from the
    whole image.

    Args:
        count: R.
        shape: (height, width) px.
        boxes_px: [N, (y1, x1, y2, x2)] of the objects; may be empty.
        rng: numpy Generator.

    Returns:
        [R, (y1, x1, y2, x2)] float32 px, within the image, no side shorter than a pixel.
    """
    regions = np.tile(np.array([0, 0, *shape], np.float32), (count, 1))
    if len(boxes_px):
        near = int(NEAR_OBJECTS * count)
        chosen = np.asarray(boxes_px)[rng.integers(0, len(boxes_px), near)]
        size = chosen[:, 2:] - chosen[:, :2]
        regions[:near, :2] = np.maximum(chosen[:, :2] - size, 0)
        regions[:near, 2:] = np.minimum(chosen[:, 2:] + size, shape)
    low, high = regions[:, :2], regions[:, 2:]
    corners = np.sort(rng.uniform(low[:, None], high[:, None], (count, 2, 2)), axis=1)
    first = np.minimum(corners[:, 0], np.array(shape) - 1)
    return np.concatenate([first, np.maximum(corners[:, 1], first + 1)], axis=1).astype(np.float32)
