"""The face `from mrcnn import utils`: Matterport's names, signatures and results.

The functions live in `mrcnn.matterport`, `Dataset` in `mrcnn.data.dataset`.
"""

import numpy as np

from mrcnn import boxes, download
from mrcnn.data.dataset import Dataset
from mrcnn.matterport.boxes import (
    apply_box_deltas,
    box_refinement,
    compute_iou,
    compute_overlaps,
    compute_overlaps_masks,
    denorm_boxes,
    extract_bboxes,
    generate_anchors,
    generate_pyramid_anchors,
    non_max_suppression,
    norm_boxes,
    trim_zeros,
)
from mrcnn.matterport.images import (
    expand_mask,
    minimize_mask,
    resize,
    resize_image,
    resize_mask,
    unmold_mask,
)
from mrcnn.matterport.metrics import compute_ap, compute_ap_range, compute_matches, compute_recall

COCO_MODEL_URL = download.PUBLISHED["coco"].url

__all__ = [
    "COCO_MODEL_URL", "Dataset", "apply_box_deltas", "batch_slice", "box_refinement",
    "box_refinement_graph", "compute_ap", "compute_ap_range", "compute_iou", "compute_matches",
    "compute_overlaps", "compute_overlaps_masks", "compute_recall", "denorm_boxes",
    "download_trained_weights", "expand_mask", "extract_bboxes", "generate_anchors",
    "generate_pyramid_anchors", "minimize_mask", "mold_mask", "non_max_suppression", "norm_boxes",
    "resize", "resize_image", "resize_mask", "trim_zeros", "unmold_mask",
]


def download_trained_weights(coco_model_path, verbose=1):
    """Fetches Matterport's COCO weights to a path; resumed where an earlier attempt stopped.

    Args:
        coco_model_path: the file to write.
        verbose: 0 prints nothing.

    Raises:
        OSError: it cannot be fetched; the message says which file to put where.
        ValueError: what came is not the published file.
    """
    if verbose > 0:
        print(f"Downloading pretrained model to {coco_model_path} ...")
    download.fetch(download.PUBLISHED["coco"], coco_model_path, progress=verbose > 0)
    if verbose > 0:
        print("... done downloading pretrained model!")


def mold_mask(mask, config):
    """Without a body in the original too.

    Raises:
        NotImplementedError: always; it says what to take instead.
    """
    raise NotImplementedError(
        "mold_mask was never written. resize_mask moves a mask as resize_image has moved its "
        "image, minimize_mask then cuts it to its box.")


def batch_slice(inputs, graph_fn, batch_size, names=None):
    """Runs a function of one image on each image of a batch.

    Layers here take whole batches; write new ones so, or use `keras.ops.vectorized_map`, which
    does not repeat the graph for every image.

    Args:
        inputs: array or tensor [batch, ...], or a list of them.
        graph_fn: function of one row of each, returning one result or several.
        batch_size: number of rows.
        names: has no effect; tensors have no names to set any more.

    Returns:
        [batch, ...], or a list of them where there are several results. NumPy in, NumPy out.
    """
    inputs = inputs if isinstance(inputs, list) else [inputs]
    results = [graph_fn(*(rows[i] for rows in inputs)) for i in range(batch_size)]
    results = [row if isinstance(row, tuple | list) else [row] for row in results]
    stacked = [_stack(column) for column in zip(*results, strict=True)]
    return stacked[0] if len(stacked) == 1 else stacked


def _stack(rows):
    if all(isinstance(row, np.ndarray | np.generic | int | float) for row in rows):
        return np.stack(rows)
    from keras import ops  # only who brings tensors waits for a backend

    return ops.stack(rows)


def box_refinement_graph(box, gt_box):
    """`box_refinement` of tensors; inside the network it is `mrcnn.boxes.encode`."""
    from keras import ops

    box, gt_box = ops.cast(box, "float32"), ops.cast(gt_box, "float32")
    return boxes.encode(box, gt_box, (1, 1, 1, 1), xp=ops)
