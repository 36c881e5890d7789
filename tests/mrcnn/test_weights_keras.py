"""Files that Keras wrote itself: weights alone and whole models, of Keras 2 and 3."""

import logging
import zipfile

import h5py
import keras
import numpy as np
import pytest

from mrcnn import weights
from mrcnn.network import Network
from tests.mrcnn.small_network import SmallConfig
from tests.mrcnn.stand_in import StandInNetwork

keras_layers = keras.layers


@pytest.fixture(scope="module")
def networks():
    """Two small networks with different weights."""
    return Network(SmallConfig()), Network(SmallConfig())


def detector(policy=None):
    """A model as others write them: layers in wrappers and in models inside it, and a dropout."""
    image = keras.Input((8, 8, 3), name="input_image")
    x = keras_layers.Conv2D(4, 3, name="conv1", dtype=policy)(image)
    x = keras_layers.BatchNormalization(name="bn_conv1")(x)
    x = keras_layers.Dropout(0.5)(x)
    feature = keras.Input((6, 6, 4))
    shared = keras_layers.Conv2D(2, 1, name="rpn_conv_shared")(feature)
    x = keras.Model(feature, shared, name="rpn_model")(x)
    x = keras_layers.Reshape((8, 9))(x)
    x = keras_layers.TimeDistributed(keras_layers.Dense(3), name="mrcnn_class_logits")(x)
    model = keras.Model(image, x)
    for index, weight in enumerate(model.weights):
        weight.assign(np.full(weight.shape, index + 1.0))
    model.compile("adam", "mse", metrics=["mae"])
    model.optimizer.build(model.trainable_variables)
    return model


class Target:
    """The layers of `detector`, new."""

    def __init__(self):
        model = detector()
        layers = [*model.layers, *model.get_layer("rpn_model").layers]
        self.layers = {layer.name: layer for layer in layers
                       if layer.weights and not isinstance(layer, keras.Model)}
        for layer in self.layers.values():
            layer.set_weights([0 * value for value in layer.get_weights()])

    def layers_by_name(self):
        return self.layers

    def values(self):
        return {name: [np.unique(weight).item() for weight in layer.weights]
                for name, layer in self.layers.items()}


VALUES = {"conv1": [1, 2], "bn_conv1": [3, 4, 5, 6], "rpn_conv_shared": [7, 8],
          "mrcnn_class_logits": [9, 10]}


@pytest.mark.parametrize("mode", ["training", "inference"])
def test_graphs_there_and_back(networks, mode, tmp_path):
    source, target = networks
    path = tmp_path / "mask_rcnn.weights.h5"
    getattr(source, f"{mode}_graph")().save_weights(path)
    for layer in target.layers_by_name().values():
        layer.set_weights([0 * value for value in layer.get_weights()])
    report = weights.load_weights(target, path)
    assert weights.fingerprint(target) == weights.fingerprint(source) == weights.fingerprint(path)
    assert not (report.missing or report.left_over) and report.parameters == report.capacity
    assert weights.layer_names(path) == set(source.layers_by_name())


@pytest.mark.parametrize("name", ["x.weights.h5", "x.keras", "x.h5"])
def test_models_of_keras_3(name, tmp_path):
    model, target = detector(), Target()
    (model.save_weights if name.endswith(".weights.h5") else model.save)(tmp_path / name)
    report = weights.load_weights(target, tmp_path / name)
    assert target.values() == VALUES
    assert len(report.loaded) == 10 and not report.left_over


def test_a_model_of_keras_2(tmp_path):
    """`model.save` put the weights in a group beside the optimizer's."""
    path, target = tmp_path / "model.h5", Target()
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = file.create_group("model_weights").attrs[
            "keras_version"] = b"2.2.5"
        for name, layer in target.layers.items():
            group = f"model_weights/{'rpn_model' if name.startswith('rpn') else name}/{name}"
            for variable, value in zip(layer.weights, VALUES[name], strict=True):
                file[f"{group}/{variable.name}:0"] = np.full(variable.shape, value)
        file["optimizer_weights/training/SGD/conv1/kernel:0"] = np.zeros((3, 3, 3, 4))
    assert not weights.load_weights(target, path).left_over
    assert target.values() == VALUES and weights.convention(path) == "corners"


def test_half_precision_and_random_states(tmp_path):
    path, target = tmp_path / "half.weights.h5", Target()
    detector("bfloat16").save_weights(path)
    weights.load_weights(target, path)
    assert target.values() == VALUES
    noisy = StandInNetwork()
    noisy.training_graph().save_weights(path)
    assert not weights.load_weights(StandInNetwork(), path).left_over


def test_vectors_without_names_are_not_taken_for_others(tmp_path):
    """A normalisation without gamma writes beta first."""
    path, target = tmp_path / "x.weights.h5", Target()
    image = keras.Input((8, 8, 4))
    keras.Model(image, keras_layers.BatchNormalization(scale=False, name="bn_conv1")(
        keras_layers.Conv2D(4, 3, name="fpn_p2")(image))).save_weights(path)
    with pytest.raises(weights.WeightsError, match="bn_conv1"):
        weights.load_weights(target, path)
    with pytest.raises(weights.WeightsError, match="No weight"):
        weights.load_weights(target, path, by_name=True)


def test_layers_without_names_are_refused(tmp_path):
    path = tmp_path / "early.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/conv2d/vars/0"] = np.ones((3, 3, 3, 4))
    with pytest.raises(weights.WeightsError, match="does not say what its layers are called"):
        weights.load_weights(Target(), path, by_name=True)


def test_the_same_layer_twice_is_refused(tmp_path):
    path, target = tmp_path / "two.h5", Target()
    with h5py.File(path, "w") as file:
        file["a/conv1/kernel:0"] = file["b/conv1/kernel:0"] = np.ones((3, 3, 3, 4))
        file["a/fc/kernel:0"], file["b/fc/kernel:0"] = np.ones(1), np.zeros(1)
    with pytest.raises(weights.WeightsError, match="twice, at /a/conv1.* and /b/conv1"):
        weights.load_weights(target, path, by_name=True)
    with h5py.File(path, "a") as file:
        del file["b/conv1"]
    report = weights.load_weights(target, path, by_name=True)
    assert report.left_over == ["fc/kernel", "b/fc/kernel:0"]


def test_other_archives_and_damaged_ones_are_named(tmp_path):
    path, target = tmp_path / "x.keras", Target()
    detector().save(path)
    content = path.read_bytes()
    path.write_bytes(content[:len(content) // 2])
    with pytest.raises(weights.WeightsError, match="truncated or damaged"):
        weights.load_weights(target, path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    with pytest.raises(weights.WeightsError, match="zip archive of archive/data.pkl;.*keras"):
        weights.load_weights(target, path)
    assert set(sum(target.values().values(), [])) == {0}


def test_what_keras_3_wrote_does_not_say_how_it_pools(networks, tmp_path, caplog):
    path = tmp_path / "x.weights.h5"
    networks[0].inference_graph().save_weights(path)
    assert weights.convention(path) is None
    with caplog.at_level(logging.WARNING):
        weights.load_weights(networks[1], path)
    assert "ROI_ALIGN is 'aligned' here" in caplog.text
    detector().save(tmp_path / "x.h5")
    assert weights.convention(tmp_path / "x.h5") is None
