"""Matterport's functions that wire parts of the network, under their old names.

`mrcnn.network.Network` is the better one: its graphs share their layers. Here every call makes
new layers, with the names that weights in Matterport's layout have.
"""

import keras
import numpy as np

from mrcnn import anchors
from mrcnn.backbone.resnet import resnet
from mrcnn.heads.box import BoxHead
from mrcnn.heads.mask import MaskHead
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.stage import SharedLayers


def compute_backbone_shapes(config, image_shape):
    """(height, width) of each pyramid level, int `[levels, 2]`, of an image `(height, width, ...)`.

    By `mrcnn.anchors.pyramid_shapes`, or by COMPUTE_BACKBONE_SHAPE where BACKBONE is a callable and
    the configuration has that function.
    """
    own = config.COMPUTE_BACKBONE_SHAPE
    if callable(config.BACKBONE) and own is not None:
        return own(image_shape)
    return np.array(anchors.pyramid_shapes(image_shape, config.BACKBONE_STRIDES))


def resnet_graph(input_image, architecture, stage5=False, train_bn=True):
    """Wires `mrcnn.backbone.resnet`.

    Args:
        input_image: symbolic [batch, height, width, channels], mean subtracted.
        architecture: "resnet50" or "resnet101".
        stage5: whether the last stage is wanted.
        train_bn: see `BatchNorm`.

    Returns:
        [C1, C2, C3, C4, C5], the outputs of the stages; C1 after the pooling, C5 None without
        `stage5`.
    """
    layers = _RememberedLayers()
    c2, c3, c4, c5 = resnet(layers, input_image, architecture, train_bn=train_bn)
    return [layers.made["pool1"].output, c2, c3, c4, c5 if stage5 else None]


class _RememberedLayers(SharedLayers):
    """`SharedLayers` that also knows its layers without weights by name."""

    def __init__(self):
        super().__init__()
        self.made = {}

    def fresh(self, kind, *args, **kwargs):
        layer = super().fresh(kind, *args, **kwargs)
        self.made[layer.name] = layer
        return layer


def identity_block(input_tensor, kernel_size, filters, stage, block, use_bias=True, train_bn=True):
    """Wires a bottleneck block whose shortcut is its input.

    `mrcnn.backbone.resnet` wires whole networks of them.

    Args:
        input_tensor: [batch, height, width, filters[2]].
        kernel_size: of the middle convolution.
        filters: of the three convolutions.
        stage, block: as in the layers' names, 2 and "b" for `res2b_branch2a`.
        use_bias: of the convolutions.
        train_bn: see `BatchNorm`.

    Returns:
        `res2b_out`, of the input's shape.
    """
    branch = _Branch(f"{stage}{block}", use_bias, train_bn)
    return branch.bottleneck(input_tensor, input_tensor, kernel_size, filters, 1)


def conv_block(input_tensor, kernel_size, filters, stage, block, strides=(2, 2), use_bias=True,
               train_bn=True):
    """Wires a bottleneck block with a convolution in its shortcut: see `identity_block`.

    Returns:
        `res2a_out`, [batch, height / strides, width / strides, filters[2]].
    """
    branch = _Branch(f"{stage}{block}", use_bias, train_bn)
    shortcut = branch.conv(input_tensor, filters[2], 1, "1", strides)
    return branch.bottleneck(input_tensor, shortcut, kernel_size, filters, strides)


class _Branch:
    """Convolutions of one residual block, by name."""

    def __init__(self, block, use_bias, train_bn):
        self.block, self.use_bias, self.train_bn = block, use_bias, train_bn

    def conv(self, x, filters, size, part, strides=1):
        x = keras.layers.Conv2D(filters, size, strides=strides, padding="same",
                                use_bias=self.use_bias, name=f"res{self.block}_branch{part}")(x)
        return BatchNorm(train_bn=self.train_bn, name=f"bn{self.block}_branch{part}")(x)

    def bottleneck(self, x, shortcut, kernel_size, filters, strides):
        x = keras.layers.ReLU()(self.conv(x, filters[0], 1, "2a", strides))
        x = keras.layers.ReLU()(self.conv(x, filters[1], kernel_size, "2b"))
        x = keras.layers.Add()([self.conv(x, filters[2], 1, "2c"), shortcut])
        return keras.layers.Activation("relu", name=f"res{self.block}_out")(x)


