from pathlib import Path

import keras
import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.matterport import layers, sampled_targets, tensors
from tests.mrcnn.layer_harness import check_layer

GOLDEN = Path(__file__).parents[1] / "golden" / "matterport_layers.npz"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as arrays:
        return dict(arrays)


def bits(golden, name):
    shape = golden[name + "_shape"]
    return np.unpackbits(golden[name + "_bits"])[: np.prod(shape)].reshape(shape)


# ---- proposals ----


def proposal_inputs(golden, degenerate=False):
    deltas = golden["proposal_deltas"].copy()
    if degenerate:  # one good anchor of each image moves out above it
        deltas[[0, 1], golden["degen_proposal_index"], 0] = -40
    anchors = np.stack([golden["proposal_anchors"]] * 2)
    return [golden["proposal_rpn_probs"], deltas, anchors]


@pytest.mark.parametrize("count, threshold, expected", [
    (1000, 0.7, "proposal_out_1000_70"),
    (100, 0.7, "proposal_out_100_70"),
    (2000, 0.5, "proposal_out_2000_50"),
    (1000, 0.5, "degen_proposal_out_1000_50"),
])
def test_proposals_are_matterports(golden, count, threshold, expected):
    inputs = proposal_inputs(golden, degenerate=expected.startswith("degen"))
    proposals = layers.ProposalLayer(count, threshold, Config())(inputs)
    np.testing.assert_allclose(proposals, golden[expected], atol=1e-6)


def test_proposal_layer(golden):
    inputs = [values[:, :300] for values in proposal_inputs(golden)]
    config = Config().override({"PRE_NMS_LIMIT": 200})
    found = check_layer(lambda: layers.ProposalLayer(50, 0.7, config, name="ROI"), inputs)
    assert found.shape == (2, 50, 4)


# ---- pooling ----


def pooling_inputs(golden, boxes=slice(None)):
    maps = [golden[f"roialign_p{level}"] for level in (2, 3, 4, 5)]
    return [golden["roialign_boxes"][:, boxes], golden["detection_meta"], *maps]


@pytest.mark.parametrize("size, boxes", [(7, slice(None)), (14, slice(None, None, 2))])
def test_pooling_is_matterports(golden, size, boxes):
    windows = layers.PyramidROIAlign([size, size])(pooling_inputs(golden, boxes))
    rois = golden["roialign_boxes"][:, boxes]
    # The last sample of a box that ends on the last pixel lies on the map's edge, and a rounding
    # decides on which side. TensorFlow's kernel rounds as it did.
    compared = rois.max(axis=-1) < (np.inf if keras.backend.backend() == "tensorflow" else 1)
    assert compared.sum() > 20
    expected = golden[f"roialign_out{size}"]
    np.testing.assert_allclose(
        np.asarray(windows)[compared], expected[compared], atol=1e-4)


def test_pooling_layer(golden):
    inputs = pooling_inputs(golden, slice(0, 6))
    check_layer(lambda: layers.PyramidROIAlign([3, 3]), inputs, tolerance=1e-4)


def test_the_pooling_level_follows_the_image_meta():
    """The same box is four times as large in an image of four times the side."""
    maps = [np.full((1, 8, 8, 1), level, "float32") for level in (2, 3, 4, 5)]
    boxes = np.float32([[[0, 0, 0.5, 0.5], [0, 0, 0, 0]]])
    for side, level in ((256, 3), (1024, 5)):
        meta = np.zeros((1, 14), "float32")
        meta[0, 4:7] = side, side, 3
        windows = np.asarray(layers.PyramidROIAlign((1, 1))([boxes, meta, *maps]))
        np.testing.assert_array_equal(windows.ravel(), [level, 2])


def test_pooling_wants_squares():
    with pytest.raises(ValueError, match="square"):
        layers.PyramidROIAlign([7, 14])


# ---- detections ----


class AllScores(Config):
    DETECTION_MIN_CONFIDENCE = 0


class HalfScores(Config):
    DETECTION_MIN_CONFIDENCE = 0.5


def detection_inputs(golden, prefix=""):
    return [golden["detection_rois"], golden[prefix + "detection_probs"],
            golden["detection_deltas"], golden["detection_meta"]]


@pytest.mark.parametrize("prefix", ["", "degen_"])
@pytest.mark.parametrize("config, suffix", [(HalfScores, "50"), (AllScores, "0")])
def test_detections_are_matterports(golden, config, suffix, prefix):
    found = layers.DetectionLayer(config())(detection_inputs(golden, prefix))
    expected = golden[f"{prefix}detection_out_{suffix}"]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_detection_layer(golden):
    config = HalfScores().override({"DETECTION_MAX_INSTANCES": 20})
    found = check_layer(lambda: layers.DetectionLayer(config), detection_inputs(golden))
    assert found.shape == (2, 20, 6)


