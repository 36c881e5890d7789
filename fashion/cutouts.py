"""Garments cut out of photos: soft-edged transparent pictures, and garments in colour on gray.

A pixel's alpha is its coverage, the share of its area that the garment covers. Nothing else hides
what is beside the garment: the colours of every pixel stay the photo's own, so that black clothes
stay black, and a second-stage model can still be given the surroundings.

Coordinates are continuous px of the photo: pixel i covers [i, i + 1]. A *window* is the part of
the photo that a cut-out shows, (y1, x1, y2, x2) in whole px; it may leave the photo.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from fashion.categories import own_landmarks
from mrcnn import boxes, masks

# Points of a pixel at which a mask is asked for, (y, x) px from its centre. A Fibonacci lattice:
# 21 different y and x, so that edges of every direction get 21 steps of alpha.
_SAMPLES = 21
_POINTS = (np.stack([np.arange(_SAMPLES), np.arange(_SAMPLES) * 13 % _SAMPLES], axis=1) + 0.5
           ) / _SAMPLES - 0.5


@dataclass(frozen=True, eq=False)
class Garment:
    """A garment on a photo, found or annotated.

    Attributes:
        class_id: from 1.
        score: the detector's, 0 to 1; None for an annotated one.
        box_px: (y1, x1, y2, x2) px.
        coverage: function of a window that gives its pixels' coverage [h, w], 0 to 1.
        landmarks: [K, (x, y, score)] px and 0 to 1, of an annotated one [K, (x, y, v)] with v 2
            visible, 1 covered, 0 absent; only those of the garment's own category; None without.
    """

    class_id: int
    score: float | None
    box_px: np.ndarray
    coverage: Callable[[tuple], np.ndarray]
    landmarks: np.ndarray | None = None


def found_garments(raw):
    """What a detector found on a photo, as a list of `Garment`, the best first.

    Args:
        raw: `mrcnn.detection.Raw`.

    Raises:
        ValueError: the network has no mask head.
    """
    if raw.mask_probs is None:
        raise ValueError("Garments are cut out along their masks, but this network has no mask "
                         'head. Take weights of one that has "mask" among its HEADS.')
    keypoints = [None] * len(raw.scores) if raw.keypoints is None else raw.keypoints
    return [
        Garment(int(class_id), float(score), box, _probability_coverage(mask, box),
                own_landmarks(points, class_id))
        for class_id, score, box, mask, points in zip(
            raw.class_ids, raw.scores, raw.boxes_px, raw.mask_probs, keypoints, strict=True)]


def true_garments(dataset, image_id):
    """What is annotated on a photo, as a list of `Garment`, without crowds.

    Args:
        dataset: prepared `mrcnn.data.dataset.Dataset`.
        image_id: the data set's.
    """
    class_ids, coverages, extents = _true_shapes(dataset, image_id)
    keypoints, boxes_px = dataset.load_keypoints(image_id), dataset.load_boxes(image_id)
    boxes_px = extents if boxes_px is None else boxes_px
    return [
        Garment(int(class_id), None, boxes_px[i], coverages[i],
                None if keypoints is None else own_landmarks(keypoints[i], class_id))
        for i, class_id in enumerate(class_ids) if class_id > 0]


def _true_shapes(dataset, image_id):
    """Class ids, coverages and extents of a photo's objects: by outlines where there are some."""
    # Of data sets of one's own, each object's; otherwise all objects have outlines, or none.
    outlines = getattr(dataset, "load_outlines", dataset.load_polygons)(image_id)
    if outlines is not None and all(parts is not None for parts in outlines):
        return (dataset.image_class_ids(image_id), [_polygon_coverage(parts) for parts in outlines],
                [masks.polygon_extents(parts) for parts in outlines])
    bitmaps, class_ids = dataset.load_mask(image_id)
    coverages = [_bitmap_coverage(bitmaps[..., i]) for i in range(len(class_ids))]
    for i, parts in enumerate(outlines or ()):
        if parts is not None:
            coverages[i] = _polygon_coverage(parts)
    return class_ids, coverages, masks.extents(bitmaps)


def _probability_coverage(mask, box_px):
    """Coverage by the area where a network's mask [h, w], over its box, is at least a half.

    Probabilities themselves are no coverage: a mask of 28 cells over a coat of 800 px would have
    edges 30 px wide.
    """
    box_px = np.asarray(box_px, np.float64)

    def coverage(window):
        shape = (window[2] - window[0], window[3] - window[1])
        total = np.zeros(shape, np.uint8)
        for y, x in _POINTS:
            place = box_px - (window[0] + y, window[1] + x, window[0] + y, window[1] + x)
            total += masks.paste(mask, place, shape)
        return total / np.float32(_SAMPLES)

    return coverage


