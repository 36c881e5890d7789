"""What a network costs: parameters and floating-point operations of one photo, layer by layer."""

import math
from dataclasses import dataclass, field

import keras

from mrcnn.layers.fold import Fold, Unfold

# A multiplication with its addition counts as two operations.
FLOPS_PER_MAC = 2
# Parts of the network in the order of their work, by the beginnings of their layers' names; the
# backbone has all that no other part has.
PARTS = {
    "backbone": (),
    "pyramid": ("fpn_",),
    "region proposals": ("rpn_",),
    "box head": ("mrcnn_class", "mrcnn_bbox"),
    "mask head": ("mrcnn_mask",),
    "keypoint head": ("mrcnn_keypoint",),
    "match head": ("mrcnn_match",),
}


@dataclass
class LayerCost:
    """One layer with weights.

    Attributes:
        name, kind: of the layer; the kind is its class.
        shapes: output shapes, one for each place where the layer is used, largest first; None is
            the batch.
        parameters: numbers in its weights, and how many of them train.
        trainable: numbers that train.
        flops: for one photo, over all its uses. Convolutions and dense layers only: what else a
            network does is less than a hundredth of it.
    """

    name: str
    kind: str
    parameters: int
    trainable: int
    shapes: list = field(default_factory=list)
    flops: int = 0


def layer_costs(graph):
    """Cost of every layer with weights.

    Args:
        graph: functional `keras.Model` with static shapes, such as `Network.inference_graph()`.

    Returns:
        List of `LayerCost`, from the image to the heads.
    """
    costs, boxes = {}, {}
    # A layer may stand in several graphs; these are its uses in this one, inputs first.
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            count = _boxes(node, boxes)
            layer = node.operation
            if getattr(layer, "weights", None):
                cost = costs.setdefault(layer.name, _new(layer))
                cost.shapes.append(tuple(node.output_tensors[0].shape))
                cost.flops += count * FLOPS_PER_MAC * _macs(layer, node)
    for cost in costs.values():
        cost.shapes.sort(key=lambda shape: math.prod(shape[1:]), reverse=True)
    return list(costs.values())


def part_costs(costs):
    """Sums of layers' costs by `PARTS`: {part: (parameters, trainable, flops)}, parts that exist.

    Args:
        costs: list of `LayerCost`.
    """
    totals = dict.fromkeys(PARTS, (0, 0, 0))
    for cost in costs:
        part = next((part for part, starts in PARTS.items() if cost.name.startswith(starts)),
                    "backbone")
        numbers = (cost.parameters, cost.trainable, cost.flops)
        totals[part] = tuple(a + b for a, b in zip(totals[part], numbers, strict=True))
    return {part: numbers for part, numbers in totals.items() if any(numbers)}


def _boxes(node, boxes):
    """How many boxes of a photo the batch dimension of a node's output holds; 1: whole photos.

    Args:
        node: of the graph.
        boxes: {id(tensor): count} of the nodes before; this one's outputs are added.
    """
    inputs = node.arguments.keras_tensors
    if isinstance(node.operation, Fold):
        count = inputs[0].shape[1]
    elif isinstance(node.operation, Unfold):
        count = 1
    else:
        count = max([boxes[id(tensor)] for tensor in inputs], default=1)
    boxes |= {id(tensor): count for tensor in node.output_tensors}
    return count


def _new(layer):
    return LayerCost(layer.name, type(layer).__name__, _numbers(layer.weights),
                     _numbers(layer.trainable_weights))


def _numbers(weights):
    return sum(math.prod(weight.shape) for weight in weights)


def _macs(layer, node):
    """Multiply-adds of one element of the batch; every weight of a kernel meets every cell."""
    if isinstance(layer, keras.layers.Conv2DTranspose):
        cells = math.prod(node.arguments.keras_tensors[0].shape[1:3])
    elif isinstance(layer, keras.layers.Conv2D):
        cells = math.prod(node.output_tensors[0].shape[1:3])
    elif isinstance(layer, keras.layers.Dense):
        cells = math.prod(node.output_tensors[0].shape[1:-1])
    else:
        return 0
    return cells * math.prod(layer.kernel.shape)
