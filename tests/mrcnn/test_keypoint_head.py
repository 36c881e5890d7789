"""The keypoint head: its loss and its points against references that share no code with it."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn import keypoints, weights
from mrcnn.heads.keypoint import KeypointHead
from mrcnn.layers.keypoint_maps import KeypointMaps
from mrcnn.layers.stage import SharedLayers
from mrcnn.network import Network
from tests.mrcnn.layer_harness import check_layer
from tests.mrcnn.small_network import SmallConfig, small_batch

RANGES = [(0, 3), (3, 4), (7, 0), (7, 5)]  # of four classes; the third has none
SIZE, MARGIN = 16, 0.1


class KeypointConfig(SmallConfig):
    HEADS = ("box", "mask", "keypoint")
    NUM_KEYPOINTS = 12
    KEYPOINTS_OF_CLASS = RANGES


def head_with(**changed):
    arguments = {
        "align": {"convention": "aligned"}, "of_classes": keypoints.of_classes(RANGES, 5, 12),
        "groups": None, "pool_size": SIZE // 4, "channels": 8, "convolutions": 1,
        "train_bn": None, "margin": MARGIN, "targets": "bilinear", "train_occluded": True,
    }
    return KeypointHead(SharedLayers(), **(arguments | changed))


# ---- a reference in plain Python ----

def reference_loss(maps, rois, positive, gt_index, class_ids, points, least_v=1):
    """Mean cross-entropy of one image. maps [P, M, S, S]; points [G, K, 3] normalised."""
    losses = []
    for p in range(len(rois)):
        if not positive[p]:
            continue
        first, count = RANGES[class_ids[gt_index[p]] - 1]
        y1, x1, y2, x2 = rois[p]
        height, width = y2 - y1, x2 - x1
        for m in range(count):
            x, y, v = points[gt_index[p], first + m]
            column = (x - (x1 - MARGIN * width)) / (width * (1 + 2 * MARGIN)) * SIZE
            row = (y - (y1 - MARGIN * height)) / (height * (1 + 2 * MARGIN)) * SIZE
            if v < least_v or not (0 <= column <= SIZE and 0 <= row <= SIZE):
                continue
            log_probs = maps[p, m] - np.log(np.exp(maps[p, m].astype("float64")).sum())
            loss = 0
            for r in range(SIZE):
                for c in range(SIZE):
                    weight = max(0, 1 - abs(r + 0.5 - row)) * max(0, 1 - abs(c + 0.5 - column))
                    loss -= weight * log_probs[r, c]
            losses.append(loss)
    return np.mean(losses) if losses else 0.0


def random_sample(seed=0, images=2, positives=5, objects=3):
    """A sample of ROIs around objects with keypoints, as the training graph has them."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 0.5, (images, objects, 2))
    gt_boxes = np.concatenate([low, low + rng.uniform(0.2, 0.5, low.shape)], axis=2)
    index = rng.integers(0, objects, (images, positives))
    rois = np.take_along_axis(gt_boxes, index[..., None], 1)
    rois = rois + rng.uniform(-0.05, 0.05, rois.shape)
    places = rng.uniform(0.1, 0.9, (images, objects, 12, 2))
    low, high = gt_boxes[:, :, None, 1::-1], gt_boxes[:, :, None, :1:-1]
    points = low + places * (high - low)
    visibility = rng.integers(0, 3, (images, objects, 12, 1))
    sample = {"rois": rois, "gt_index": index,
              "positive": (np.arange(positives) < [[5], [3]]).astype("float32")}
    truth = {"gt_class_ids": np.array([[1, 2, 4], [4, 3, 1]]),
             "gt_keypoints": np.concatenate([points, visibility], axis=-1)}
    as_float = {"rois", "gt_keypoints", "positive"}
    return tuple({name: x.astype("float32" if name in as_float else "int32")
                  for name, x in part.items()} for part in (sample, truth))


