import keras
import numpy as np
import pytest

from mrcnn.backbone.resnet import resnet
from mrcnn.config import Config
from mrcnn.layers.stage import SharedLayers
from mrcnn.matterport import graphs


def weight_shapes(model):
    return {layer.name: [tuple(w.shape) for w in layer.weights] for layer in model.layers
            if layer.weights}


@pytest.mark.parametrize("stage5", [False, True])
def test_resnet_has_matterports_names_and_stages(stage5):
    image = keras.Input((64, 96, 3))
    stages = graphs.resnet_graph(image, "resnet50", stage5=stage5)
    assert [stage if stage is None else tuple(stage.shape[1:]) for stage in stages] == [
        (16, 24, 64), (16, 24, 256), (8, 12, 512), (4, 6, 1024), (2, 3, 2048) if stage5 else None]
    model = keras.Model(image, [stage for stage in stages if stage is not None])
    names = {layer.name for layer in model.layers}
    assert {"conv1", "bn_conv1", "res2a_branch2a", "bn2a_branch1", "res2c_out",
            "res4f_out"} <= names
    assert ("res5c_out" in names) == stage5 and "res4g_out" not in names
    assert all(layer.train_bn for layer in model.layers if layer.name.startswith("bn"))


def test_blocks_are_those_of_the_network():
    image = keras.Input((64, 64, 3))
    whole = keras.Model(image, resnet(SharedLayers(), image, "resnet50")[0])
    features = keras.Input((16, 16, 64))
    x = graphs.conv_block(features, 3, [64, 64, 256], 2, "a", strides=(1, 1), train_bn=False)
    x = graphs.identity_block(x, 3, [64, 64, 256], 2, "b", train_bn=False)
    x = graphs.identity_block(x, 3, [64, 64, 256], stage=2, block="c", train_bn=False)
    blocks = keras.Model(features, x)
    for name, shapes in weight_shapes(blocks).items():
        layer = whole.get_layer(name)
        assert [tuple(w.shape) for w in layer.weights] == shapes
        blocks.get_layer(name).set_weights(layer.get_weights())
    rest = keras.Model(whole.get_layer("pool1").output, whole.output)
    values = np.random.default_rng(0).normal(size=(2, 16, 16, 64)).astype("float32")
    np.testing.assert_allclose(blocks(values), rest(values), rtol=1e-5, atol=1e-5)


def test_a_block_halves_the_map_and_goes_without_bias():
    features = keras.Input((8, 8, 4))
    out = graphs.conv_block(features, 5, [2, 3, 8], 3, "a", use_bias=False)
    assert out.shape == (None, 4, 4, 8)
    shapes = weight_shapes(keras.Model(features, out))
    assert shapes["res3a_branch2b"] == [(5, 5, 2, 3)]


def test_the_rpn_model_serves_maps_of_any_size():
    model = graphs.build_rpn_model(1, 3, 8)
    assert model.name == "rpn_model"
    assert weight_shapes(model) == {
        "rpn_conv_shared": [(3, 3, 8, 512), (512,)],
        "rpn_class_raw": [(1, 1, 512, 6), (6,)],
        "rpn_bbox_pred": [(1, 1, 512, 12), (12,)],
    }
    level = keras.Input((4, 6, 8))
    assert [x.shape for x in model([level])] == [(None, 72, 2), (None, 72, 2), (None, 72, 4)]
    features = np.random.default_rng(0).normal(size=(2, 2, 3, 8)).astype("float32")
    logits, probs, deltas = model([features])
    assert logits.shape == (2, 18, 2) and deltas.shape == (2, 18, 4)
    np.testing.assert_allclose(np.asarray(probs).sum(axis=-1), np.ones((2, 18)), rtol=1e-5)
    # By row, column, anchor: the last anchors are those of the last cell.
    raw = keras.Model(model.inputs, model.get_layer("rpn_bbox_pred").output)([features])
    np.testing.assert_allclose(deltas[:, -3:], np.asarray(raw)[:, -1, -1].reshape(2, 3, 4))


def test_anchors_at_every_other_cell():
    logits, _, _ = graphs.rpn_graph(keras.Input((4, 6, 8)), 3, 2)
    assert logits.shape == (None, 2 * 3 * 3, 2)


def head_inputs(rois=5, channels=4):
    maps = [keras.Input((side, side, channels)) for side in (16, 8, 4, 2)]
    return keras.Input((rois, 4)), maps, keras.Input((14,), name="input_image_meta")


def test_classifier_head():
    rois, maps, meta = head_inputs()
    outputs = graphs.fpn_classifier_graph(rois, maps, meta, 3, 7, train_bn=False,
                                          fc_layers_size=16)
    assert [x.shape for x in outputs] == [(None, 5, 7), (None, 5, 7), (None, 5, 7, 4)]
    model = keras.Model([rois, *maps], outputs)
    assert weight_shapes(model)["mrcnn_class_conv1"] == [(3, 3, 4, 16), (16,)]
    assert weight_shapes(model)["mrcnn_bbox_fc"] == [(16, 28), (28,)]
    assert {"roi_align_classifier", "mrcnn_class_bn1", "mrcnn_class_logits", "mrcnn_class",
            "mrcnn_bbox", "pool_squeeze"} <= {layer.name for layer in model.layers}
    arrays = [np.random.default_rng(0).uniform(size=(2, *x.shape[1:])).astype("float32")
              for x in model.inputs]
    logits, probs, _ = model(arrays)
    np.testing.assert_allclose(keras.ops.softmax(logits), probs, rtol=1e-5)


def test_mask_head():
    rois, maps, meta = head_inputs()
    masks = graphs.build_fpn_mask_graph(rois, maps, meta, 3, 7, train_bn=False)
    assert masks.shape == (None, 5, 6, 6, 7)
    model = keras.Model([rois, *maps], masks)
    shapes = weight_shapes(model)
    assert shapes["mrcnn_mask_conv4"] == [(3, 3, 256, 256), (256,)]
    assert shapes["mrcnn_mask"] == [(1, 1, 256, 7), (7,)]
    arrays = [np.zeros((1, *x.shape[1:]), "float32") for x in model.inputs]
    np.testing.assert_allclose(model(arrays), np.full((1, 5, 6, 6, 7), 0.5))


def test_heads_need_maps_with_known_sides():
    maps = [keras.Input((None, None, 4)) for _ in range(4)]
    with pytest.raises(ValueError, match="known sides"):
        graphs.fpn_classifier_graph(keras.Input((5, 4)), maps, keras.Input((14,)), 7, 3)


def test_backbone_shapes():
    class Strange(Config):
        BACKBONE = staticmethod(lambda layers, image: None)
        COMPUTE_BACKBONE_SHAPE = staticmethod(lambda shape: np.array([[shape[0] // 4, 1]]))

    shapes = graphs.compute_backbone_shapes(Config(), (1024, 100, 3))
    np.testing.assert_array_equal(shapes, [[256, 25], [128, 13], [64, 7], [32, 4], [16, 2]])
    np.testing.assert_array_equal(graphs.compute_backbone_shapes(Strange(), (64, 64)), [[16, 1]])