def _polygon_coverage(polygons):
    return lambda window: masks.rasterise(
        polygons, window, (window[2] - window[0], window[3] - window[1]))


def _bitmap_coverage(bitmap):
    return lambda window: _part(bitmap, window).astype(np.float32)


def frame(box_px, shape, margin=0.0, square=False):
    """The window of a garment.

    Args:
        box_px: (y1, x1, y2, x2) px; what lies outside of the photo does not count.
        shape: (height, width, ...) of the photo.
        margin: added on every side, as a share of the box's longer side.
        square: made as high as wide, the garment in its middle.

    Returns:
        (y1, x1, y2, x2) of int; without area where the box has none.
    """
    box = boxes.clip(np.asarray(box_px, np.float64), (0, 0, *shape[:2]))
    grow = margin * max(box[2:] - box[:2])
    low, high = np.floor(box[:2] - grow).astype(int), np.ceil(box[2:] + grow).astype(int)
    if square:
        side = max(high - low)
        low = (low + high - side) // 2
        high = low + side
    return (*low.tolist(), *high.tolist())


def cut(image, garment, window):
    """Cuts a garment out.

    Args:
        image: [H, W, 3] uint8, the photo.
        garment: `Garment`.
        window: what the cut-out shows.

    Returns:
        [h, w, 4] uint8 RGBA: the photo's pixels and, as alpha, how much of each is the garment.
        What lies outside of the photo has its nearest pixels and alpha 0.
    """
    rows, columns = _places(window)
    on_photo = np.logical_and.outer((rows >= 0) & (rows < image.shape[0]),
                                    (columns >= 0) & (columns < image.shape[1]))
    alpha = np.rint(255 * garment.coverage(window) * on_photo).astype(np.uint8)
    return np.dstack([_part(image, window), alpha])


def _places(window):
    return np.arange(window[0], window[2]), np.arange(window[1], window[3])


def _part(picture, window):
    """[h, w, ...] of a picture [H, W, ...]; outside of it its nearest pixels."""
    sides = zip(_places(window), picture.shape[:2], strict=True)
    return picture[np.ix_(*(np.clip(places, 0, side - 1) for places, side in sides))]


def resized(cutout, longest):
    """A cut-out whose longer side has so many px.

    Colours are averaged by their alpha: by area alone, those beside the garment would run into
    its edge.

    Args:
        cutout: [h, w, 4] uint8.
        longest: px.

    Returns:
        [h, w, 4] uint8.
    """
    height, width = cutout.shape[:2]
    scale = longest / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    layer = cutout.astype(np.float32)
    # Where there is nothing of the garment, a trace of weight keeps the photo's colours.
    weight = np.maximum(layer[..., 3:], 1e-3)
    colours = cv2.resize(layer[..., :3] * weight, size, interpolation=how)
    colours /= cv2.resize(weight, size, interpolation=how)[..., None]
    alpha = cv2.resize(layer[..., 3], size, interpolation=how)
    return np.rint(np.dstack([colours, alpha])).clip(0, 255).astype(np.uint8)


def on_ground(cutout, colour):
    """A cut-out on a plain ground.

    Args:
        cutout: [h, w, 4] uint8.
        colour: (r, g, b), 0 to 255.

    Returns:
        [h, w, 3] uint8.
    """
    alpha = cutout[..., 3:] / np.float32(255)
    ground = np.array(colour, np.float32)
    return np.rint(ground + (cutout[..., :3] - ground) * alpha).astype(np.uint8)


def splash(image, garments):
    """A photo with its garments in colour, all else gray (Matterport's colour splash).

    Args:
        image: [H, W, 3] uint8.
        garments: list of `Garment`.

    Returns:
        [H, W, 3] uint8.
    """
    shown = np.zeros((*image.shape[:2], 1), np.float32)
    for garment in garments:
        window = frame(garment.box_px, image.shape)
        y1, x1, y2, x2 = window
        # Added: where two garments meet, each covers its part of the pixels between them.
        shown[y1:y2, x1:x2, 0] += garment.coverage(window)
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    return np.rint(gray + (image - gray) * np.minimum(shown, 1)).astype(np.uint8)
