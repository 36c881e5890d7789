import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.network import Network
from tests.mrcnn.small_network import SmallConfig, small_batch

LOSSES = ["rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss",
          "mrcnn_mask_loss"]


def _losses(graph, batch):
    """Losses as NumPy, the random state put back afterwards."""
    state = [(v, ops.convert_to_numpy(v)) for v in graph.non_trainable_variables]
    result = {name: ops.convert_to_numpy(value) for name, value in graph(batch).items()}
    for variable, value in state:
        variable.assign(value)
    return result


@pytest.fixture(scope="module")
def config():
    return SmallConfig()


@pytest.fixture(scope="module")
def network(config):
    keras.utils.set_random_seed(0)
    return Network(config)


@pytest.fixture(scope="module")
def training(network):
    return network.training_graph()


def test_losses_are_named_per_image_and_finite(training, config):
    losses = _losses(training, small_batch(config, images=3))
    assert list(losses) == LOSSES
    for value in losses.values():
        assert value.shape == (3,) and np.isfinite(value).all()


def test_an_image_does_not_change_the_losses_of_another(training, config):
    batch = small_batch(config)
    before = _losses(training, batch)
    other = small_batch(config, seed=5)
    for name in batch:
        batch[name][1] = other[name][1]
    batch["active_class_ids"][1, 1:3] = 0
    after = _losses(training, batch)
    for name in LOSSES:
        assert before[name][0] == pytest.approx(after[name][0], rel=1e-5), name
        assert before[name][1] != after[name][1]


def test_padding_changes_nothing(config):
    # Given ROIs on the objects: drawing from the proposals would draw anew for another padding.
    narrow = config.override({"ROI_ADD_GROUND_TRUTH": "False", "USE_RPN_ROIS": "False",
                              "POST_NMS_ROIS_TRAINING": "6"})
    networks = [Network(narrow), Network(narrow.override({"MAX_GT_INSTANCES": 7}))]
    graphs = [network.training_graph() for network in networks]
    for name, layer in networks[0].layers_by_name().items():
        networks[1].layers_by_name()[name].set_weights(layer.get_weights())
    batch = small_batch(narrow)
    batch["input_rois"] = np.repeat(batch["gt_boxes"][:, :1], 6, axis=1)
    padded = {
        name: np.concatenate([x, np.zeros((2, 3, *x.shape[2:]), x.dtype)], axis=1)
        if name.startswith("gt_") else x for name, x in batch.items()
    }
    before, after = _losses(graphs[0], batch), _losses(graphs[1], padded)
    for name in LOSSES:
        assert before[name].max() > 0
        np.testing.assert_allclose(before[name], after[name], rtol=1e-5, err_msg=name)


def test_images_without_objects_train_the_background_only(training, config):
    batch = small_batch(config)
    for name in ("gt_class_ids", "gt_boxes", "gt_masks"):
        batch[name][:] = 0
    losses = _losses(training, batch)
    assert (losses["rpn_class_loss"] > 0).all() and (losses["mrcnn_class_loss"] > 0).all()
    for name in ("rpn_bbox_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss"):
        assert (losses[name] == 0).all()


def test_losses_start_at_chance(config):
    keras.utils.set_random_seed(1)
    graph = Network(config.override({"TRAIN_BN": "None"})).training_graph()
    losses = graph(small_batch(config), training=True)
    expected = {"rpn_class_loss": np.log(2), "mrcnn_class_loss": np.log(5),
                "mrcnn_mask_loss": np.log(2)}
    for name, chance in expected.items():
        assert float(ops.mean(losses[name])) == pytest.approx(chance, rel=0.3), name


def test_every_weight_is_shared_between_the_graphs(network, training):
    inference = network.inference_graph()
    assert {id(v) for v in inference.trainable_variables} == {
        id(v) for v in training.trainable_variables}
    assert len(network.layers_by_name()) == len({layer.name for layer in inference.layers
                                                 if layer.weights})


def test_stages_have_matterports_names(network):
    names = {layer.name for layer in network.inference_graph().layers}
    assert {"input_image", "res2b_out", "res5b_out", "fpn_p2", "fpn_p6", "rpn_class", "rpn_bbox",
            "pre_nms_anchors", "refined_anchors", "refined_anchors_clipped", "ROI", "mrcnn_class",
            "mrcnn_bbox", "mrcnn_mask", "mrcnn_detection"} <= names


def test_inference_takes_any_batch_and_any_image_shape(network, config):
    for shape, images in (((128, 128, 3), 1), ((64, 192, 3), 3)):
        graph = network.inference_graph(shape)
        window = np.tile(np.float32([[0, 0, *shape[:2]]]), (images, 1))
        image = np.random.default_rng(0).integers(0, 256, (images, *shape), "uint8")
        found = graph({"input_image": image, "input_window": window})
        detections = ops.convert_to_numpy(found["detections"])
        assert detections.shape == (images, 10, 6)
        assert ops.convert_to_numpy(found["masks"]).shape == (images, 10, 28, 28)
        assert (detections[..., :4] >= 0).all() and (detections[..., :4] <= 1).all()
        assert (np.diff(detections[..., 5], axis=1) <= 0).all()


