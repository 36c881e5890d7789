"""Looking inside by name, as Matterport's notebooks do."""

import keras
import numpy as np
import pytest

from mrcnn import boxes, stages
from mrcnn.data import mold
from mrcnn.mask_rcnn import MaskRCNN
from tests.mrcnn.small_network import SmallConfig


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    keras.utils.set_random_seed(0)
    model = MaskRCNN("inference", SmallConfig(), tmp_path_factory.mktemp("logs"))
    assert model.keras_model  # the notebooks take tensors of this graph; another one is run
    return model


@pytest.fixture(scope="module")
def photo():
    return np.random.default_rng(0).integers(0, 256, (90, 128, 3), np.uint8)


def output(model, name):
    return model.keras_model.get_layer(name).output


def test_the_region_proposals_of_the_notebook(model, photo):
    pillar = output(model, "ROI")
    kept = model.ancestor(pillar, "ROI/rpn_non_max_suppression:0")
    assert kept is model.ancestor(pillar, "ROI/rpn_non_max_suppression/NonMaxSuppressionV3:0")
    names = ("pre_nms_anchors", "refined_anchors", "refined_anchors_clipped")
    rpn = model.run_graph([photo], [
        ("rpn_class", output(model, "rpn_class")),
        *((name, model.ancestor(pillar, f"ROI/{name}:0")) for name in names),
        ("post_nms_anchor_ix", kept),
        ("proposals", pillar),
    ])
    best = np.argsort(-rpn["rpn_class"][0, :, 1], kind="stable")[:200]
    anchors = boxes.normalise(model.anchors[best], (128, 128))
    np.testing.assert_allclose(rpn["pre_nms_anchors"][0], anchors, atol=1e-6)
    clipped = np.clip(rpn["refined_anchors"], 0, 1)
    np.testing.assert_allclose(rpn["refined_anchors_clipped"], clipped, atol=1e-6)
    indices = rpn["post_nms_anchor_ix"]
    assert indices.ndim == 1 and 0 < len(indices) <= 30 and indices.min() >= 0
    np.testing.assert_array_equal(rpn["proposals"][0, :len(indices)], clipped[0, indices])
    assert not rpn["proposals"][0, len(indices):].any()


def test_heads_give_what_their_old_names_promise(model, photo):
    names = ("input_image", "res2b_out", "mrcnn_class", "mrcnn_class_logits", "mrcnn_bbox",
             "mrcnn_mask", "mrcnn_detection")
    found = model.run_graph([photo], [(name, output(model, name)) for name in names])
    shapes = {name: array.shape for name, array in found.items()}
    assert shapes == {
        "input_image": (1, 128, 128, 3), "res2b_out": (1, 32, 32, 16), "mrcnn_class": (1, 30, 5),
        "mrcnn_class_logits": (1, 30, 5), "mrcnn_bbox": (1, 30, 5, 4),
        "mrcnn_mask": (1, 10, 28, 28, 5), "mrcnn_detection": (1, 10, 6)}
    molded, _, [window] = model.mold_inputs([photo])
    np.testing.assert_allclose(found["input_image"], molded, atol=1e-4)
    np.testing.assert_allclose(found["mrcnn_class"].sum(-1), 1, atol=1e-5)
    [raw] = model.detector.predict([photo])
    class_ids = found["mrcnn_detection"][0, :, 4].astype(int)
    masks = found["mrcnn_mask"][0, np.arange(10), :, :, class_ids][class_ids > 0]
    np.testing.assert_allclose(masks, raw.mask_probs, atol=1e-2)  # compiled, logits up to 100
    plan = mold.plan_for(model.config, photo.shape)
    assert plan.window == tuple(window)


def test_any_molded_shape_and_images_that_are_molded_already(model):
    molded = np.random.default_rng(1).normal(0, 60, (2, 64, 192, 3))
    meta = np.zeros((2, model.config.IMAGE_META_SIZE))
    meta[:, 7:11] = [(0, 0, 64, 192), (0, 0, 64, 100)]
    found = model.run_graph(molded, ["input_image", "mrcnn_detection"], meta)
    np.testing.assert_allclose(found["input_image"], molded, rtol=1e-6)
    detections = found["mrcnn_detection"]
    assert (detections[0, :, 3] > 100 / 192).any() and (detections[1, :, 3] <= 100 / 192).all()
    normalised = model.get_anchors((64, 192, 3))
    np.testing.assert_allclose(boxes.denormalise(normalised, (64, 192)), model.anchors, atol=1e-4)


def test_the_graph_as_it_was_is_not_disturbed(model, photo):
    before = model.detect([photo])[0]["boxes"]
    tensor = output(model, "ROI")
    model.run_graph([photo], ["ROI", ("again", tensor)])
    assert list(model.run_graph([photo], ["input_image"])) == ["input_image"]
    assert output(model, "ROI") is tensor
    np.testing.assert_array_equal(model.detect([photo])[0]["boxes"], before)


def test_ancestors_lie_upstream(model):
    roi = output(model, "ROI")
    assert model.ancestor(roi, "mrcnn_class") is None and model.ancestor(roi, "ROI") is None
    assert model.ancestor(output(model, "mrcnn_detection"), "ROI:0") is roi
    assert model.ancestor(roi, "fpn_p2").shape == (None, 32, 32, 16)


def test_unknown_stages_are_named(model, photo):
    with pytest.raises(ValueError, match=r"no stages \['roi'\]. There are: .*ROI"):
        model.run_graph([photo], ["roi"])
    with pytest.raises(ValueError, match="'kept' is None"):
        model.run_graph([photo], [("kept", model.ancestor(output(model, "ROI"), "nothing:0"))])


def test_log_aligns_its_columns(capsys):
    stages.log("text")
    stages.log("image", np.array([[0, 255]], np.uint8))
    stages.log("mask", np.zeros((2, 0), bool))
    assert capsys.readouterr().out.splitlines() == [
        "text",
        "image                    shape: (1, 2)                min:    0.00000  max:  255.00000"
        "  uint8",
        "mask                     shape: (2, 0)                min:             max:           "
        "  bool",
    ]
