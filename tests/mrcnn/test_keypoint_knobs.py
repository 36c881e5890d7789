"""The keypoint head's configuration in the training graph, and rows with nothing to learn from."""

import keras
import numpy as np
import pytest

from mrcnn.data.loader import Loader
from mrcnn.data.objects import BROKEN_KEYPOINTS, KEYPOINTS_BEYOND
from mrcnn.network import Network
from tests.mrcnn.drawn_dataset import Drawn
from tests.mrcnn.small_network import SmallConfig


class KnobsConfig(SmallConfig):
    HEADS = ("box", "keypoint")
    NUM_CLASSES = 3
    NUM_KEYPOINTS = 3
    IMAGES_PER_GPU = 5
    TRAIN_BN = None
    KEYPOINT_POOL_SIZE = 7
    KEYPOINT_TARGETS = "one_hot"
    KEYPOINT_CANONICAL_SIZE = 100
    KEYPOINT_TRAIN_OCCLUDED = False


class Odd(Drawn):
    """Keypoints to learn from on the first of five photos [120, 100] only."""

    def load_keypoints(self, image_id):
        points = super().load_keypoints(image_id)  # (x, y, 2), (x, y, 1), absent
        if image_id == 1:  # left of the photo, where the square canvas is padded, and below it
            points[:, 0, 0], points[:, 1, 1] = -5, 121
        if image_id == 2:
            points[..., 2] = 0
        if image_id == 3:
            points[..., 0] = np.nan
        if image_id == 4:
            points[..., 2] = np.minimum(points[..., 2], 1)
        return points


@pytest.fixture(scope="module")
def trained():
    """A batch of five rows, what was left out of it, and the training graph."""
    config = KnobsConfig()
    loader = Loader(Odd(images=5), config, 5, shuffle=False, repeat=False)
    [batch] = list(loader)
    return batch, loader.skipped, Network(config).training_graph()


def test_rows_without_keypoints_have_no_loss(trained):
    batch, skipped, graph = trained
    assert dict(skipped) == {KEYPOINTS_BEYOND: 4, BROKEN_KEYPOINTS: 3}
    visibility = [sorted(set(row[..., 2].ravel())) for row in batch["gt_keypoints"]]
    assert visibility == [[0, 1, 2], [0], [0], [0], [0, 1]]
    assert not batch["gt_keypoints"][1:4].any()
    losses = np.array(graph(batch, training=True)["mrcnn_keypoint_loss"])
    assert losses[0] == pytest.approx(np.log(28**2), rel=0.1)  # four times KEYPOINT_POOL_SIZE
    np.testing.assert_array_equal(losses[1:], 0)


def test_one_hot_targets_name_one_cell(trained):
    batch, _, graph = trained
    layer = graph.get_layer("mrcnn_keypoint_targets")
    targets = keras.Model(graph.input, layer.output)(batch, training=True)
    counted, weights = (np.array(x) for x in targets if "float" in str(x.dtype))
    weights = weights[counted > 0]
    assert len(weights) and set(weights.ravel()) == {0, 1} and (weights.sum(axis=-1) == 1).all()


@pytest.mark.parametrize("side, level", [(99, 3), (101, 4)])
def test_windows_pool_from_the_level_of_their_own_canonical_size(trained, side, level):
    layer = trained[2].get_layer("roi_align_keypoint")
    pyramid = [np.full((1, 128 >> i, 128 >> i, 16), i, "float32") for i in (2, 3, 4, 5)]
    window = np.array([[[0, 0, side / 128, side / 128]]], "float32")
    np.testing.assert_allclose(layer(pyramid, window, image_shape=(128, 128)), level)


@pytest.mark.parametrize("own, expected", [(None, 56), (100, 100)])
def test_without_a_canonical_size_of_its_own_it_has_that_of_all_heads(own, expected):
    head = Network(KnobsConfig().override({"KEYPOINT_CANONICAL_SIZE": own})).heads[1]
    assert head.align["canonical_size"] == expected
