"""Looking inside a network: what a stage gives for an image, asked for by name.

Every stage worth looking at is a layer with a name. Matterport's notebooks name tensors of
TensorFlow 1 (`ROI/refined_anchors:0`) or take `layer.output`; either leads to the stage here.
"""

import re
from collections import OrderedDict

import keras
import numpy as np

# Layers under their old name that give something else than Matterport's did: the photo before
# its mean is subtracted, and layers shared by all graphs, which work on folded boxes and give
# logits. The stage on the right gives what the old name promised.
STAND_INS = {
    "input_image": "molded_image",
    "mrcnn_class_logits": "mrcnn_class_scores",
    "mrcnn_mask": "mrcnn_mask_probs",
}
NMS = "rpn_non_max_suppression"
MOLDED, WINDOW = "molded_image", "input_window"
# What TensorFlow 1 put behind the names of its tensors.
_SUFFIX = re.compile(r"(/NonMaxSuppressionV\d)?(:\d+)?$")


def log(text, array=None):
    """Print a text and, in columns, an array's shape, least and largest value, and type."""
    if array is None:
        print(text)
        return
    low, high = (f"{float(x):10.5f}" for x in (array.min(), array.max())) if array.size else (
        " " * 10, " " * 10)
    print(f"{text:25}shape: {str(array.shape):20}  min: {low}  max: {high}  {array.dtype}")


def ancestor(tensor, name):
    """Find what a tensor was computed from.

    Args:
        tensor: of a functional graph.
        name: of a stage, also as TensorFlow 1 named its tensors, such as "ROI/refined_anchors:0".

    Returns:
        The tensor that the stage gives in this graph; None if it lies not upstream.
    """
    name = _SUFFIX.sub("", name).rsplit("/", 1)[-1]
    return next((x for x in _upstream([tensor]) if x is not tensor and _stage(x) == name), None)


def run_graph(graph, molded_images, windows_px, outputs):
    """Compute stages of an inference graph.

    Args:
        graph: a `keras.Model` of `Network.inference_graph`.
        molded_images: [B, H, W, channels] float, mean subtracted.
        windows_px: [B, (y1, x1, y2, x2)], the part of each that is no padding.
        outputs: list of (name, what), or of whats alone: tensors, of any graph of the same
            network, or names of stages.

    Returns:
        An OrderedDict name -> array. Of the indices that NMS keeps, those of the first image
        [N], as Matterport's graph gave them.

    Raises:
        ValueError: the graph has no such stage.
    """
    stages = {}
    for tensor in _upstream(graph.outputs):
        stages.setdefault(_stage(tensor), tensor)
    wanted = OrderedDict(_named(output) for output in outputs)
    unknown = [name for name, stage in wanted.items() if stage not in stages]
    if unknown:
        raise ValueError(
            f"This network has no stages {unknown}. There are: {', '.join(reversed(stages))}.")
    values = {MOLDED: np.asarray(molded_images, np.float32),
              WINDOW: np.asarray(windows_px, np.float32)}
    computed = {stage: stages[stage] for stage in wanted.values() if stage not in values}
    if computed:
        part = keras.Model([stages[MOLDED], stages[WINDOW]], computed)
        values |= part([values[MOLDED], values[WINDOW]], training=False)
    return OrderedDict((name, _array(stage, values)) for name, stage in wanted.items())


def run_training_graph(graph, batch, names):
    """Compute stages of a training graph, all of one and the same draw of anchors and ROIs.

    Args:
        graph: a `keras.Model` of `Network.training_graph`.
        batch: dict of arrays, as `mrcnn.data.loader.Loader` yields them.
        names: of layers, such as "rpn_targets", "sampled_rois" or "mrcnn_mask_loss".

    Returns:
        A dict name -> what the layer gives: an array, or a dict of arrays.

    Raises:
        ValueError: the graph has no such layer.
    """
    known = {layer.name for layer in graph.layers}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"This training graph has no layers {unknown}. There are: "
                         f"{', '.join(layer.name for layer in graph.layers)}.")
    part = keras.Model(graph.input, {name: _output(graph.get_layer(name)) for name in names})
    # Not `predict`: that would trace a function for one batch.
    values = part({name: batch[name] for name in graph.input}, training=False)
    return keras.tree.map_structure(keras.ops.convert_to_numpy, values)


def _output(layer):
    """What a layer gives, its tensors in the dict or list that it returned them in."""
    node = layer._inbound_nodes[0]
    structure = layer.compute_output_spec(*node.arguments.args, **node.arguments.kwargs)
    return keras.tree.pack_sequence_as(structure, node.output_tensors)


def _array(stage, values):
    array = keras.ops.convert_to_numpy(values[stage])
    return array[0][array[0] >= 0] if stage == NMS else array


def _named(output):
    """(name to answer under, stage) of a requested output."""
    name, what = output if isinstance(output, tuple | list) else (None, output)
    if what is None:
        raise ValueError(f"The output {name!r} is None: `ancestor` has found no such stage.")
    stage = what if isinstance(what, str) else _stage(what)
    return name or stage, STAND_INS.get(stage, stage)


def _stage(tensor):
    """Name of the layer that gives a tensor."""
    return tensor._keras_history.operation.name


def _upstream(tensors):
    """The tensors, and all that they are computed from, the nearest first."""
    found, waiting = set(), list(tensors)
    while waiting:
        tensor = waiting.pop(0)
        if id(tensor) in found:
            continue
        found.add(id(tensor))
        yield tensor
        operation, node_index, _ = tensor._keras_history
        waiting += operation._inbound_nodes[node_index].input_tensors