def test_image_sides_must_be_multiples_of_64(network):
    with pytest.raises(ValueError, match="multiples of 64.*100"):
        network.inference_graph((100, 128, 3))


def test_given_rois_replace_the_proposals(config):
    given = Network(config.override({"USE_RPN_ROIS": "False", "POST_NMS_ROIS_TRAINING": "6"}))
    batch = small_batch(config)
    batch["input_rois"] = np.repeat(batch["gt_boxes"][:, :1], 6, axis=1)
    assert (_losses(given.training_graph(), batch)["mrcnn_bbox_loss"] >= 0).all()


def test_full_size_masks_and_other_channels():
    config = SmallConfig().override(
        {"USE_MINI_MASK": "False", "IMAGE_CHANNEL_COUNT": "1", "MEAN_PIXEL": "[120.0]",
         "HEADS": "('box', 'mask')", "RPN_ALLOWED_BORDER": "0"})
    losses = _losses(Network(config).training_graph(), small_batch(config))
    assert all(np.isfinite(value).all() for value in losses.values())


def test_box_head_alone():
    config = SmallConfig().override({"HEADS": "('box',)"})
    network = Network(config)
    assert "mrcnn_mask_loss" not in network.training_graph().output
    assert list(network.inference_graph().output) == ["detections"]


def test_wrong_settings_are_named(config):
    with pytest.raises(ValueError, match="ROI_ALIGN.*sideways"):
        Network(config.override({"ROI_ALIGN": "sideways"}))
    with pytest.raises(ValueError, match="BACKBONE.*resnet19"):
        Network(config.override({"BACKBONE": "resnet19"})).training_graph()
    with pytest.raises(ValueError, match="HEADS"):
        Network(config.override({"HEADS": "('mask', 'box')"}))


def test_a_backbone_of_ones_own(config):
    def backbone(layers, image):
        x, stages = image, []
        for level in range(1, 6):
            x = layers(keras.layers.Conv2D, 8, 3, strides=2, padding="same", name=f"own{level}")(x)
            stages.append(x)
        return stages[1:]

    own = Network(config.override({"BACKBONE": backbone}))
    assert "own1" in own.layers_by_name()
    fine_first = config.override({"BACKBONE_STRIDES": "[2, 8, 16, 32, 64]", "BACKBONE": backbone})
    with pytest.raises(ValueError, match="BACKBONE_STRIDES.*backbone gives"):
        Network(fine_first).inference_graph()


def _gradients(loss_names, graph, network, batch):
    import tensorflow as tf

    layers = network.layers_by_name()
    kernels = {name: layers[name].kernel.value
               for name in ("rpn_bbox_pred", "rpn_class_raw", "mrcnn_mask", "conv1")}
    with tf.GradientTape() as tape:
        losses = graph(batch)
        total = sum(ops.sum(losses[name]) for name in loss_names)
    return dict(zip(kernels, tape.gradient(total, list(kernels.values())), strict=True))


def test_heads_pass_no_gradient_into_the_rpn(network, training, config):
    batch = small_batch(config)
    gradients = _gradients(LOSSES[2:], training, network, batch)
    assert gradients["rpn_bbox_pred"] is None and gradients["rpn_class_raw"] is None
    assert float(ops.max(ops.abs(gradients["mrcnn_mask"]))) > 0
    assert float(ops.max(ops.abs(gradients["conv1"]))) > 0
    gradients = _gradients(LOSSES[:2], training, network, batch)
    assert gradients["mrcnn_mask"] is None
    assert float(ops.max(ops.abs(gradients["rpn_bbox_pred"]))) > 0


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_keeps_boxes_and_losses_in_float32(config, precision):
    network = Network(config.override({"PRECISION": precision}))
    graph = network.training_graph()
    for name in ("ROI", "rpn_class_logits", "rpn_bbox", "mrcnn_class_scores", "mrcnn_bbox"):
        assert graph.get_layer(name).output.dtype == "float32", name
    assert graph.get_layer("fpn_p2").output.dtype == precision.removeprefix("mixed_")
    losses = _losses(graph, small_batch(config))
    assert all(value.dtype == np.float32 for value in losses.values())


def test_the_corner_convention_builds_and_differs(config, network):
    corners = Network(config.override({"ROI_ALIGN": "corners"}))
    assert corners.convention == "corners" and network.convention == "aligned"
    assert "ROI" in {layer.name for layer in corners.inference_graph().layers}
