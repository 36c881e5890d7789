"""Matterport's data road: whole images with their masks, and the batches of its network.

Training here reads through `mrcnn.data.loader`: several processes, sub-pixel boxes, one batch
whatever the order.
"""

import logging
import random
import warnings

import numpy as np

from mrcnn import anchors
from mrcnn.data import augment as augmenting
from mrcnn.data import mold
from mrcnn.data.objects import HALF, Objects
from mrcnn.matterport.boxes import extract_bboxes, generate_pyramid_anchors
from mrcnn.matterport.images import (
    compose_image_meta,
    minimize_mask,
    mold_image,
    resize_image,
    resize_mask,
)
from mrcnn.matterport.targets import (
    build_detection_targets,
    build_rpn_targets,
    generate_random_rois,
)

logger = logging.getLogger(__name__)

MAX_ERRORS = 5  # images that a generator passes over before it gives up


def load_image_gt(dataset, config, image_id, augment=False, augmentation=None,
                  use_mini_mask=False):
    """An image as the network takes it, and what is on it.

    Boxes are those of the resized bitmaps, whole pixels; `mrcnn.data.examples.load_example` moves
    outlines and annotated boxes without rounding.

    Args:
        dataset: a prepared `Dataset`.
        config: IMAGE_RESIZE_MODE, IMAGE_MIN_DIM, IMAGE_MAX_DIM, IMAGE_MIN_SCALE, MINI_MASK_SHAPE.
        image_id: its image.
        augment: mirror half of the images. Deprecated: give an augmentation.
        augmentation: see `mrcnn.data.augment`; masks follow whatever it does to the image, not
            only the augmenters of Matterport's list.
        use_mini_mask: give mini-masks.

    Returns:
        image: [height, width, 3].
        image_meta: [12 + classes], see `compose_image_meta`.
        class_ids: [N] of the objects that are left on the image.
        bbox: [N, (y1, x1, y2, x2)] int32 px.
        mask: [height, width, N] bool, or [h, w, N] with mini-masks.
    """
    photo = dataset.load_image(image_id)
    mask, class_ids = dataset.load_mask(image_id)
    image, window, scale, padding, crop = resize_image(
        photo, min_dim=config.IMAGE_MIN_DIM, min_scale=config.IMAGE_MIN_SCALE,
        max_dim=config.IMAGE_MAX_DIM, mode=config.IMAGE_RESIZE_MODE)
    if mask.shape[-1]:
        mask = resize_mask(mask, scale, padding, crop)
    else:  # a photo without objects, of which old datasets return [0, 0, 0]
        mask = np.zeros((*image.shape[:2], 0), bool)
    if augment:
        warnings.warn("'augment' is deprecated: give an augmentation", stacklevel=2)
        if random.randint(0, 1):
            image, mask = np.fliplr(image), np.fliplr(mask)
    if augmentation is not None:
        image, mask = _augmented(image, mask, augmentation)
    visible = mask.any(axis=(0, 1))
    mask, class_ids = mask[..., visible], np.asarray(class_ids)[visible]
    bbox = extract_bboxes(mask)
    if use_mini_mask:
        mask = minimize_mask(bbox, mask, config.MINI_MASK_SHAPE)
    image_meta = compose_image_meta(image_id, photo.shape, image.shape, window, scale,
                                    dataset.active_class_ids(image_id))
    return image, image_meta, class_ids, bbox, mask


def _augmented(image, mask, augmentation):
    """Image and bitmaps [height, width, N] after an augmentation, drawn from `np.random`."""
    augmenting.check(augmentation)
    rng = np.random.default_rng(np.random.randint(2**31))
    layers = [mask[..., i].astype(bool) * np.uint8(255) for i in range(mask.shape[-1])]
    objects = Objects(np.zeros(len(layers), np.int32), np.zeros((len(layers), 4)), bitmaps=layers)
    if augmenting.is_jitter(augmentation):
        matrix, colour = augmentation.sample(rng, image.shape[:2])
        image = colour(mold.warp(image, matrix, image.shape[:2]))
        objects = objects.moved(matrix, image.shape[:2])
    else:
        image, objects = augmenting.apply_imgaug(augmentation, image, objects, rng)
    if not layers:
        return image, mask
    return image, np.stack(objects.bitmaps, axis=-1) >= HALF


