"""One image's road: read, mold, augment, and turn into the arrays that one row of a batch holds.

G = MAX_GT_INSTANCES, C classes with background, K keypoints, (h, w) = MINI_MASK_SHAPE.
"""

import numpy as np

from mrcnn import boxes, keypoints
from mrcnn.data import augment
from mrcnn.data.mold import compose, plan_for, resize_filter, warp
from mrcnn.data.objects import read_objects
from mrcnn.data.rois import random_rois

# Below one pixel there is nothing to see. And an object cut down to a tenth by the edge of the
# augmented picture is a sleeve's corner without a name: as a positive it teaches that any cloth is
# any class. What the photo itself cuts off does not count, people annotated what is left there;
# nor do crowds, of which any part says where not to judge.
MIN_SIDE_PX = 1.0
MIN_AREA_LEFT = 0.1

BEYOND_G = "objects beyond MAX_GT_INSTANCES"


def load_example(dataset, image_id, config, augmentation=None, rng=None):
    """Make one row of a batch.

    Args:
        dataset: a prepared `Dataset`.
        image_id: its image.
        config: IMAGE_SHAPE, IMAGE_RESIZE_MODE, ..., see `mrcnn.config`.
        augmentation: see `mrcnn.data.augment`.
        rng: numpy Generator when training: the crop's place, the augmentation and the choice
            among too many objects come from it. None gives the same row every time.

    Returns:
        row: dict of input_image [H, W, 3] uint8, gt_class_ids [G] int32, gt_boxes
            [G, (y1, x1, y2, x2)] float32 px of the molded image, gt_masks [G, h, w] uint8
            (or [G, H, W] without mini-masks), active_class_ids [C] int32; with a keypoint head
            gt_keypoints [G, K, (x, y, v)] float32, with a match head gt_identities [G] int32 and
            image_domain int32.
            Without USE_RPN_ROIS input_rois [R, 4] float32 px.
        left_out: dict reason -> number of objects.

    Raises:
        ValueError: the image or its annotation cannot be used (ImageError among them).
        TypeError: load_image does not return what it should.
    """
    image = dataset.load_image(image_id)
    _check_image(image, dataset, config.IMAGE_CHANNEL_COUNT)
    objects, left_out = read_objects(
        dataset, image_id, image.shape, with_keypoints="keypoint" in config.HEADS)
    mold = plan_for(config, image.shape, rng)
    shape = tuple(int(side) for side in config.IMAGE_SHAPE[:2])
    _check_size(mold, shape)
    image, objects = _moved(image, objects, mold.matrix, shape, config, augmentation, rng)
    objects = visible(objects, shape)
    chosen = _choose(len(objects), config.MAX_GT_INSTANCES, rng)
    left_out[BEYOND_G] = len(objects) - len(chosen)
    row = {"input_image": image, "active_class_ids": dataset.active_class_ids(image_id)}
    objects = objects.take(chosen)
    row.update(_targets(objects, shape, config, dataset.num_keypoints))
    if "match" in config.HEADS:
        row["image_domain"] = np.int32(dataset.image_domain(image_id))
    if not config.USE_RPN_ROIS:
        row["input_rois"] = random_rois(config.POST_NMS_ROIS_TRAINING, shape, objects.boxes_px,
                                        rng or np.random.default_rng(image_id))
    return row, {reason: number for reason, number in left_out.items() if number}


def _moved(image, objects, matrix, shape, config, augmentation, rng):
    """Image and objects molded and augmented."""
    colour = None
    if augment.is_jitter(augmentation):
        motion, colour = augmentation.sample(rng, shape)
        matrix = compose(motion, matrix)
    image = warp(image, matrix, shape, resize_filter(config))
    objects = objects.moved(matrix, shape)
    if colour is not None:
        image = colour(image)
    if augment.is_imgaug(augmentation):
        image, objects = augment.apply_imgaug(augmentation, image, objects, rng)
    return image, objects


def _check_image(image, dataset, channels):
    if image.ndim != 3 or image.shape[2] != channels or image.dtype != np.uint8:
        raise TypeError(
            f"{type(dataset).__name__}.load_image must return [height, width, {channels}] uint8 "
            f"(IMAGE_CHANNEL_COUNT), got {list(image.shape)} {image.dtype}; "
            "mrcnn.data.images.read_image gives three channels"
        )


def _check_size(mold, shape):
    if mold.shape[0] > shape[0] or mold.shape[1] > shape[1]:
        raise ValueError(
            f"molded to {mold.shape} px it does not fit IMAGE_SHAPE {shape}: raise IMAGE_MAX_DIM "
            "or choose the resize mode square"
        )


def visible(objects, shape):
    """The objects that are still on the canvas, their boxes cut at its edges."""
    cut = boxes.clip(objects.boxes_px, np.array((0, 0, *shape), np.float32))
    sides = np.minimum(cut[:, 2] - cut[:, 0], cut[:, 3] - cut[:, 1])
    enough = boxes.area(cut) >= MIN_AREA_LEFT * boxes.area(objects.boxes_px)
    enough |= objects.class_ids < 0
    seen = np.flatnonzero(enough & (sides >= MIN_SIDE_PX))
    objects.boxes_px = cut
    return objects.take(seen)


def _choose(count, limit, rng):
    """Indices of at most `limit` objects: random ones when training, otherwise the first."""
    if count <= limit or rng is None:
        return np.arange(min(count, limit))
    return np.sort(rng.choice(count, limit, replace=False))


def _targets(objects, shape, config, num_keypoints):
    """Arrays of the objects, padded to G rows."""
    count, size = len(objects), config.MAX_GT_INSTANCES
    row = {
        "gt_class_ids": _padded(objects.class_ids, size, np.int32),
        "gt_boxes": _padded(objects.boxes_px, size, np.float32),
        "gt_masks": _masks(objects, shape, config),
    }
    if "keypoint" in config.HEADS:
        points = np.zeros((count, num_keypoints, 3), np.float32)
        if objects.keypoints is not None and count:
            points = keypoints.hide_outside(objects.keypoints, shape)
        row["gt_keypoints"] = _padded(points, size, np.float32)
    if "match" in config.HEADS:
        identities = np.zeros(count) if objects.identities is None else objects.identities
        row["gt_identities"] = _padded(identities, size, np.int32)
    return row


def _padded(values, size, dtype):
    """Values [N, ...] with zero rows at the end, [size, ...]."""
    padded = np.zeros((size, *np.shape(values)[1:]), dtype)
    padded[: len(values)] = values
    return padded


def _masks(objects, shape, config):
    """[G, h, w] uint8 coverage, each in the frame of its box or of the whole canvas."""
    cells = tuple(config.MINI_MASK_SHAPE) if config.USE_MINI_MASK else shape
    masks = np.zeros((config.MAX_GT_INSTANCES, *cells), np.uint8)
    for i, box in enumerate(objects.boxes_px):
        frame = box if config.USE_MINI_MASK else (0, 0, *shape)
        masks[i] = objects.coverage(i, frame, cells)
    return masks
