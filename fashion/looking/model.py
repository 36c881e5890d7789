"""What notebook 03 asks of a network on one photo: each step computed once more, in NumPy.

Boxes are normalised as the graph has them unless they are called px. Shapes: A anchors, R
proposals, C classes with background, N detections.
"""

import cv2
import numpy as np

from fashion.looking.data import frame
from mrcnn import anchors, boxes, drawing, stages
from mrcnn.data import mold
from mrcnn.layers.roi_align import pyramid_level
from mrcnn.utils import non_max_suppression


def objectness(probs, network):
    """Where the region proposal network sees an object, level by level.

    Args:
        probs: [A, (background, object)], the stage "rpn_class" of one image.
        network: `mrcnn.network.Network`.

    Returns:
        List of [h, w], the greatest probability of each cell's anchors.
    """
    config = network.config
    shapes = anchors.pyramid_shapes(config.IMAGE_SHAPE, config.BACKBONE_STRIDES)
    shapes = [tuple(-(-side // config.RPN_ANCHOR_STRIDE) for side in shape) for shape in shapes]
    per_cell = len(config.RPN_ANCHOR_RATIOS) * np.size(config.RPN_ANCHOR_SCALES[0])
    ends = np.cumsum([h * w * per_cell for h, w in shapes])
    return [part.reshape(*shape, per_cell).max(axis=-1)
            for part, shape in zip(np.split(probs[:, 1], ends[:-1]), shapes, strict=True)]


def proposals(face, photos):
    """What the first stage proposes on photos that mold to one shape, best first.

    Args:
        face: `mrcnn.model.MaskRCNN`.
        photos: list of [H, W, 3] uint8.

    Returns:
        List of [R, (y1, x1, y2, x2)] px of each photo.
    """
    molded, _, windows = face.mold_inputs(photos)
    shape = molded.shape[1:3]
    found = stages.run_graph(face.detector.graph(shape), molded, windows, ["ROI"])["ROI"]
    plans = [mold.plan_for(face.config, photo.shape) for photo in photos]
    return [mold.unmold_boxes(boxes.denormalise(rois, shape, face.network.convention), plan)
            for rois, plan in zip(found, plans, strict=True)]


def recall(boxes_px, true_px, counts, iou=0.5):
    """The share of true boxes that the first n boxes meet, for each n of `counts`.

    Args:
        boxes_px: [R, 4], best first; rows of zeros are padding.
        true_px: [G, 4].
        counts: [n] int.
        iou: that counts as met.
    """
    met = boxes.iou(boxes_px, true_px) >= iou
    return [float(met[:count].any(axis=0).mean()) if len(true_px) else 1.0 for count in counts]


def classify(rois, probs, deltas, window, config):
    """The second stage's steps after its network, one by one.

    Args:
        rois: [R, 4] proposals.
        probs: [R, C].
        deltas: [R, C, 4].
        window: (y1, x1, y2, x2), the part of the image that is no padding.
        config: `Config`, whose thresholds hold.

    Returns:
        A dict: class_ids and scores [R] of each proposal's best class; refined [R, 4], moved by
        that class's deltas and cut to the window; confident [n], proposals that are no background
        and score enough; kept [N], those of them that survive NMS within their class, best first.
    """
    rows, class_ids = np.arange(len(rois)), probs.argmax(axis=1)
    scores = probs[rows, class_ids]
    refined = boxes.clip(boxes.decode(rois, deltas[rows, class_ids], config.BBOX_STD_DEV), window)
    is_real = boxes.valid(rois) & boxes.valid(refined)
    confident = np.flatnonzero(
        (class_ids > 0) & (scores >= config.DETECTION_MIN_CONFIDENCE) & is_real)
    kept = [np.zeros(0, int)]
    for class_id in np.unique(class_ids[confident]):
        own = confident[class_ids[confident] == class_id]
        kept.append(own[non_max_suppression(
            refined[own], scores[own], config.DETECTION_NMS_THRESHOLD)])
    kept = np.concatenate(kept)
    kept = kept[np.argsort(-scores[kept], kind="stable")][:config.DETECTION_MAX_INSTANCES]
    return {"class_ids": class_ids, "scores": scores, "refined": refined,
            "confident": confident, "kept": kept}


def draw_window(image, roi_px, bins, samples=2, side=480):
    """A region's window as RoIAlign sees it: its bins, and the points at which each is read.

    Nothing is rounded: neither the window's edges nor the bins' lie between pixels.

    Args:
        image: [H, W, 3] uint8, molded.
        roi_px: (y1, x1, y2, x2).
        bins: along each side.
        samples: points along each side of a bin.
        side: of the picture, px.

    Returns:
        [side, side, 3] uint8.
    """
    y1, x1, y2, x2 = roi_px
    around = np.array([y1, x1, y2, x2]) + 0.15 * np.array([y1 - y2, x1 - x2, y2 - y1, x2 - x1])
    matrix = frame(around, side)
    picture = mold.warp(image, matrix, (side, side))

    def place(x, y):
        """Points of the window, 0 to 1 along each side, in px of the picture: [n, (x, y)]."""
        points = np.stack(np.broadcast_arrays(x1 + x * (x2 - x1), y1 + y * (y2 - y1)), axis=-1)
        return np.rint(mold.transform_points(points, matrix)).astype(int).tolist()

    ticks, inner = np.linspace(0, 1, bins + 1), (np.arange(bins * samples) + 0.5) / bins / samples
    for starts, ends in ((place(0, ticks), place(1, ticks)), (place(ticks, 0), place(ticks, 1))):
        for start, end in zip(starts, ends, strict=True):
            cv2.line(picture, start, end, (255, 255, 255), 1, cv2.LINE_AA)
    for y in inner:
        for point in place(inner, y):
            cv2.circle(picture, point, 2, (255, 210, 0), cv2.FILLED, cv2.LINE_AA)
    return picture


def level_names(rois, network):
    """The level of the pyramid that each region [R, 4] is pooled from: a list of "P2" to "P5"."""
    config = network.config
    levels = pyramid_level(rois[None], config.IMAGE_SHAPE, network.convention,
                           config.FPN_CANONICAL_SIZE)
    return [f"P{level + 2}" for level in np.asarray(levels)[0]]


def channel_sheet(features, most=16, side=120):
    """Channels of a feature map [h, w, channels] side by side, those that vary most first.

    Each is stretched to its own range, dark is its least value.

    Returns:
        [H, W, 3] uint8.
    """
    features = np.asarray(features, np.float32)
    order = np.argsort(-features.std(axis=(0, 1)))[:most]
    pictures = []
    for channel in np.moveaxis(features[..., order], -1, 0):
        span = max(float(channel.max() - channel.min()), 1e-9)
        gray = (255 * (channel - channel.min()) / span).astype(np.uint8)
        gray = cv2.resize(gray, (side, side), interpolation=cv2.INTER_NEAREST)
        pictures.append(cv2.applyColorMap(gray, cv2.COLORMAP_VIRIDIS)[..., ::-1])
    return drawing.contact_sheet(pictures, columns=8, width=8 * (side + 4))
