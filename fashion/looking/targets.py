"""What notebook 02 asks of a training batch: anchors, matches, and targets as pictures.

Shapes: A anchors, G objects of an image, P positive ROIs, M landmarks of a category at most.
"""

import numpy as np

from fashion.looking.data import draw_row, frame
from mrcnn import anchors, boxes, drawing, heatmaps, masks
from mrcnn.data import mold

_LOGIT_OF_NOTHING = -20.0


def anchors_by_level(network):
    """A network's anchors, a list of [cells, ratios * scales, (y1, x1, y2, x2)] px by level."""
    config = network.config
    shapes = anchors.pyramid_shapes(config.IMAGE_SHAPE, config.BACKBONE_STRIDES)
    table = anchors.pyramid_anchors(
        config.IMAGE_SHAPE, config.RPN_ANCHOR_SCALES, config.RPN_ANCHOR_RATIOS,
        config.BACKBONE_STRIDES, config.RPN_ANCHOR_STRIDE, network.convention)
    per_cell = len(config.RPN_ANCHOR_RATIOS) * np.size(config.RPN_ANCHOR_SCALES[0])
    cells = [len(range(0, height, config.RPN_ANCHOR_STRIDE))
             * len(range(0, width, config.RPN_ANCHOR_STRIDE)) for height, width in shapes]
    parts = np.split(table, np.cumsum(np.array(cells) * per_cell)[:-1])
    return [part.reshape(-1, per_cell, 4) for part in parts]


def middle_anchors(levels, shape):
    """Of each level the anchors of the cell nearest to the middle of an image (height, width)."""
    middle = np.array([shape[0], shape[1]]) / 2
    return [level[np.abs((level[:, 0, :2] + level[:, 0, 2:]) / 2 - middle).sum(axis=1).argmin()]
            for level in levels]


def best_anchors(dataset, image_ids, network):
    """How well the best anchor of each garment fits it, before anything has learned.

    Args:
        dataset: prepared `Dataset`.
        image_ids: whose garments are asked for.
        network: `mrcnn.network.Network`.

    Returns:
        [garments] IoU, 0 to 1, and [garments] roots of the boxes' areas on the molded image, px.
    """
    table = np.concatenate(anchors_by_level(network)).reshape(-1, 4)
    ious, sides = [np.zeros(0)], [np.zeros(0)]
    for image_id in image_ids:
        plan = mold.plan_for(network.config, dataset.load_image(image_id).shape)
        molded = mold.mold_boxes(dataset.load_boxes(image_id), plan)
        ious.append(boxes.iou(table, molded).max(axis=0, initial=0))
        sides.append(np.sqrt(boxes.area(molded)))
    return np.concatenate(ious), np.concatenate(sides)


def positives_of_objects(row, sample):
    """How many sampled ROIs teach each object of a row: a dict object -> positive ROIs.

    Args:
        row: dict of arrays of one image.
        sample: of the stage "sampled_rois", of the same image.
    """
    objects = np.flatnonzero(row["gt_class_ids"] > 0)
    own = sample["gt_index"][sample["positive"] > 0]
    return {int(i): int((own == i).sum()) for i in objects}


def mask_pictures(image, rois, targets, most=8):
    """Of each ROI its part of the photo, and the mask that is to be learned there, pasted.

    Args:
        image: [H, W, 3] uint8, molded.
        rois: [P, (y1, x1, y2, x2)] px.
        targets: [P, h, w] 0 to 1.
        most: so many ROIs.

    Returns:
        List of [H', W', 3] uint8, the ROI's box white.
    """
    pictures = []
    for roi, mask in zip(rois[:most], targets[:most], strict=True):
        bitmap = masks.paste(mask, roi, image.shape[:2])
        pictures.append(drawing.draw_detections(
            image, [roi], [1], masks=bitmap[..., None], colors=[(255, 255, 255)]))
    return pictures


def scatter(cells, weights, size):
    """Heatmaps [..., size, size] out of their four cells and weights [..., 4]."""
    maps = np.zeros((*cells.shape[:-1], size * size), np.float32)
    for corner in range(cells.shape[-1]):
        place = cells[..., corner:corner + 1].astype(int)
        value = np.take_along_axis(maps, place, -1) + weights[..., corner:corner + 1]
        np.put_along_axis(maps, place, value, -1)
    return maps.reshape(*cells.shape[:-1], size, size)


def heatmap_targets(windows, cells, weights, counted, size):
    """Targets of landmarks as heatmaps, and the points that they decode to.

    Args:
        windows: [P, (y1, x1, y2, x2)] px, that the heatmaps cover.
        cells, weights: [P, M, 4], see `mrcnn.heatmaps.encode`.
        counted: [P, M], 0 or 1.
        size: cells along a side.

    Returns:
        Logits [P, M, size, size], and points [P, M, (x, y, score)] px, score 0 where a landmark
        does not count.
    """
    shares = scatter(cells, weights, size)
    logits = np.where(shares > 0, np.log(np.maximum(shares, 1e-9)), _LOGIT_OF_NOTHING)
    points = heatmaps.decode(logits, windows[:, None])
    points[..., 2] *= counted
    return logits.astype(np.float32), points


def roi_crops(batch, rois_px, side=128):
    """What ROIs show of their images: a list of [side, side, 3] uint8, black where there is none.

    Args:
        batch: dict with input_image [B, H, W, 3].
        rois_px: [B, n, (y1, x1, y2, x2)] px.
        side: of a picture.
    """
    empty = np.zeros((side, side, 3), np.uint8)
    return [mold.warp(image, frame(roi, side), (side, side)) if boxes.valid(roi) else empty
            for image, own in zip(batch["input_image"], rois_px, strict=True) for roi in own]


def batch_sheet(batch, rows, class_names):
    """The images of a batch with what is annotated on them, as one picture."""
    return drawing.contact_sheet([draw_row(row, class_names) for row in rows],
                                 columns=min(4, len(batch["input_image"])), width=1400)
