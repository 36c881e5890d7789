"""Which groups Matterport's weight files have, in which order.

Keras 2 writes one group for every layer, also for those without weights, in the order of its
graph, and its `load_weights` without `by_name` goes by that order. The names of the layers
without weights (`activation_29`, `lambda_3`) are those of the original's inference graph.
"""

import re

# The version whose layout this is.
KERAS_VERSION = b"2.2.5"
RPN_LAYERS = ["rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"]
_BACKBONE_LAYER = re.compile(r"(res|bn)[2-5][a-z]\d*_branch")
# Weight names of Keras 1. Its `running_std` held the variance.
_OLD_NAMES = {
    "W": "kernel", "b": "bias", "running_mean": "moving_mean", "running_std": "moving_variance",
}
# Blocks of stage 4, whether they are bottlenecks, and the name.
_DEPTHS = {(2, False): "ResNet-18", (6, False): "ResNet-34", (6, True): "ResNet-50",
           (23, True): "ResNet-101", (36, True): "ResNet-152"}

_PYRAMID = [
    "fpn_c5p5", "fpn_p5upsampled", "fpn_c4p4", "fpn_p4add", "fpn_p4upsampled", "fpn_c3p3",
    "fpn_p3add", "fpn_p3upsampled", "fpn_c2p2", "fpn_p2add", "fpn_p5", "fpn_p2", "fpn_p3",
    "fpn_p4", "fpn_p6",
]
_HEADS = [
    "rpn_model", "rpn_class", "rpn_bbox", "input_anchors", "ROI", "input_image_meta",
    "roi_align_classifier", "mrcnn_class_conv1", "mrcnn_class_bn1", "activation_{0}",
    "mrcnn_class_conv2", "mrcnn_class_bn2", "activation_{1}", "pool_squeeze",
    "mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_class", "mrcnn_bbox", "mrcnn_detection",
    "lambda_3", "roi_align_mask",
    "mrcnn_mask_conv1", "mrcnn_mask_bn1", "activation_{3}",
    "mrcnn_mask_conv2", "mrcnn_mask_bn2", "activation_{4}",
    "mrcnn_mask_conv3", "mrcnn_mask_bn3", "activation_{5}",
    "mrcnn_mask_conv4", "mrcnn_mask_bn4", "activation_{6}",
    "mrcnn_mask_deconv", "mrcnn_mask",
]
# Samples exclude `mrcnn_bbox` too, a layer of the original that has no weights.
NAMES = frozenset([*_PYRAMID, *_HEADS])


def groups(layers):
    """Arrange a network's layers into the groups of a file.

    Args:
        layers: names of the layers with weights, in the network's order.

    Returns:
        A dict, in the order of the file: group name -> list of the layers in it. A network with
        exactly the layers of Matterport's gets exactly its groups; others get theirs alone.
    """
    arranged = {}
    for layer in layers:
        arranged.setdefault("rpn_model" if layer in RPN_LAYERS else layer, []).append(layer)
    if "rpn_model" in arranged:
        arranged["rpn_model"].sort(key=RPN_LAYERS.index)
    original = _original_groups(layers)
    if not set(arranged) <= set(original):
        return arranged
    return {group: arranged.get(group, []) for group in original}


def identify(path, known_layers):
    """Return (layer, weight) of a dataset such as `rpn_model/rpn_conv_shared/kernel:0`.

    The layer is the innermost known name on the way (the innermost name if none is known). Keras 1
    put it before the weight's name as well: `conv1/conv1_W:0`, and `conv1/conv1_W_1:0`.
    """
    *owners, leaf = path.split("/")
    owner, name = "".join(owners[-1:]), leaf.split(":")[0]
    if name.startswith(f"{owner}_"):
        name = re.sub(r"_\d+$", "", name.removeprefix(f"{owner}_"))
    layer = next((name for name in reversed(owners) if name in known_layers), owner)
    return layer, _OLD_NAMES.get(name, name)


def backbone_layers(layers):
    """Return those of the layers that belong to the residual stages of a backbone."""
    return {layer for layer in layers if _BACKBONE_LAYER.match(layer)}


def backbone_name(layers):
    """Name the residual network that has these layers."""
    blocks = len({layer for layer in layers if re.fullmatch(r"res4.*_branch2a", layer)})
    bottleneck = any(layer.endswith("_branch2c") for layer in layers)
    return _DEPTHS.get((blocks, bottleneck), f"residual network with {blocks} blocks in stage 4")


def backbone_knob(layers):
    """The value of `Config.BACKBONE` for these layers, such as "resnet50"; None for none known."""
    name = backbone_name(layers)
    return name.lower().replace("-", "") if name in _DEPTHS.values() else None


def is_keras_resnet50(layers):
    """Whether a file with these layers is Keras' ImageNet ResNet-50 without its top.

    It holds the backbone and nothing else, which no training of a detector leaves behind.
    """
    stages = backbone_layers(layers)
    return backbone_name(stages) == "ResNet-50" and layers - stages == {"conv1", "bn_conv1"}


def _original_groups(layers):
    """Groups of Matterport's inference model with as many bottleneck blocks as these layers."""
    names = ["input_image", "zero_padding2d_1", "conv1", "bn_conv1", "activation_1",
             "max_pooling2d_1"]
    activations = blocks = 0
    for block in _blocks(layers):
        blocks += 1
        activations += 2
        names += _block(block, blocks, activations)
    # Two for the box head, the softmax hidden inside `mrcnn_class`, four for the mask head.
    numbers = range(activations + 2, activations + 9)
    return names + _PYRAMID + [name.format(*numbers) for name in _HEADS]


def _blocks(layers):
    """Names such as `2a`, in order."""
    matches = (re.fullmatch(r"res([2-5][a-z])_branch2c", layer) for layer in layers)
    return [match.group(1) for match in matches if match]


def _block(block, number, activations):
    """Layers of one bottleneck block; `activations` is the number of its first ReLU."""
    res, bn = f"res{block}", f"bn{block}"
    shortcut = [[f"{res}_branch1"], [f"{bn}_branch1"]] if block.endswith("a") else [[], []]
    return [
        f"{res}_branch2a", f"{bn}_branch2a", f"activation_{activations}",
        f"{res}_branch2b", f"{bn}_branch2b", f"activation_{activations + 1}",
        f"{res}_branch2c", *shortcut[0], f"{bn}_branch2c", *shortcut[1],
        f"add_{number}", f"{res}_out",
    ]