def rpn_graph(feature_map, anchors_per_location, anchor_stride):
    """Wires the RPN's head on one map, whose sides may be unknown.

    `mrcnn.rpn.rpn_head` wires it on a whole pyramid.

    Args:
        feature_map: [batch, height, width, depth].
        anchors_per_location: anchors a cell.
        anchor_stride: 1 for anchors at every cell, 2 at every other.

    Returns:
        [logits, probabilities, deltas], [batch, anchors, (background, object)] twice and
        [batch, anchors, (dy, dx, log dh, log dw)].
    """
    shared = keras.layers.Conv2D(512, 3, strides=anchor_stride, padding="same", activation="relu",
                                 name="rpn_conv_shared")(feature_map)
    x = keras.layers.Conv2D(2 * anchors_per_location, 1, name="rpn_class_raw")(shared)
    logits = keras.layers.Reshape((-1, 2))(x)
    probs = keras.layers.Softmax(name="rpn_class_xxx")(logits)
    x = keras.layers.Conv2D(4 * anchors_per_location, 1, name="rpn_bbox_pred")(shared)
    return [logits, probs, keras.layers.Reshape((-1, 4))(x)]


def build_rpn_model(anchor_stride, anchors_per_location, depth):
    """`rpn_graph` as a model "rpn_model", for maps `[batch, height, width, depth]` of any size.

    Ours needs no model inside the model: the levels share layers.
    """
    feature_map = keras.Input((None, None, depth), name="input_rpn_feature_map")
    outputs = rpn_graph(feature_map, anchors_per_location, anchor_stride)
    return keras.Model([feature_map], outputs, name="rpn_model")


def fpn_classifier_graph(rois, feature_maps, image_meta, pool_size, num_classes, train_bn=True,
                         fc_layers_size=1024):
    """Wires `mrcnn.heads.box.BoxHead` with Matterport's pooling.

    Args:
        rois: symbolic [batch, rois, (y1, x1, y2, x2)] normalised.
        feature_maps: [P2, P3, P4, P5], each [batch, height, width, channels] with known sides.
        image_meta: not read; P2 tells the image's size.
        pool_size: side of the pooled features.
        num_classes: with background.
        train_bn: see `BatchNorm`.
        fc_layers_size: units of the two layers.

    Returns:
        logits and probabilities [batch, rois, classes], deltas [batch, rois, classes, 4].
    """
    # What only training needs is left out: no outputs come of it here.
    head = BoxHead(SharedLayers(), {"convention": "corners"}, num_classes, pool_size,
                   fc_layers_size, train_bn, std_dev=None, class_weights=None, beta=None,
                   normalizer=None)
    outputs = head.predict(feature_maps, rois, _image_shape(feature_maps))
    return outputs["class_logits"], outputs["class_probs"], outputs["deltas"]


def build_fpn_mask_graph(rois, feature_maps, image_meta, pool_size, num_classes, train_bn=True):
    """Wires `mrcnn.heads.mask.MaskHead` with Matterport's pooling: see `fpn_classifier_graph`.

    Returns:
        Probabilities [batch, rois, 2 * pool_size, 2 * pool_size, classes].
    """
    head = MaskHead(SharedLayers(), {"convention": "corners"}, num_classes, pool_size,
                    (2 * pool_size, 2 * pool_size), channels=256, convolutions=4,
                    train_bn=train_bn, mini_masks=None, fractional=None)
    logits = head.predict(feature_maps, rois, _image_shape(feature_maps))
    return keras.layers.Activation("sigmoid", name="mrcnn_mask_probs")(logits)


def _image_shape(feature_maps):
    """(height, width) in pixels of the image whose P2 is the first of the maps."""
    sides = feature_maps[0].shape[1:3]
    if None in sides:
        raise ValueError(
            f"Expected feature maps with known sides, got {tuple(feature_maps[0].shape)}: give "
            "keras.Input the image's height and width.")
    return tuple(4 * side for side in sides)
