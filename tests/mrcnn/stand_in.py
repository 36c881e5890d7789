"""A network of a few layers that trains in milliseconds, with the face of `Network`."""

import keras
import numpy as np
from keras import ops

from mrcnn.config import Config
from mrcnn.layers.batch_norm import BatchNorm


class StandInConfig(Config):
    NAME = "standin"
    NUM_CLASSES = 3
    CLASS_NAMES = ("BG", "top", "skirt")
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 64
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 4
    LEARNING_RATE = 0.01
    WEIGHT_DECAY = 0.0
    GRADIENT_CLIP_NORM = None
    TRAIN_BN = False


class Noise(keras.layers.Layer):
    """A random draw, as sampling has one."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1)

    def call(self, x):
        return x * (1 + 0.01 * keras.random.normal(ops.shape(x), seed=self.seed_generator))


class StandInNetwork:
    """conv1, bn_conv1, res4a_branch2a, rpn_class_raw and mrcnn_class_logits, with two losses."""

    convention = "aligned"

    def __init__(self, config=None, noise=True, logits=None):
        self.config = config or StandInConfig()
        self.noise = noise
        dense = keras.layers.Dense
        layers = [
            keras.layers.Conv2D(4, 3, strides=4, name="conv1"),
            BatchNorm(train_bn=self.config.TRAIN_BN, name="bn_conv1"),
            keras.layers.Conv2D(6, 3, strides=4, name="res4a_branch2a"),
            dense(2, name="rpn_class_raw"),
            dense(logits or self.config.NUM_CLASSES, name="mrcnn_class_logits"),
        ]
        self._layers = {layer.name: layer for layer in layers}
        self.training_graph()

    def layers_by_name(self):
        return self._layers

    def training_graph(self, image_shape=None):
        inputs = {
            "input_image": keras.Input((64, 64, 3), dtype="uint8", name="input_image"),
            "gt_class_ids": keras.Input((1,), dtype="int32", name="gt_class_ids"),
        }
        layers = self._layers
        x = layers["bn_conv1"](layers["conv1"](ops.cast(inputs["input_image"], "float32") / 255))
        x = ops.mean(ops.relu(layers["res4a_branch2a"](ops.relu(x))), axis=(1, 2))
        x = Noise(name="noise")(x) if self.noise else x
        labels = inputs["gt_class_ids"][:, 0]
        losses = {
            "rpn_class_loss": _cross_entropy(layers["rpn_class_raw"](x), ops.minimum(labels, 1)),
            "mrcnn_class_loss": _cross_entropy(layers["mrcnn_class_logits"](x), labels),
        }
        return keras.Model(inputs, losses, name="stand_in")


def twin(network):
    """Another network with the same weights."""
    other = StandInNetwork(network.config, network.noise)
    for ours, theirs in zip(network.layers_by_name().values(), other.layers_by_name().values(),
                            strict=True):
        theirs.set_weights(ours.get_weights())
    return other


def _cross_entropy(logits, labels):
    return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def batch(step, images=2):
    """Images whose brightness is their class; a function of the step alone."""
    rng = np.random.default_rng(step)
    labels = rng.integers(0, 3, (images, 1), "int32")
    pixels = labels[:, :, None, None] * 80 + rng.integers(0, 60, (images, 64, 64, 3))
    return {"input_image": pixels.astype("uint8"), "gt_class_ids": labels}


def batches(start=0, images=2):
    """Endless batches from a step on."""
    while True:
        yield batch(start, images)
        start += 1
