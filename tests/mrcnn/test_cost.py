"""Parameters and operations, counted by hand."""

import keras

from mrcnn import cost
from mrcnn.layers.fold import Fold, Unfold
from mrcnn.network import Network
from tests.mrcnn.small_network import SmallConfig


def test_operations_by_hand():
    image = keras.Input((8, 6, 3))
    shared = keras.layers.Conv2D(5, 3, padding="same", name="shared")
    first = keras.layers.Conv2D(3, 3, strides=2, padding="same", name="first")(image)
    outputs = [shared(image), shared(first)]  # 8 x 6 and 4 x 3 cells
    grown = keras.layers.Conv2DTranspose(4, 2, strides=2, name="grown")(first)
    norm = keras.layers.BatchNormalization(name="norm")(grown)
    graph = keras.Model(image, [*outputs, norm])
    costs = {layer.name: layer for layer in cost.layer_costs(graph)}
    assert costs["shared"].flops == 2 * (48 + 12) * 9 * 3 * 5
    assert costs["shared"].parameters == 9 * 3 * 5 + 5
    assert costs["shared"].shapes == [(None, 8, 6, 5), (None, 4, 3, 5)]
    assert costs["grown"].flops == 2 * 12 * 4 * 3 * 4
    assert (costs["norm"].parameters, costs["norm"].trainable, costs["norm"].flops) == (16, 8, 0)


def test_layers_of_boxes_count_once_a_box():
    rois = keras.Input((10, 7))  # 10 boxes of 7 features
    x = Fold(name="fold")(rois)
    x = keras.layers.Dense(3, name="each_box")(x)
    x = Unfold((10, 3), name="unfold")(x)
    x = keras.layers.Dense(2, name="each_box_too")(x)
    graph = keras.Model(rois, x)
    each, too = cost.layer_costs(graph)
    assert each.flops == 2 * 10 * 7 * 3 and too.flops == 2 * 10 * 3 * 2


def test_the_network_is_counted_whole():
    network = Network(SmallConfig())
    costs = cost.layer_costs(network.inference_graph())
    layers = network.layers_by_name()
    assert {layer.name for layer in costs} == set(layers)
    assert sum(layer.parameters for layer in costs) == sum(
        layer.count_params() for layer in layers.values())
    by_name = {layer.name: layer for layer in costs}
    # 16 filters of 3 x 3 x 16 on P2 to P6 of a 128 px image.
    cells = sum((128 // stride) ** 2 for stride in (4, 8, 16, 32, 64))
    assert by_name["rpn_conv_shared"].flops == 2 * cells * 9 * 16 * 16
    assert by_name["mrcnn_mask_conv1"].flops == 2 * 10 * 14 * 14 * 9 * 16 * 16