def data_generator(dataset, config, shuffle=True, augment=False, augmentation=None,
                   random_rois=0, batch_size=1, detection_targets=False,
                   no_augmentation_sources=None):
    """Batches for Matterport's training network, without end; here they are only to look at.

    An image without objects is passed over, which teaches nothing of empty photos;
    `mrcnn.data.loader.Loader` keeps it.

    Args:
        dataset: a prepared `Dataset`.
        config: sizes of images, anchors, targets and G = MAX_GT_INSTANCES.
        shuffle: shuffle the images before every pass.
        augment: see `load_image_gt`.
        augmentation: see `load_image_gt`.
        random_rois: number of random proposals to add, or 0.
        batch_size: B.
        detection_targets: with `random_rois`, add the targets of the heads.
        no_augmentation_sources: sources of the dataset that the augmentation leaves alone.

    Yields:
        inputs: images [B, H, W, 3] float32 without their mean, image_meta [B, 12 + classes],
            rpn_match [B, A, 1], rpn_bbox [B, R, 4], gt_class_ids [B, G], gt_boxes [B, G, 4] px,
            gt_masks [B, h, w, G] bool; with `random_rois` those [B, random_rois, 4] px, with
            `detection_targets` also the sampled ones [B, T, 4] px.
        outputs: [], or class_ids [B, T, 1], bboxes [B, T, C, 4], masks [B, T, h, w, C].

    Raises:
        ValueError: no image has an object.
    """
    anchors_px = _anchors(config)

    def make_row(image_id):
        spared = dataset.image_info[image_id]["source"] in (no_augmentation_sources or [])
        example = load_image_gt(
            dataset, config, image_id, augment=augment, use_mini_mask=config.USE_MINI_MASK,
            augmentation=None if spared else augmentation)
        return _row(example, anchors_px, config, random_rois, detection_targets)

    rows = []
    for row in _rows(dataset, shuffle, make_row):
        rows.append(row)
        if len(rows) == batch_size:
            yield tuple([np.stack(arrays) for arrays in zip(*side, strict=True)]
                        for side in zip(*rows, strict=True))
            rows = []


def _rows(dataset, shuffle, make_row):
    """Rows of images that have objects and can be read, without end."""
    errors, empty = 0, 0
    for image_id in _endless(dataset.image_ids, shuffle):
        try:
            row = make_row(image_id)
        except Exception:
            path = dataset.image_info[image_id]["path"]
            logger.exception("Error processing image %s (%s)", image_id, path)
            errors += 1
            if errors > MAX_ERRORS:
                raise
            continue
        if row is not None:
            empty = 0
            yield row
            continue
        empty += 1
        if empty >= len(dataset.image_ids):
            raise ValueError(f"none of {empty} images in a row has an object to learn from")


def _endless(image_ids, shuffle):
    """Image ids, pass after pass."""
    image_ids = np.copy(image_ids)
    while len(image_ids):
        if shuffle:
            np.random.shuffle(image_ids)
        yield from image_ids


def _anchors(config):
    """All anchors of the images of a configuration, [A, 4] float64 px."""
    shapes = anchors.pyramid_shapes(config.IMAGE_SHAPE, config.BACKBONE_STRIDES)
    return generate_pyramid_anchors(config.RPN_ANCHOR_SCALES, config.RPN_ANCHOR_RATIOS, shapes,
                                    config.BACKBONE_STRIDES, config.RPN_ANCHOR_STRIDE)


def _row(example, anchors_px, config, random_rois, detection_targets):
    """Inputs and outputs of one image, or None where it has no object."""
    image, image_meta, class_ids, boxes, masks = example
    if not np.any(class_ids > 0):
        return None
    rpn_targets = build_rpn_targets(image.shape, anchors_px, class_ids, boxes, config)
    proposals, targets = [], []
    if random_rois:
        proposals = [generate_random_rois(image.shape, random_rois, class_ids, boxes)]
    if random_rois and detection_targets:
        rois, *targets = build_detection_targets(proposals[0], class_ids, boxes, masks, config)
        proposals.append(rois)
        targets[0] = targets[0][:, None]
    objects = _padded(class_ids, boxes, masks, config.MAX_GT_INSTANCES)
    inputs = [mold_image(image, config).astype(np.float32), image_meta, rpn_targets[0][:, None],
              rpn_targets[1], *objects, *proposals]
    return inputs, targets


def _padded(class_ids, boxes, masks, size):
    """Class ids [G], boxes [G, 4] and masks [h, w, G]; random ones where there are too many."""
    if len(class_ids) > size:
        chosen = np.random.choice(np.arange(len(class_ids)), size, replace=False)
        class_ids, boxes, masks = class_ids[chosen], boxes[chosen], masks[..., chosen]
    missing = size - len(class_ids)
    return (np.pad(class_ids, (0, missing)).astype(np.int32),
            np.pad(boxes, ((0, missing), (0, 0))), np.pad(masks, ((0, 0), (0, 0), (0, missing))))
