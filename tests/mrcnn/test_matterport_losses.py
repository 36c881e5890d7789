from pathlib import Path

import keras
import numpy as np
import pytest

from mrcnn.matterport import losses

GOLDEN = Path(__file__).parents[1] / "golden" / "losses.npz"


@pytest.fixture(params=["normal", "nopos"])
def case(request):
    with np.load(GOLDEN) as golden:
        prefix = request.param + "/"
        return {name.removeprefix(prefix): golden[name] for name in golden.files
                if name.startswith(prefix)}


def masks(case):
    """Targets, and predictions that hold the golden masks where the loss looks."""
    shape = case["mask_target_shape"]
    targets = np.unpackbits(case["mask_target_bits"])[: np.prod(shape)].reshape(shape)
    predicted = np.full((*shape, 14), 0.5, "float32")
    image, roi = case["mask_pos_index"].T
    own = case["target_class_ids"][image, roi]
    predicted[image, roi, :, :, own] = case["mask_pred_own_class"]
    return targets.astype("float32"), predicted


def calls(case):
    """Arguments of each loss function by name."""
    class_ids = case["target_class_ids"]
    targets, predicted = masks(case)
    return {
        "rpn_class_loss": (case["rpn_match"], case["rpn_class_logits"]),
        "rpn_bbox_loss": (None, case["rpn_target_bbox"], case["rpn_match"], case["rpn_bbox"]),
        "mrcnn_class_loss": (class_ids, case["mrcnn_class_logits"], case["active_class_ids"]),
        "mrcnn_bbox_loss": (case["mrcnn_target_bbox"], class_ids, case["mrcnn_bbox"]),
        "mrcnn_mask_loss": (targets, class_ids, predicted),
    }


def test_losses_are_matterports_on_arrays_and_tensors(case):
    for name, arguments in calls(case).items():
        function = getattr(losses, name + "_graph")
        tensors = [x if x is None else keras.ops.convert_to_tensor(x) for x in arguments]
        for values in (arguments, tensors):
            loss = function(*values)
            assert loss.shape == ()
            np.testing.assert_allclose(loss, case["out_" + name], rtol=1e-6, err_msg=name)


def test_losses_stand_in_functional_graphs(case):
    inputs, arrays, outputs = [], [], {}
    for name, arguments in calls(case).items():
        symbols = [x if x is None else keras.Input(x.shape[1:], dtype=str(x.dtype))
                   for x in arguments]
        outputs[name] = getattr(losses, name + "_graph")(*symbols)
        inputs += [x for x in symbols if x is not None]
        arrays += [x for x in arguments if x is not None]
    found = keras.Model(inputs, outputs)(arrays)
    for name, loss in found.items():
        np.testing.assert_allclose(loss, case["out_" + name], rtol=1e-6, err_msg=name)


def test_the_class_loss_reads_the_first_images_active_classes_only():
    logits = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    class_ids = np.array([[1, 2, 0, 0, 0], [2, 2, 1, 0, 0]], "int32")
    all_active = np.ones((2, 3), "float32")
    loss = losses.mrcnn_class_loss_graph(class_ids, logits, all_active)
    first_only = np.array([[1, 1, 1], [0, 0, 0]], "float32")
    np.testing.assert_array_equal(
        losses.mrcnn_class_loss_graph(class_ids, logits, first_only), loss)
    assert np.isnan(losses.mrcnn_class_loss_graph(class_ids, logits, 0 * all_active))


def test_gradient_of_ignored_rows_is_zero():
    class_ids = np.array([[1, 0]], "int32")
    target = np.ones((1, 2, 4), "float32")
    weight = keras.Variable(np.zeros((1, 2, 3, 4), "float32"))
    gradient = gradient_of(
        lambda value: losses.mrcnn_bbox_loss_graph(target, class_ids, value), weight)
    expected = np.zeros((1, 2, 3, 4))
    expected[0, 0, 1] = -0.25  # one ROI, its own class, mean over four deltas
    np.testing.assert_allclose(gradient, expected)


def gradient_of(function, variable):
    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(function)(variable.value)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = function(variable.value)
    return tape.gradient(loss, variable.value)


def test_smooth_l1_by_hand():
    loss = losses.smooth_l1_loss(np.float32([0, 0, 0, 1]), np.float32([0, 0.5, -3, 2]))
    np.testing.assert_allclose(loss, [0, 0.125, 2.5, 0.5])