def loss_of(head, maps, sample, truth):
    """The head's loss [B] where its last layer gives these maps."""
    head._maps = lambda features, class_ids: ops.convert_to_tensor(maps)
    targets = head.targets(sample, truth)
    return ops.convert_to_numpy(head.losses(None, targets, sample)["mrcnn_keypoint_loss"])


@pytest.mark.parametrize("train_occluded", [True, False])
def test_the_loss_is_that_of_the_reference(train_occluded):
    sample, truth = random_sample()
    maps = np.random.default_rng(1).normal(0, 2, (2, 5, 5, SIZE, SIZE)).astype("float32")
    losses = loss_of(head_with(train_occluded=train_occluded), maps, sample, truth)
    expected = [
        reference_loss(maps[i], sample["rois"][i], sample["positive"][i], sample["gt_index"][i],
                       truth["gt_class_ids"][i], truth["gt_keypoints"][i],
                       1 if train_occluded else 2)
        for i in range(2)]
    np.testing.assert_allclose(losses, expected, rtol=1e-4)


def test_nothing_to_learn_from_is_no_loss():
    sample, truth = random_sample()
    maps = np.random.default_rng(1).normal(0, 2, (2, 5, 5, SIZE, SIZE)).astype("float32")
    absent = truth | {"gt_keypoints": truth["gt_keypoints"] * [1, 1, 0]}
    outside = truth | {"gt_keypoints": truth["gt_keypoints"] + [3, 0, 0]}
    without_class = truth | {"gt_class_ids": np.full((2, 3), 3)}
    no_positives = sample | {"positive": np.zeros_like(sample["positive"])}
    for case in ((sample, absent), (sample, outside), (sample, without_class),
                 (no_positives, truth)):
        np.testing.assert_array_equal(loss_of(head_with(), maps, *case), [0, 0])


def test_a_map_at_its_target_decodes_to_the_point():
    head = head_with()
    sample, truth = random_sample()
    targets = {name: ops.convert_to_numpy(x) for name, x in head.targets(sample, truth).items()}
    maps = np.zeros((2, 5, 5, SIZE * SIZE))
    for place in np.ndindex(2, 5, 5):
        np.add.at(maps[place], targets["cells"][place], targets["weights"][place])
    maps = np.log(np.maximum(maps, 1e-9)).reshape(2, 5, 5, SIZE, SIZE).astype("float32")
    head._maps = lambda features, class_ids: ops.convert_to_tensor(maps)
    class_ids = np.take_along_axis(truth["gt_class_ids"], sample["gt_index"], 1)
    detections = np.concatenate(
        [sample["rois"], class_ids[..., None], np.ones((2, 5, 1))], -1).astype("float32")
    decoded = ops.convert_to_numpy(head.decode(None, detections)["keypoints"])
    compared = 0
    for i, p, m in np.argwhere(targets["counted"] > 0):
        first, _ = RANGES[class_ids[i, p] - 1]
        point = truth["gt_keypoints"][i, sample["gt_index"][i, p], first + m]
        side = np.ptp(sample["rois"][i, p].reshape(2, 2), axis=0).max() * 1.2 / SIZE
        assert np.abs(decoded[i, p, m, :2] - point[:2]).max() < 0.05 * side
        compared += 1
    assert compared > 15
    assert not decoded[class_ids == 3].any(), "a class without keypoints has none"


def test_selected_maps_are_those_of_the_whole_deconvolution():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2, 3, 4, 5, 6)).astype("float32")
    channels = rng.integers(0, 9, (2, 3, 4)).astype("int32")
    layer = KeypointMaps(9)
    own = ops.convert_to_numpy(layer(features, channels))
    whole = keras.layers.Conv2DTranspose(9, 2, strides=2, use_bias=False)
    whole.build((None, 4, 5, 6))
    whole.kernel.assign(layer.kernel)
    maps = ops.convert_to_numpy(whole(features.reshape(6, 4, 5, 6))).reshape(2, 3, 8, 10, 9)
    for place in np.ndindex(2, 3, 4):
        np.testing.assert_allclose(
            own[place], maps[(*place[:2], ..., channels[place])], atol=1e-5)