def test_detections_of_one_image(golden):
    rois, probs, deltas, meta = detection_inputs(golden)
    window = tensors.norm_boxes_graph(meta[1, 7:11], meta[1, 4:6])
    found = layers.refine_detections_graph(rois[1], probs[1], deltas[1], window, HalfScores())
    np.testing.assert_allclose(found, golden["detection_out_50"][1], atol=1e-6)


def test_equal_scores_come_in_the_order_of_the_rois():
    corners = np.float32([0.6, 0.3, 0.0])
    rois = np.stack([corners, corners, corners + 0.2, corners + 0.2], axis=-1)
    probs = np.float32([[0, 0, 1], [0, 1, 0], [0, 0, 1]])
    deltas, window = np.zeros((3, 3, 4), "float32"), np.float32([0, 0, 1, 1])
    found = np.asarray(layers.refine_detections_graph(rois, probs, deltas, window, Config()))
    np.testing.assert_array_equal(found[:4, 4], [2, 1, 2, 0])
    np.testing.assert_allclose(found[:3, 0], corners, atol=1e-7)


# ---- targets ----


def target_inputs(golden):
    masks = np.zeros((2, 56, 56, 100), bool)
    own = bits(golden, "dt_gt_masks")
    masks[..., : own.shape[-1]] = own
    return [golden["dt_proposals"], golden["dt_gt_class_ids"], golden["dt_gt_boxes_norm"], masks]


def check_targets(golden, image, targets):
    """Counts as Matterport's, and equal targets for each ROI that both drew."""
    rois, class_ids, deltas, masks = (np.asarray(values) for values in targets)
    drawn = np.abs(golden["dt_rois"][image]).sum(axis=1) > 0
    assert (np.abs(rois).sum(axis=1) > 0).sum() == drawn.sum()
    positive = golden["dt_class_ids"][image] > 0
    np.testing.assert_array_equal(class_ids > 0, positive)  # a prefix of the same length
    expected_masks = bits(golden, "dt_masks")[image]
    row_of = {tuple(roi): row for row, roi in enumerate(golden["dt_rois"][image])}
    both = [row for row in np.flatnonzero(positive) if tuple(rois[row]) in row_of]
    assert len(both) > 20
    for row in both:
        expected = row_of[tuple(rois[row])]
        assert class_ids[row] == golden["dt_class_ids"][image][expected]
        np.testing.assert_allclose(deltas[row], golden["dt_deltas"][image][expected], atol=1e-6)
        assert (masks[row] != expected_masks[expected]).mean() < 2e-3
    assert not deltas[~positive].any() and not masks[~positive].any()
    proposals = {tuple(roi) for roi in golden["dt_proposals"][image]}
    assert all(tuple(roi) in proposals for roi in rois[: drawn.sum()])


def test_targets_are_matterports(golden):
    targets = sampled_targets.DetectionTargetLayer(Config())(target_inputs(golden))
    assert [values.shape for values in targets] == [
        (2, 200, 4), (2, 200), (2, 200, 4), (2, 200, 28, 28)]
    for image in range(2):
        check_targets(golden, image, [values[image] for values in targets])


def test_targets_of_one_image(golden):
    image = [values[1] for values in target_inputs(golden)]
    check_targets(golden, 1, sampled_targets.detection_targets_graph(*image, Config()))


def test_target_layer(golden):
    layer = sampled_targets.DetectionTargetLayer(Config(), name="proposal_targets")
    copy = sampled_targets.DetectionTargetLayer.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    inputs = target_inputs(golden)
    symbols = [keras.Input(values.shape[1:], dtype=str(values.dtype)) for values in inputs]
    model = keras.Model(symbols, copy(symbols))
    assert [x.shape for x in model.outputs] == [
        (None, 200, 4), (None, 200), (None, 200, 4), (None, 200, 28, 28)]
    for image, targets in enumerate(zip(*model.predict_on_batch(inputs), strict=True)):
        check_targets(golden, image, targets)


class FewRois(Config):
    TRAIN_ROIS_PER_IMAGE = 12
    USE_MINI_MASK = False


def targets_of(proposals, gt_class_ids, gt_boxes):
    masks = np.ones((32, 32, len(gt_boxes)), bool)
    arrays = np.float32(proposals), np.int32(gt_class_ids), np.float32(gt_boxes), masks
    targets = sampled_targets.detection_targets_graph(*arrays, FewRois())
    return [np.asarray(values) for values in targets]


def test_without_positives_no_roi_is_drawn():
    rois, class_ids, _, _ = targets_of([[0.6, 0.6, 0.9, 0.9]] * 5, [1], [[0, 0, 0.4, 0.4]])
    assert not rois.any() and not class_ids.any()


