"""Files written here are laid out as Matterport's own, and Matterport's own are read."""

import json
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from mrcnn import matterport_layout, weights
from mrcnn.config import Config
from mrcnn.network import Network

GOLDEN = Path(__file__).parents[1] / "golden"


def golden(name):
    return json.loads((GOLDEN / f"layout_{name}.json").read_text(encoding="utf-8"))


def network(backbone, classes):
    return Network(Config().override({
        "BACKBONE": backbone, "NUM_CLASSES": classes, "IMAGE_MAX_DIM": 128}))


@pytest.fixture(scope="module")
def resnet50():
    return network("resnet50", 14)


def contents(path):
    """What a file consists of, in the terms of the golden layouts."""
    groups, others = {}, []

    def visit(path, item):
        if isinstance(item, h5py.Dataset):
            group, weight = path.split("/", 1)
            groups.setdefault(group, {})[weight] = list(item.shape)
            assert item.dtype == "float32" and item.chunks is None and not item.attrs
        elif "/" in path:
            assert not item.attrs
            others.append(path)
        else:
            groups.setdefault(path, {})
            assert list(item.attrs) == ["weight_names"]

    with h5py.File(path) as file:
        file.visititems(visit)
        orders = {name: names(file[name].attrs["weight_names"]) for name in file}
        layers, root = names(file.attrs["layer_names"]), dict(file.attrs)
        assert {file.attrs.get_id(name).dtype.kind for name in root} == {"O", "S"}
    assert set(layers) == set(groups)
    assert {name: sorted(order) for name, order in orders.items()} == {
        name: sorted(group) for name, group in groups.items()}
    root.pop("layer_names")
    return {"root": root, "layer_names": layers, "weight_names": orders, "shapes": groups,
            "groups in groups": set(others)}


def names(attribute):
    """Names in an attribute, which Keras 2 writes as short as they can be, and none as floats."""
    texts = [name.decode() for name in attribute]
    assert attribute.dtype == (f"S{max(map(len, texts))}" if texts else "float64")
    return texts


def test_groups_are_the_originals(resnet50):
    expected = {name: list(dict.fromkeys(weight.split("/")[0] for weight in of))
                for name, of in golden("resnet50")["groups"].items()}
    groups = matterport_layout.groups(list(resnet50.layers_by_name()))
    assert groups == expected and list(groups) == list(expected)


def test_a_round_trip_has_the_originals_layout_and_is_quick(tmp_path):
    path, original = tmp_path / "mask_rcnn.h5", golden("resnet101_coco81")
    made = network("resnet101", 81)
    weights.save_weights(made, path)
    start = time.process_time()
    report = weights.load_weights(made, path)
    assert time.process_time() - start < 5
    assert contents(path) == {
        "root": original["root"],
        "layer_names": list(original["groups"]),
        "weight_names": {group: list(of) for group, of in original["groups"].items()},
        "shapes": original["groups"],
        "groups in groups": {f"{group}/{weight.split('/')[0]}"
                             for group, of in original["groups"].items() for weight in of},
    }
    assert report.parameters == report.capacity and len(report.loaded) == sum(
        len(of) for of in original["groups"].values())


def test_the_file_of_a_training_model_is_read(resnet50, tmp_path):
    """The original's training model has other groups around the same weights."""
    original, path = golden("resnet50"), tmp_path / "training.h5"
    with h5py.File(path, "w") as file:
        groups = {**original["groups"], **dict.fromkeys(original["training_only"], {})}
        file.attrs["layer_names"] = [name.encode() for name in groups]
        for name, shapes in groups.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [weight.encode() for weight in shapes]
            for weight, shape in shapes.items():
                group.create_dataset(weight, shape, "float32", fillvalue=0.5)
    report = weights.load_weights(resnet50, path)
    assert not (report.missing or report.left_over) and report.parameters == report.capacity
    layers = resnet50.layers_by_name()
    assert {np.unique(layers[name].weights[0]).item() for name in (
        "conv1", "rpn_class_raw", "mrcnn_mask")} == {0.5}
    assert weights.convention(path) == "corners"


def test_a_network_of_ones_own_gets_its_own_groups():
    groups = matterport_layout.groups(["conv1", "rpn_bbox_pred", "rpn_conv_shared", "extra"])
    assert groups == {"conv1": ["conv1"], "extra": ["extra"],
                      "rpn_model": ["rpn_conv_shared", "rpn_bbox_pred"]}
