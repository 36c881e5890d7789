"""Trains a tiny Mask R-CNN: python -m tests.mrcnn.resumable LOGS [STEP].

After step STEP the process is killed, as by `kill -9`. A run that LOGS holds is resumed.
"""

import os
import signal
import sys
from pathlib import Path

import keras
import numpy as np

from mrcnn import training
from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from mrcnn.model import MaskRCNN

SIDE = 64


class Squares(Dataset):
    """One bright rectangle a picture."""

    def __init__(self, count, seed):
        super().__init__()
        self.add_class("made", 1, "square")
        rng = np.random.default_rng(seed)
        for i in range(count):
            corner, size = rng.integers(0, 30, 2), rng.integers(16, 32, 2)
            self.add_image("made", i, None, box=(*corner, *(corner + size)))
        self.prepare()

    def _mask(self, image_id):
        y1, x1, y2, x2 = self.image_info[image_id]["box"]
        mask = np.zeros((SIDE, SIDE), bool)
        mask[y1:y2, x1:x2] = True
        return mask

    def load_image(self, image_id):
        noise = np.random.default_rng(image_id).integers(0, 60, (SIDE, SIDE, 3))
        return (noise + 150 * self._mask(image_id)[..., None]).astype(np.uint8)

    def load_mask(self, image_id):
        return self._mask(image_id)[..., None], np.array([1], np.int32)


def backbone(layers, image):
    """A convolution and a batch norm for each of the strides 4, 8, 16 and 32."""
    stages, x = [], layers(keras.layers.AveragePooling2D, 2, name="shrink")(image)
    for stage in range(2, 6):
        x = layers(keras.layers.Conv2D, 8, 3, strides=2, padding="same",
                   name=f"res{stage}a_branch2a")(x)
        x = layers(keras.layers.BatchNormalization, name=f"bn{stage}a_branch2a")(x)
        x = layers(keras.layers.Activation, "relu", name=f"res{stage}a_out")(x)
        stages.append(x)
    return stages


class SquaresConfig(Config):
    NAME = "squares"
    NUM_CLASSES = 2
    BACKBONE = staticmethod(backbone)
    TRAIN_BN = None
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = SIDE
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 6
    TOP_DOWN_PYRAMID_SIZE = RPN_CHANNELS = 8
    HEADS = ("box",)
    RPN_ANCHOR_SCALES = (8, 16, 24, 32, 64)
    RPN_TRAIN_ANCHORS_PER_IMAGE = 32
    PRE_NMS_LIMIT = 100
    POST_NMS_ROIS_TRAINING = POST_NMS_ROIS_INFERENCE = 20
    TRAIN_ROIS_PER_IMAGE = 8
    FPN_CANONICAL_SIZE = 28
    FPN_CLASSIF_FC_LAYERS_SIZE = 16
    MINI_MASK_SHAPE = (28, 28)
    MAX_GT_INSTANCES = 2
    DETECTION_MIN_CONFIDENCE = 0.0
    LEARNING_RATE = 0.01
    WORKERS = 0


class Killer(keras.callbacks.Callback):
    """Ends the process after a step, without a chance to tidy up."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations.numpy()) == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def main(logs, kill_at=0):
    training.make_deterministic(SquaresConfig.SEED)
    model = MaskRCNN("training", SquaresConfig(), logs)
    if Path(logs).exists():
        model.load_weights(model.find_last())
    model.train(Squares(10, 1), Squares(2, 2), epochs=3, save_every=2,
                custom_callbacks=[Killer(int(kill_at))])


if __name__ == "__main__":
    main(*sys.argv[1:])
