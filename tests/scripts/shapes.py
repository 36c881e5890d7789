"""Squares, circles and triangles drawn in memory: a notebook's cells as one script.

In the manner of Matterport's train_shapes notebook, which has no main guard either: configure,
draw, train the heads, train all layers, load what was saved, look, measure.

    MPLBACKEND=Agg python shapes.py

Environment: SHAPES_LOGS (folder of logs and checkpoints), SHAPES_IMAGES (training images).
"""

import math
import os
import random
import sys

import cv2
import matplotlib.pyplot as plt
import numpy as np

sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))

import mrcnn.model as modellib  # noqa: E402
from mrcnn import utils, visualize  # noqa: E402
from mrcnn.config import Config  # noqa: E402
from mrcnn.model import log  # noqa: E402

MODEL_DIR = os.environ.get("SHAPES_LOGS", "logs")
IMAGES = int(os.environ.get("SHAPES_IMAGES", 60))


class ShapesConfig(Config):
    NAME = "shapes"
    GPU_COUNT = 1
    IMAGES_PER_GPU = 4
    NUM_CLASSES = 1 + 3  # background and three shapes
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    TRAIN_ROIS_PER_IMAGE = 32
    STEPS_PER_EPOCH = max(1, IMAGES // IMAGES_PER_GPU)
    VALIDATION_STEPS = 2
    # A small network, and trained from nothing.
    BACKBONE = "resnet18"
    BACKBONE_WIDTH = 0.25
    TOP_DOWN_PYRAMID_SIZE = RPN_CHANNELS = MASK_CHANNELS = 32
    FPN_CLASSIF_FC_LAYERS_SIZE = 64
    TRAIN_BN = None
    PRE_NMS_LIMIT = 500
    POST_NMS_ROIS_TRAINING = POST_NMS_ROIS_INFERENCE = 100
    LEARNING_RATE = 0.01
    WORKERS = 0


config = ShapesConfig()
config.display()


def get_ax(rows=1, cols=1, size=8):
    _, ax = plt.subplots(rows, cols, figsize=(size * cols, size * rows))
    return ax


class ShapesDataset(utils.Dataset):
    """Images are specifications in `image_info`, drawn when they are asked for."""

    def load_shapes(self, count, height, width):
        self.add_class("shapes", 1, "square")
        self.add_class("shapes", 2, "circle")
        self.add_class("shapes", 3, "triangle")
        for i in range(count):
            bg_color, shapes = self.random_image(height, width)
            self.add_image("shapes", image_id=i, path=None, width=width, height=height,
                           bg_color=bg_color, shapes=shapes)

    def load_image(self, image_id):
        info = self.image_info[image_id]
        image = np.ones([info["height"], info["width"], 3], dtype=np.uint8)
        image = image * np.array(info["bg_color"]).reshape([1, 1, 3]).astype(np.uint8)
        for shape, color, dims in info["shapes"]:
            image = self.draw_shape(image, shape, dims, color)
        return image

    def image_reference(self, image_id):
        info = self.image_info[image_id]
        if info["source"] == "shapes":
            return info["shapes"]
        return super(self.__class__, self).image_reference(image_id)

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        shapes = info["shapes"]
        count = len(shapes)
        mask = np.zeros([info["height"], info["width"], count], dtype=np.uint8)
        for i, (shape, _, dims) in enumerate(shapes):
            mask[:, :, i:i + 1] = self.draw_shape(mask[:, :, i:i + 1].copy(), shape, dims, 1)
        # Later shapes hide the earlier ones.
        seen = np.logical_not(mask[:, :, -1]).astype(np.uint8)
        for i in range(count - 2, -1, -1):
            mask[:, :, i] = mask[:, :, i] * seen
            seen = np.logical_and(seen, np.logical_not(mask[:, :, i]))
        class_ids = np.array([self.class_names.index(s[0]) for s in shapes])
        return mask.astype(bool), class_ids.astype(np.int32)

    def draw_shape(self, image, shape, dims, color):
        x, y, s = dims
        if shape == "square":
            cv2.rectangle(image, (x - s, y - s), (x + s, y + s), color, -1)
        elif shape == "circle":
            cv2.circle(image, (x, y), s, color, -1)
        elif shape == "triangle":
            half = s / math.sin(math.radians(60))
            points = np.array([[(x, y - s), (x - half, y + s), (x + half, y + s)]], dtype=np.int32)
            cv2.fillPoly(image, points, color)
        return image

    def random_shape(self, height, width):
        """A shape's name, its colour and (centre x, centre y, half its size)."""
        shape = random.choice(["square", "circle", "triangle"])
        color = tuple([random.randint(0, 255) for _ in range(3)])
        border = 20
        y = random.randint(border, height - border - 1)
        x = random.randint(border, width - border - 1)
        return shape, color, (x, y, random.randint(border, height // 4))

    def random_image(self, height, width):
        bg_color = np.array([random.randint(0, 255) for _ in range(3)])
        shapes = [self.random_shape(height, width) for _ in range(random.randint(1, 4))]
        boxes = np.array([[y - s, x - s, y + s, x + s] for _, _, (x, y, s) in shapes])
        keep = utils.non_max_suppression(boxes, np.arange(len(shapes)), 0.3)
        return bg_color, [s for i, s in enumerate(shapes) if i in keep]


random.seed(0)
dataset_train = ShapesDataset()
dataset_train.load_shapes(IMAGES, config.IMAGE_SHAPE[0], config.IMAGE_SHAPE[1])
dataset_train.prepare()
dataset_val = ShapesDataset()
dataset_val.load_shapes(8, config.IMAGE_SHAPE[0], config.IMAGE_SHAPE[1])
dataset_val.prepare()

for image_id in np.random.choice(dataset_train.image_ids, 2):
    image = dataset_train.load_image(image_id)
    mask, class_ids = dataset_train.load_mask(image_id)
    visualize.display_top_masks(image, mask, class_ids, dataset_train.class_names)

model = modellib.MaskRCNN(mode="training", config=config, model_dir=MODEL_DIR)
model.train(dataset_train, dataset_val,
            learning_rate=config.LEARNING_RATE, epochs=1, layers="heads")
model.train(dataset_train, dataset_val,
            learning_rate=config.LEARNING_RATE / 10, epochs=2, layers="all")


class InferenceConfig(ShapesConfig):
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    DETECTION_MIN_CONFIDENCE = 0


inference_config = InferenceConfig()
model = modellib.MaskRCNN(mode="inference", config=inference_config, model_dir=MODEL_DIR)
model_path = model.find_last()
print("Loading weights from ", model_path)
model.load_weights(model_path, by_name=True)

image_id = random.choice(dataset_val.image_ids)
original_image, image_meta, gt_class_id, gt_bbox, gt_mask = modellib.load_image_gt(
    dataset_val, inference_config, image_id, use_mini_mask=False)
log("original_image", original_image)
log("image_meta", image_meta)
log("gt_class_id", gt_class_id)
log("gt_bbox", gt_bbox)
log("gt_mask", gt_mask)
visualize.display_instances(original_image, gt_bbox, gt_mask, gt_class_id,
                            dataset_train.class_names, figsize=(8, 8))

r = model.detect([original_image], verbose=1)[0]
visualize.display_instances(original_image, r["rois"], r["masks"], r["class_ids"],
                            dataset_val.class_names, r["scores"], ax=get_ax())
plt.savefig(os.path.join(MODEL_DIR, "shapes.png"))

APs = []
for image_id in np.random.choice(dataset_val.image_ids, 5):
    image, image_meta, gt_class_id, gt_bbox, gt_mask = modellib.load_image_gt(
        dataset_val, inference_config, image_id, use_mini_mask=False)
    molded_images = np.expand_dims(modellib.mold_image(image, inference_config), 0)
    r = model.detect([image], verbose=0)[0]
    AP, precisions, recalls, overlaps = utils.compute_ap(
        gt_bbox, gt_class_id, gt_mask, r["rois"], r["class_ids"], r["scores"], r["masks"])
    APs.append(AP)
print("mAP: ", np.mean(APs))
