"""A network small enough to build in a test, and a batch for it."""

import numpy as np

from mrcnn.config import Config


class SmallConfig(Config):
    NAME = "small"
    BACKBONE = "resnet18"
    BACKBONE_WIDTH = 0.25
    NUM_CLASSES = 1 + 4
    IMAGES_PER_GPU = 2
    IMAGE_MIN_DIM = 0
    IMAGE_MAX_DIM = 128
    TOP_DOWN_PYRAMID_SIZE = 16
    RPN_CHANNELS = 16
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    RPN_TRAIN_ANCHORS_PER_IMAGE = 32
    PRE_NMS_LIMIT = 200
    POST_NMS_ROIS_TRAINING = 40
    POST_NMS_ROIS_INFERENCE = 30
    TRAIN_ROIS_PER_IMAGE = 16
    FPN_CANONICAL_SIZE = 56
    FPN_CLASSIF_FC_LAYERS_SIZE = 32
    MASK_CHANNELS = 16
    MASK_CONVS = 1
    KEYPOINT_CHANNELS = 16
    KEYPOINT_CONVS = 1
    MINI_MASK_SHAPE = (28, 28)
    MAX_GT_INSTANCES = 4
    DETECTION_MAX_INSTANCES = 10
    DETECTION_MIN_CONFIDENCE = 0.0


def small_batch(config, images=2, seed=0):
    """Random photos with one object more in each than in the one before."""
    rng = np.random.default_rng(seed)
    objects, side = config.MAX_GT_INSTANCES, int(config.IMAGE_SHAPE[0])
    channels = int(config.IMAGE_SHAPE[2])
    mask_shape = tuple(config.MINI_MASK_SHAPE) if config.USE_MINI_MASK else (side, side)
    batch = {
        "input_image": rng.integers(0, 256, (images, side, side, channels), "uint8"),
        "gt_class_ids": np.zeros((images, objects), "int32"),
        "gt_boxes": np.zeros((images, objects, 4), "float32"),
        "gt_masks": np.zeros((images, objects, *mask_shape), "uint8"),
        "active_class_ids": np.ones((images, config.NUM_CLASSES), "int32"),
    }
    for image in range(images):
        count = min(image + 1, objects)
        corner = rng.uniform(0, 0.5 * side, (count, 2))
        size = rng.uniform(0.2 * side, 0.5 * side, (count, 2))
        batch["gt_boxes"][image, :count] = np.concatenate([corner, corner + size], axis=1)
        batch["gt_class_ids"][image, :count] = rng.integers(1, config.NUM_CLASSES, count)
        batch["gt_masks"][image, :count] = rng.integers(0, 256, (count, *mask_shape))
    if "keypoint" in config.HEADS:
        batch["gt_keypoints"] = _keypoints_within(batch["gt_boxes"], config.NUM_KEYPOINTS, rng)
    return batch


def _keypoints_within(boxes_px, count, rng):
    """[images, objects, count, (x, y, v)] px anywhere within the boxes, all visible."""
    places = rng.uniform(size=(*boxes_px.shape[:2], count, 2))
    low, high = boxes_px[..., None, 1::-1], boxes_px[..., None, :1:-1]
    there = np.any(boxes_px, axis=-1)[..., None, None] * np.full((count, 1), 2)
    return np.concatenate([low + places * (high - low), there], axis=-1).astype("float32")