def test_negatives_keep_the_ratio_and_shun_crowds():
    box, crowd, elsewhere = [0, 0, 0.4, 0.4], [0.5, 0.5, 1, 1], [0.1, 0.6, 0.3, 0.9]
    sliver, padding = [0.2, 1, 0.4, 1], [0, 0, 0, 0]
    proposals = [crowd] * 4 + [box, elsewhere, padding, sliver]
    rois, class_ids, deltas, masks = targets_of(proposals, [3, -1, 0], [box, crowd, padding])
    np.testing.assert_array_equal(class_ids, [3] + [0] * 11)
    # One positive at a ratio of 0.33 allows two negatives: a box without area is one.
    assert {tuple(roi) for roi in rois[1:3]} == {
        tuple(np.float32(elsewhere)), tuple(np.float32(sliver))}
    assert not rois[3:].any() and not deltas.any()
    assert masks.sum() == 28 * 28


# ---- small functions ----


def test_boxes_to_pixels_and_back():
    boxes_px, shape = np.float32([[0, 0, 101, 51], [10, 5, 20, 9]]), np.array([101, 51])
    boxes = tensors.norm_boxes_graph(boxes_px, shape)
    np.testing.assert_allclose(boxes, [[0, 0, 1, 1], [0.1, 0.1, 0.19, 0.16]], atol=1e-6)
    whole = tensors.denorm_boxes_graph(np.asarray(boxes) + 0.001, (101, 51))
    np.testing.assert_array_equal(whole, boxes_px)
    assert keras.backend.standardize_dtype(whole.dtype) == "int32"


def test_deltas_have_no_bound():
    box, deltas = np.float32([[0, 0, 2, 4]]), np.float32([[0.5, 0.25, np.log(100), 0]])
    moved = tensors.apply_box_deltas_graph(box, deltas)
    np.testing.assert_allclose(moved, [[-98, 1, 102, 5]], rtol=1e-5)


def test_clip_and_overlaps():
    boxes = np.float32([[-1, 0, 2, 2], [0, 0, 1, 2], [3, 3, 3, 3]])
    clipped = tensors.clip_boxes_graph(boxes, np.float32([0, 0, 2, 1]))
    np.testing.assert_array_equal(clipped, [[0, 0, 2, 1], [0, 0, 1, 1], [2, 1, 2, 1]])
    overlaps = tensors.overlaps_graph(boxes[1:], boxes)
    np.testing.assert_allclose(overlaps, [[1 / 3, 1, 0], [0, 0, 0]])


def test_padding():
    rows = np.float32([[0, 0, 1, 1], [0, 0, 0, 0], [-1, 1, 0, 0]])
    trimmed, kept = tensors.trim_zeros_graph(rows)
    np.testing.assert_array_equal(trimmed, rows[[0, 2]])
    np.testing.assert_array_equal(kept, [True, False, True])
    packed = tensors.batch_pack_graph(np.arange(12).reshape(3, 4), np.array([2, 0, 3]), 3)
    np.testing.assert_array_equal(packed, [0, 1, 8, 9, 10])


def test_logarithm():
    np.testing.assert_allclose(tensors.log2_graph(np.float32([1, 8])), [0, 3], rtol=1e-6)


def test_image_meta_of_arrays_and_symbols(golden):
    meta = golden["detection_meta"]
    parts = tensors.parse_image_meta_graph(meta)
    model_input = keras.Input(meta.shape[1:])
    model = keras.Model(model_input, tensors.parse_image_meta_graph(model_input))
    for found in (parts, model(meta)):
        np.testing.assert_array_equal(found["window"], [[28, 0, 228, 256], [0, 48, 256, 208]])
        np.testing.assert_array_equal(found["original_image_shape"], meta[:, 1:4])
        np.testing.assert_array_equal(found["image_shape"], [[256, 256, 3]] * 2)
        assert found["active_class_ids"].shape == (2, 14)
        assert found["image_id"].shape == found["scale"].shape == (2,)


def test_functions_stand_in_functional_graphs():
    boxes, other = keras.Input((4,)), keras.Input((4,))
    outputs = [
        tensors.overlaps_graph(boxes, other),
        tensors.clip_boxes_graph(boxes=boxes, window=np.float32([0, 0, 1, 1])),
    ]
    a, b = np.float32([[0, 0, 2, 2]]), np.float32([[1, 0, 3, 2]])
    overlaps, clipped = keras.Model([boxes, other], outputs)([a, b])
    np.testing.assert_allclose(overlaps, [[1 / 3]], rtol=1e-6)
    np.testing.assert_array_equal(clipped, [[0, 0, 1, 1]])


def test_old_batch_norm_is_called_with_training():
    x = np.float32([[1.0], [3.0]])
    layer = BatchNorm(name="bn", epsilon=0)
    np.testing.assert_allclose(layer(x, training=False), x)
    np.testing.assert_allclose(layer(x, training=True), [[-1], [1]], rtol=1e-6)
