"""Weights that anyone can make again from the names of the layers, for comparing networks.

The golden outputs in tests/golden are those of Matterport's original code with these weights. A
tensor is a function of its layer, its own name and its shape. Scales are He's, changed where a
network without training would lose its signal or find one class only.
"""

import json
import math
import zlib
from pathlib import Path

import h5py
import numpy as np

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
LAYOUT = GOLDEN / "layout_resnet50.json"

# Factors of He's standard deviation.
KERNEL_FACTORS = {
    "conv1": 2 ** -6,  # pixels reach up to 128
    **{f"fpn_c{level}p{level}": factor for level, factor in zip(
        (2, 3, 4, 5), (0.25, 0.25, 0.1, 0.1), strict=True)},
    **{f"fpn_p{level}": 0.75 for level in (2, 3, 4, 5)},
    "rpn_class_raw": 0.4, "rpn_bbox_pred": 0.25, "mrcnn_bbox_fc": 0.25,
    "mrcnn_mask_deconv": 2.0, "mrcnn_mask": 0.5,
}
# Added to biases, so that several classes and anchors win: (background, object) of each ratio,
# and 14 classes.
BIAS_SHIFTS = {
    "rpn_class_raw": (0.0, 1.3, 0.0, 0.1, 0.0, 1.0),
    "mrcnn_class_logits": (
        -2.4, 1.5, -2.5, 1.1, 3.1, -2.5, 0.2, 1.0, 1.1, -2.7, 0.3, -0.5, 0.5, 2.8),
}


def tensor(layer, weight, shape):
    """Make one tensor.

    Args:
        layer: its name, such as "rpn_conv_shared".
        weight: kernel, bias, gamma, beta, moving_mean or moving_variance.
        shape: as Keras has it.

    Returns:
        float32 array, computed in float64.
    """
    random = np.random.RandomState(zlib.crc32(f"{layer}/{weight}".encode()))
    if weight == "moving_variance":
        values = random.uniform(0.5, 1.5, shape)
    elif weight == "gamma":
        # Blocks of a residual network add up; the last gain of each keeps the sum small.
        bounds = (0.1, 0.3) if layer.endswith("_branch2c") else (0.5, 1.5)
        values = random.uniform(*bounds, shape)
    else:
        values = random.standard_normal(shape) * _spread(layer, weight, shape)
        values += BIAS_SHIFTS.get(layer, 0.0) if weight == "bias" else 0.0
    return values.astype(np.float32)


def _spread(layer, weight, shape):
    """Standard deviation of a normally distributed tensor."""
    if weight == "kernel":
        return math.sqrt(2.0 / math.prod(shape[:-1])) * KERNEL_FACTORS.get(layer, 1.0)
    return {"bias": 0.01, "beta": 0.1, "moving_mean": 0.1}[weight]


def write_file(path, layout=LAYOUT):
    """Write all tensors as Matterport's code does, attributes and empty groups included.

    Args:
        path: of the new HDF5 file.
        layout: JSON with `root` attributes and `groups`: name -> {dataset: shape}.
    """
    layout = json.loads(Path(layout).read_text(encoding="utf-8"))
    with h5py.File(path, "w") as file:
        for name, value in layout["root"].items():
            file.attrs[name] = value.encode()
        file.attrs["layer_names"] = [name.encode() for name in layout["groups"]]
        for name, shapes in layout["groups"].items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [dataset.encode() for dataset in shapes]
            for dataset, shape in shapes.items():
                layer, weight = dataset.removesuffix(":0").split("/")[-2:]
                group[dataset] = tensor(layer, weight, shape)