def test_keypoint_maps_in_the_harness():
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(2, 2, 9, 6)).astype("float32")

    def factory():
        layer = KeypointMaps(9)
        layer.build((None, 3, 4, 5, 6), (None, 3, 2))
        layer.kernel.assign(kernel)
        return layer

    check_layer(factory, (rng.normal(size=(2, 3, 4, 5, 6)).astype("float32"),
                          rng.integers(0, 9, (2, 3, 2)).astype("int32")))


# ---- in the network ----

def test_losses_start_near_the_logarithm_of_the_cells():
    config = KeypointConfig().override({"TRAIN_BN": "none"})
    losses = Network(config).training_graph()(small_batch(config), training=True)
    np.testing.assert_allclose(losses["mrcnn_keypoint_loss"], np.log(56**2), rtol=0.1)


def test_only_keypoints_of_the_own_class_reach_the_weights():
    """Class 1 has the keypoints 0 to 2: their maps get gradients, the others none."""
    tf = pytest.importorskip("tensorflow")
    config = KeypointConfig().override({"TRAIN_BN": "none"})
    network = Network(config)
    graph, batch = network.training_graph(), small_batch(config)
    batch["gt_class_ids"] = np.minimum(batch["gt_class_ids"], 1)
    kernel = network.layers_by_name()["mrcnn_keypoint"].kernel
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(graph(batch, training=True)["mrcnn_keypoint_loss"])
    gradient = ops.convert_to_numpy(tape.gradient(loss, kernel.value))
    assert np.abs(gradient[:, :, :3]).max(axis=(0, 1, 3)).min() > 0
    assert not gradient[:, :, 3:].any()


def test_shared_maps_make_a_smaller_kernel():
    config = KeypointConfig().override({"LANDMARK_GROUPS": [0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4]})
    network = Network(config)
    assert network.layers_by_name()["mrcnn_keypoint"].kernel.shape == (2, 2, 5, 16)


def test_seventeen_keypoints_of_a_person():
    """COCO's persons: one class that has them all."""
    config = type("Person", (SmallConfig,), {
        "HEADS": ("box", "keypoint"), "NUM_CLASSES": 2, "NUM_KEYPOINTS": 17,
        "KEYPOINT_MAX_INSTANCES": 4})()
    graph = Network(config).inference_graph()
    found = graph({"input_image": np.zeros((1, 128, 128, 3), "uint8"),
                   "input_window": np.array([[0, 0, 128, 128]], "float32")})
    assert found["keypoints"].shape == (1, 4, 17, 3)


@pytest.mark.parametrize("knobs, said", [
    ({"NUM_KEYPOINTS": 0}, "NUM_KEYPOINTS"),
    ({"KEYPOINTS_OF_CLASS": [(0, 3)]}, "for each of 4 classes"),
    ({"KEYPOINTS_OF_CLASS": [(0, 3), (3, 4), (7, 0), (7, 6)]}, "within them"),
    ({"LANDMARK_GROUPS": [0, 1]}, "LANDMARK_GROUPS"),
])
def test_contradictions_are_named(knobs, said):
    with pytest.raises(ValueError, match=said):
        Network(KeypointConfig().override(knobs))


def test_shared_maps_are_taken_apart_to_go_on_with_each_by_itself(tmp_path):
    """Aggregation, then fine-tuning: every keypoint starts from the map that it shared."""
    groups = [0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4]
    shared = Network(KeypointConfig().override({"LANDMARK_GROUPS": groups}))
    weights.save_weights(shared, tmp_path / "shared.h5", weights.network_metadata(shared))
    own = Network(KeypointConfig())
    report = weights.load_weights(own, tmp_path / "shared.h5")
    assert "mrcnn_keypoint/kernel" in report.loaded
    kernels = [ops.convert_to_numpy(network.layers_by_name()["mrcnn_keypoint"].kernel)
               for network in (own, shared)]
    np.testing.assert_array_equal(kernels[0], kernels[1][:, :, groups])
