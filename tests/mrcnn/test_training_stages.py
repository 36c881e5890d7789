"""Looking into a training graph by name: what `stages.run_training_graph` gives."""

import keras
import numpy as np
import pytest

from mrcnn import stages
from mrcnn.network import Network
from tests.mrcnn.small_network import SmallConfig, small_batch


@pytest.fixture(scope="module")
def graph():
    keras.utils.set_random_seed(0)
    return Network(SmallConfig()).training_graph()


def test_stages_of_one_draw_fit_together(graph):
    config = SmallConfig()
    batch = small_batch(config)
    found = stages.run_training_graph(graph, batch, [
        "rpn_targets", "sampled_rois", "positive_rois", "mrcnn_box_targets", "mrcnn_mask_loss",
        "ROI"])
    assert set(found["rpn_targets"]) == {"indices", "positive", "valid", "deltas"}
    assert found["ROI"].shape == (2, 40, 4) and found["mrcnn_mask_loss"].shape == (2,)
    sample = found["sampled_rois"]
    assert set(sample) == {"rois", "gt_index", "positive", "valid"}
    prefix = found["positive_rois"]["rois"]
    np.testing.assert_array_equal(sample["rois"][:, :prefix.shape[1]], prefix)
    # The class to learn is that of the object that the region lies on, 0 where it is negative.
    own = np.take_along_axis(batch["gt_class_ids"], sample["gt_index"].astype(int), axis=1)
    np.testing.assert_array_equal(found["mrcnn_box_targets"]["class_ids"],
                                  own * sample["positive"])


def test_a_loss_is_that_of_the_same_draw(graph):
    found = stages.run_training_graph(graph, small_batch(SmallConfig()), [
        "rpn_class_logits", "rpn_targets", "rpn_class_loss"])
    drawn = found["rpn_targets"]
    logits = np.take_along_axis(
        found["rpn_class_logits"], drawn["indices"][..., None].astype(int), axis=1)
    wrong, right = np.where(drawn["positive"][..., None] > 0, logits, logits[..., ::-1]).transpose(
        2, 0, 1)
    costs = np.logaddexp(0, wrong - right) * drawn["valid"]
    np.testing.assert_allclose(found["rpn_class_loss"], costs.sum(1) / drawn["valid"].sum(1),
                               rtol=1e-4)


def test_an_unknown_stage_is_named(graph):
    with pytest.raises(ValueError, match="no layers .'rpn_target'.. There are: .*rpn_targets"):
        stages.run_training_graph(graph, small_batch(SmallConfig()), ["rpn_target"])
