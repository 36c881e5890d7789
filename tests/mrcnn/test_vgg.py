"""VGG16 as the backbone of Faster R-CNN: Keras' layers, one level, and a network that learns."""

import h5py
import keras
import numpy as np
import pytest

from mrcnn import weights
from mrcnn.backbone.vgg import STRIDE, vgg16
from mrcnn.config import Config
from mrcnn.detection import Detector
from mrcnn.layers.stage import SharedLayers
from mrcnn.network import Network
from mrcnn.training import TrainingModel
from tests.mrcnn.small_network import SmallConfig, small_batch


class VggConfig(SmallConfig):
    BACKBONE = "vgg16"
    BACKBONE_STRIDES = [STRIDE]
    RPN_ANCHOR_SCALES = ((16, 32, 64),)
    HEADS = ("box",)
    TRAIN_BN = None


def test_layers_have_the_names_and_shapes_of_keras_own_vgg16():
    layers, image = SharedLayers(), keras.Input((64, 96, 3))
    [features] = vgg16(layers, image)
    assert features.shape == (None, 64 // STRIDE, 96 // STRIDE, 512)
    theirs = keras.applications.VGG16(include_top=False, weights=None)
    shapes = {layer.name: [w.shape for w in layer.weights] for layer in theirs.layers
              if layer.weights}
    assert {name: [w.shape for w in layer.weights]
            for name, layer in layers.by_name.items()} == shapes


def test_it_computes_what_keras_own_vgg16_does():
    layers, image = SharedLayers(), keras.Input((32, 32, 3))
    [features] = vgg16(layers, image)
    ours = keras.Model(image, features)
    theirs = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    theirs = keras.Model(theirs.input, theirs.get_layer("block5_conv3").output)
    ours.set_weights(theirs.get_weights())
    photo = np.random.default_rng(0).normal(0, 50, (1, 32, 32, 3))
    np.testing.assert_allclose(ours.predict_on_batch(photo), theirs.predict_on_batch(photo),
                               rtol=1e-4, atol=1e-4)


def test_keras_imagenet_weights_are_turned_to_red_first(tmp_path):
    network = Network(VggConfig())
    layers = network.layers_by_name()
    kernel = np.random.default_rng(0).normal(size=layers["block1_conv1"].kernel.shape)
    kernel = kernel.astype("float32")
    with h5py.File(tmp_path / "vgg16.h5", "w") as file:
        file["block1_conv1/block1_conv1_W_1:0"] = kernel
        file["block1_conv1/block1_conv1_b_1:0"] = np.zeros(kernel.shape[-1], "float32")
    weights.load_weights(network, tmp_path / "vgg16.h5", by_name=True)
    np.testing.assert_array_equal(layers["block1_conv1"].get_weights()[0], kernel[:, :, ::-1])


def test_one_level_has_all_anchors_and_all_regions():
    config = VggConfig()
    network = Network(config)
    graph = network.inference_graph()
    cells = (config.IMAGE_SHAPE[0] // STRIDE) ** 2
    assert graph.get_layer("rpn_class_logits").output.shape[1] == cells * 3 * 3
    align = graph.get_layer("roi_align_classifier")
    assert align.strides == (STRIDE,) and align.pool_size == 7
    assert not any(name.startswith(("fpn_", "mrcnn_mask")) for name in network.layers_by_name())


def test_it_learns_and_finds():
    keras.utils.set_random_seed(0)
    config = VggConfig()
    network = Network(config)
    model = TrainingModel(network.training_graph(), config.LOSS_WEIGHTS)
    model.compile(optimizer=keras.optimizers.Adam(0.001), auto_scale_loss=False,
                  jit_compile=False)
    batch = {name: value for name, value in small_batch(config).items() if name in model.input}
    losses = [model.train_on_batch(batch, return_dict=True)["loss"] for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]
    [found] = Detector(network).predict([np.zeros((100, 80, 3), np.uint8)])
    assert found.mask_probs is None and found.boxes_px.shape[1] == 4


def test_strides_that_are_not_the_backbone_s_are_refused():
    config = VggConfig().override({"BACKBONE_STRIDES": list(Config.BACKBONE_STRIDES),
                                   "RPN_ANCHOR_SCALES": Config.RPN_ANCHOR_SCALES})
    with pytest.raises(ValueError, match="BACKBONE_STRIDES"):
        Network(config).inference_graph()
