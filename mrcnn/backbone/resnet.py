"""Residual networks (He et al., arXiv 1512.03385) with Matterport's layer names.

`res4c_branch2a` is the first convolution of the third block of stage 4, `bn4c_branch2a` its
normalisation, `res4c_out` the block's output. ResNet-50 and -101 have the layers, strides (in the
first 1x1 of a stage, as Caffe's) and biases of Matterport's graph; ResNet-18 has the basic blocks
of the paper's table 1 under the same naming.
"""

import keras

from mrcnn.layers.batch_norm import BatchNorm

# Blocks of stages 2 to 5.
BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}


def resnet(layers, image, architecture, width=1.0, train_bn=False):
    """Wire a residual network.

    Args:
        layers: `SharedLayers`.
        image: [batch, height, width, channels], mean subtracted.
        architecture: a key of `BLOCKS`.
        width: multiplies the filters of every convolution.
        train_bn: see `BatchNorm`.

    Returns:
        [C2, C3, C4, C5], the last outputs of stages 2 to 5, at strides 4, 8, 16, 32.

    Raises:
        ValueError: unknown architecture.
    """
    if architecture not in BLOCKS:
        raise ValueError(
            f"BACKBONE is one of {sorted(BLOCKS)}, 'vgg16' or a callable, got {architecture!r}.")
    basic = architecture == "resnet18"
    # A bias before a normalisation has no effect; the deep ones have it for Matterport's weights.
    net = _Builder(layers, width, train_bn, use_bias=not basic)
    block = net.basic_block if basic else net.bottleneck_block
    x = layers.fresh(keras.layers.ZeroPadding2D, 3, name="conv1_pad")(image)
    x = net.conv(x, 64, 7, "conv1", strides=2, padding="valid")
    x = net.relu(net.norm(x, "bn_conv1"), "conv1_relu")
    x = layers.fresh(keras.layers.MaxPooling2D, 3, strides=2, padding="same", name="pool1")(x)
    outputs = []
    for stage, count in enumerate(BLOCKS[architecture], start=2):
        for index in range(count):
            strides = 2 if index == 0 and stage > 2 else 1
            x = block(x, stage, chr(ord("a") + index), strides)
        outputs.append(x)
    return outputs


class _Builder:
    """The pieces of a residual network, wired by name."""

    def __init__(self, layers, width, train_bn, use_bias):
        self.layers, self.width, self.train_bn = layers, width, train_bn
        self.use_bias = use_bias

    def conv(self, x, filters, size, name, strides=1, padding="same"):
        filters = max(8, round(filters * self.width / 8) * 8)
        return self.layers(
            keras.layers.Conv2D, filters, size, strides=strides, padding=padding,
            use_bias=self.use_bias, kernel_initializer="he_normal", name=name,
        )(x)

    def norm(self, x, name):
        return self.layers(BatchNorm, train_bn=self.train_bn, name=name)(x)

    def relu(self, x, name):
        return self.layers.fresh(keras.layers.Activation, "relu", name=name)(x)

    def _branch(self, x, filters, size, block, part, strides=1):
        x = self.conv(x, filters, size, f"res{block}_branch{part}", strides)
        return self.norm(x, f"bn{block}_branch{part}")

    def _join(self, x, shortcut, block):
        x = self.layers.fresh(keras.layers.Add, name=f"res{block}_add")([x, shortcut])
        return self.relu(x, f"res{block}_out")

    def bottleneck_block(self, x, stage, letter, strides):
        """1x1 down, 3x3, 1x1 up to four times the filters (figure 5, right)."""
        block, filters = f"{stage}{letter}", 32 * 2 ** (stage - 1)
        shortcut = x
        if letter == "a":
            shortcut = self._branch(x, 4 * filters, 1, block, "1", strides)
        x = self.relu(self._branch(x, filters, 1, block, "2a", strides), f"res{block}_relu2a")
        x = self.relu(self._branch(x, filters, 3, block, "2b"), f"res{block}_relu2b")
        return self._join(self._branch(x, 4 * filters, 1, block, "2c"), shortcut, block)

    def basic_block(self, x, stage, letter, strides):
        """Two 3x3 convolutions (figure 5, left)."""
        block, filters = f"{stage}{letter}", 32 * 2 ** (stage - 1)
        shortcut = x
        if letter == "a" and stage > 2:
            shortcut = self._branch(x, filters, 1, block, "1", strides)
        x = self.relu(self._branch(x, filters, 3, block, "2a", strides), f"res{block}_relu2a")
        return self._join(self._branch(x, filters, 3, block, "2b"), shortcut, block)
