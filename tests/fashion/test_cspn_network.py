"""How the stages are wired: what sees what, what learns, and what it costs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from fashion.categories import CATEGORIES
from fashion.cspn.config import CSPNConfig, fit
from fashion.cspn.network import Network
from fashion.landmark_groups import NUM_GROUPS
from mrcnn.cost import layer_costs
from mrcnn.keypoints import VISIBLE
from mrcnn.training import TrainingModel
from tests.fashion.small_cspn import SIDE, small_batch, small_config

STAGES = (1, 2, 3, 4)


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return Network(small_config())


@pytest.fixture(scope="module")
def inference(network):
    return network.inference_graph()


@pytest.fixture(scope="module")
def training(network):
    return TrainingModel(network.training_graph(), {})


def heatmaps(inference, batch):
    """[4, B, 8, S, S] of all stages."""
    found = inference.predict_on_batch(
        {"input_image": batch["input_image"], "input_class_ids": batch["gt_class_ids"]})
    return np.stack([found[f"stage{number}"] for number in STAGES])


def test_every_stage_draws_heatmaps_of_the_crop_s_size(inference):
    assert {name: output.shape for name, output in inference.output.items()} == {
        **{f"stage{number}": (None, 8, SIDE, SIDE) for number in STAGES},
        **{f"keypoints{number}": (None, 8, 3) for number in STAGES}}
    sizes = [inference.get_layer(f"cspn_stage4_conv{level}").output.shape[1]
             for level in (4, 3, 2)]
    assert sizes == [SIDE // 16, SIDE // 8, SIDE // 4]


def test_there_are_one_to_four_stages():
    assert set(Network(small_config(CSPN_STAGES=1)).inference_graph().output) == {
        "stage1", "keypoints1"}
    with pytest.raises(ValueError, match="CSPN_STAGES is 1 to 4, got 5"):
        Network(small_config(CSPN_STAGES=5))


def test_deeper_stages_see_the_maps_of_those_before(network, inference):
    batch = small_batch(1)
    before = heatmaps(inference, batch)
    for stage in STAGES:
        layer = network.layers_by_name()[f"cspn_stage{stage}_conv4"]
        kept = layer.get_weights()
        layer.set_weights([-weights for weights in kept])
        changed = np.abs(heatmaps(inference, batch) - before).max(axis=(1, 2, 3, 4)) > 0
        assert changed.tolist() == [number >= stage for number in STAGES]
        layer.set_weights(kept)


def test_the_loss_of_a_stage_reaches_all_layers_before_it_and_none_behind(network, training):
    kernels = {name: layer.kernel.value for name, layer in network.layers_by_name().items()
               if hasattr(layer, "kernel")}
    with tf.GradientTape(persistent=True) as tape:
        losses = training(small_batch(2), training=True)
    for stage in STAGES:
        gradients = tape.gradient(losses[f"cspn_stage{stage}_loss"], kernels)
        reached = {name for name, gradient in gradients.items()
                   if gradient is not None and np.abs(gradient).max() > 0}
        others = {name for name in kernels for number in STAGES
                  if name.startswith(f"cspn_stage{number}_") and
                  (number > stage or number < stage and name.endswith("_maps"))}
        assert reached == set(kernels) - others


def test_losses_fall_at_every_stage(training):
    training.compile(optimizer=keras.optimizers.Adam(0.003), auto_scale_loss=False,
                     jit_compile=False)
    batch = small_batch(2)
    steps = [training.train_on_batch(batch, return_dict=True) for _ in range(10)]
    for number in STAGES:
        assert steps[-1][f"cspn_stage{number}_loss"] < steps[0][f"cspn_stage{number}_loss"]
    total = sum(steps[0][f"cspn_stage{number}_loss"] for number in STAGES)
    np.testing.assert_allclose(steps[0]["loss"], total, rtol=1e-4)


def losses_of(graph, batch):
    return {name: np.asarray(values) for name, values in graph(batch, training=False).items()}


def test_covered_and_absent_landmarks_and_lost_garments_count_for_nothing():
    keras.utils.set_random_seed(0)
    graph = Network(small_config(CSPN_STAGES=2)).training_graph()
    batch = small_batch(3)
    batch["gt_class_ids"][2] = 0
    expected = losses_of(graph, batch)
    hidden = batch["gt_keypoints"][..., 2] < VISIBLE
    assert hidden.any()
    batch["gt_keypoints"][..., :2][hidden] = 1.0
    for name, values in losses_of(graph, batch).items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-4, err_msg=name)
        assert values[2] == 0 and values[0] > 0


def test_covered_landmarks_count_where_the_configuration_says_so():
    batch = small_batch(4)
    batch["gt_keypoints"][..., 2] = 1
    for counts in (True, False):
        network = Network(small_config(CSPN_STAGES=1, KEYPOINT_TRAIN_OCCLUDED=counts))
        losses = losses_of(network.training_graph(), batch)
        assert (losses["cspn_stage1_loss"] > 0).all() == counts


class Garments294:
    """What `fit` asks of DeepFashion2's data set."""

    num_keypoints = 294
    class_names = ("BG", *(category.name for category in CATEGORIES))


def test_deepfashion2_s_garments_have_maps_of_their_own_category_that_parts_share():
    network = Network(fit(small_config(CSPN_STAGES=1), Garments294))
    graph = network.inference_graph()
    most = max(category.count for category in CATEGORIES)
    assert graph.output["stage1"].shape == (None, most, SIDE, SIDE)
    assert network.layers_by_name()["cspn_stage1_maps"].maps == NUM_GROUPS
    image = np.random.default_rng(0).integers(0, 256, (1, SIDE, SIDE, 3), "uint8")
    found = graph.predict_on_batch({"input_image": np.repeat(image, 3, axis=0),
                                    "input_class_ids": np.array([[1], [10], [7]])})
    # A short sleeve top and a short sleeve dress begin with the same neckline; shorts do not.
    top, dress, shorts = found["stage1"]
    np.testing.assert_allclose(top[:12], dress[:12], atol=1e-5)
    assert not np.allclose(top[:3], shorts[:3])
    counts = [CATEGORIES[category - 1].count for category in (1, 10, 7)]
    assert [int(points.any(axis=1).sum()) for points in found["keypoints1"]] == counts


class Garments8:
    """What `fit` asks of the landmark benchmark."""

    num_keypoints = 8
    class_names = CSPNConfig.CLASS_NAMES


def test_weights_of_deepfashion2_go_on_with_the_benchmark():
    config, there = small_config(), fit(small_config(), Garments294)
    back = fit(there, Garments8)
    assert there.KEYPOINTS_OF_CLASS and there.KEYPOINT_TRAIN_OCCLUDED
    assert back.to_dict() == config.to_dict()
    kept = fit(small_config(KEYPOINT_TRAIN_OCCLUDED=True), Garments8)
    assert kept.KEYPOINT_TRAIN_OCCLUDED, "what was asked for stays"


def test_a_stage_costs_what_the_paper_s_third_and_fourth_do():
    network = Network(CSPNConfig().override({"BACKBONE": "resnet18", "BACKBONE_WIDTH": 0.125}))
    layers = [layer for layer in layer_costs(network.inference_graph())
              if layer.name.startswith("cspn_stage4_")]
    assert 6 < sum(layer.flops for layer in layers) / 1e9 < 8
    assert 6.5 < 4 * sum(layer.parameters for layer in layers) / 1e6 < 8.5
