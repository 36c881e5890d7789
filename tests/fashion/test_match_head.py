"""The match head: its pairs and losses against plain restatements, and its place in the network."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from fashion import match
from fashion.config import TinyConfig
from fashion.model import MatchRCNN
from mrcnn import weights
from mrcnn.detection import Detector
from mrcnn.network import Network
from tests.mrcnn.small_network import SmallConfig, small_batch

USER, SHOP, UNKNOWN = 1, 2, 0


class SmallMatchConfig(SmallConfig):
    HEADS = ("box", "mask", "keypoint", "match")
    NUM_KEYPOINTS = 12
    KEYPOINTS_OF_CLASS = [(0, 3), (3, 4), (7, 0), (7, 5)]
    TRAIN_BN = None
    MATCH_FEATURES = ("class", "keypoint")
    MATCH_CHANNELS, MATCH_CONVS, MATCH_TOP_CHANNELS = 8, 1, 16
    MATCH_EMBEDDING_SIZE, MATCH_ROIS = 12, 3
    MATCH_LOSS, MATCH_POSITIVE_SHARE, MATCH_CANONICAL_SIZE = "pairs", 0.5, None


def match_batch(config, images=4):
    """User, shop, user, shop; the first objects of 0 and 1 are the same."""
    batch = small_batch(config, images)
    identities = np.zeros(batch["gt_class_ids"].shape, "int32")
    identities[0, 0] = identities[1, 0] = 7
    identities[2, 0] = 8
    return batch | {"gt_identities": identities,
                    "image_domain": np.resize([USER, SHOP], images).astype("int32")}


# ---- pairs, by construction ----

def test_positives_are_the_same_garment_seen_by_user_and_shop():
    identities = np.int32([[5, 6], [5, 0], [5, 5], [0, 6]])
    valid = np.float32([[1, 1], [1, 1], [1, 0], [1, 1]])
    domains = [USER, SHOP, USER, SHOP]
    pairs = {name: ops.convert_to_numpy(x) for name, x in match.pair_targets(
        identities, valid, np.int32(domains)).items()}
    rois = [(image, identities[image, k], valid[image, k])
            for image in range(4) for k in range(2)]
    for (i, (a, id_a, valid_a)), (j, (b, id_b, valid_b)) in itertools.product(
            enumerate(rois), repeat=2):
        compared = bool(valid_a and valid_b) and {domains[a], domains[b]} == {USER, SHOP}
        same = id_a == id_b and id_a > 0
        assert pairs["positive"][i, j] == (compared and same)
        assert pairs["negative"][i, j] == (compared and not same)
    assert pairs["positive"].sum() == 2 * 3


def test_style_0_is_never_positive():
    identities, valid = np.zeros((4, 3), "int32"), np.ones((4, 3), "float32")
    pairs = match.pair_targets(identities, valid, np.int32([USER, SHOP, USER, SHOP]))
    assert not ops.convert_to_numpy(pairs["positive"]).any()
    assert ops.convert_to_numpy(pairs["negative"]).sum() == 2 * 36


def test_photos_of_unknown_domain_are_compared_with_all_others_but_not_with_themselves():
    pairs = match.pair_targets(np.int32([[5, 5], [5, 5], [5, 5]]), np.ones((3, 2), "float32"),
                               np.int32([UNKNOWN, USER, USER]))
    by_image = ops.convert_to_numpy(pairs["positive"]).reshape(3, 2, 3, 2).sum((1, 3))
    assert by_image.tolist() == [[0, 4, 4], [4, 0, 0], [4, 0, 0]]


def chosen(rois, gt_boxes, identities, positive, gt_index=None, count=3):
    head = match.MatchHead(None, {}, ("class",), 7, 8, 1, 8, 4, count, "pairs", 0.5)
    sample = {"rois": np.float32([rois]), "gt_index": np.int32([gt_index or range(len(rois))]),
              "positive": np.float32([positive])}
    truth = {"gt_boxes": np.float32([gt_boxes]), "gt_identities": np.int32([identities])}
    return {name: ops.convert_to_numpy(x)[0] for name, x in head.choose(sample, truth).items()}


def test_rois_stand_for_a_garment_above_an_iou_of_07_paired_ones_first():
    box = [0, 0, 1, 1]
    found = chosen([[0, 0, 1, 0.6], [0, 0, 1, 0.8], [0, 0, 1, 0.9], box, box], [box] * 5,
                   identities=[9, 0, 3, 4, 5], positive=[1, 1, 1, 1, 0])
    assert found["rows"].tolist() == [2, 3, 1]
    assert found["identities"].tolist() == [3, 4, 0] and found["valid"].tolist() == [1, 1, 1]
    few = chosen([[0, 0, 1, 0.6], box], [box] * 2, identities=[9, 1], positive=[1, 1])
    assert few["valid"].tolist() == [1, 0] and few["identities"][0] == 1
    assert few["rois"].tolist() == [box, [0, 0, 0, 0]], "what stands for nothing is padding"


def test_every_garment_has_a_roi_before_one_has_two():
    found = chosen([[0, 0, 1, 0.9], [0, 0, 1, 0.95], [0, 0, 1, 1], [0, 0, 1, 0.97]],
                   [[0, 0, 1, 1]] * 2, identities=[3, 0], positive=[1] * 4,
                   gt_index=[0, 0, 1, 0])
    assert found["rows"].tolist() == [0, 2, 1] and found["identities"].tolist() == [3, 0, 3]


# ---- losses by hand ----

LOGITS = np.float32([[0, 2, -1, 4], [2, 0, 0.5, -3], [-1, 0.5, 0, 1], [4, -3, 1, 0]])
POSITIVE = np.float32([[0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]])
NEGATIVE = np.float32([[0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]])


def test_the_pair_loss_is_a_weighted_cross_entropy():
    def probability(logit):
        return 1 / (1 + np.exp(-logit))

    right = -np.mean(np.log([probability(2), probability(4)]))
    wrong = -np.mean(np.log([1 - probability(-1), 1 - probability(-3)]))
    loss = match.pair_loss(LOGITS, POSITIVE, NEGATIVE, 0.3)
    assert float(loss) == pytest.approx(0.3 * right + 0.7 * wrong, rel=1e-5)


def test_the_contrastive_loss_picks_the_positive_out_of_all_that_are_compared():
    def log_share(logit, *all_logits):
        return logit - np.log(np.exp(all_logits).sum())

    rows = [-(log_share(2, 2, 4, -1) + log_share(4, 2, 4, -1)) / 2,
            -log_share(2, 2, -3), -log_share(4, 4, -3)]
    expected = np.mean(rows) + float(match.pair_loss(LOGITS, POSITIVE, NEGATIVE, 0.5))
    loss = match.contrastive_loss(LOGITS, POSITIVE, NEGATIVE, 0.5)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_metrics_by_hand():
    squares = np.repeat(np.where(POSITIVE > 0, 1.0, 4.0)[..., None], 4, axis=-1)
    numbers = {name: float(x) for name, x in match.pair_metrics(
        LOGITS, np.float32(squares), POSITIVE, NEGATIVE).items()}
    assert numbers == pytest.approx({
        "match_accuracy": 1.0, "match_positive_distance": 2.0, "match_negative_distance": 4.0,
        "match_positives": 2, "match_negatives": 2})


@pytest.mark.parametrize("loss", match.LOSSES)
def test_a_batch_without_pairs_costs_nothing(loss):
    config = SmallMatchConfig().override({"MATCH_LOSS": loss})
    batch = match_batch(config)
    batch["image_domain"][:] = USER
    losses = Network(config).training_graph()(batch, training=True)
    assert not ops.convert_to_numpy(losses["mrcnn_match_loss"]).any()


# ---- in the network ----

def test_the_graph_counts_its_pairs_and_starts_undecided():
    config = SmallMatchConfig()
    losses = {name: ops.convert_to_numpy(x) for name, x in
              Network(config).training_graph()(match_batch(config), training=True).items()}
    assert losses["mrcnn_match_loss"] == pytest.approx(np.log(2), abs=0.2)
    assert all(x.shape == (4,) for x in losses.values())
    assert losses["match_positives"][0] >= 1
    compared = (losses["match_positives"] + losses["match_negatives"])[0]
    assert compared <= 4 * config.MATCH_ROIS**2


@pytest.mark.parametrize("features", [("class",), ("mask",), ("keypoint",), ("class", "mask")])
def test_gradient_reaches_the_features_that_are_used_and_no_box_target(features):
    tf = pytest.importorskip("tensorflow")
    network = Network(SmallMatchConfig().override({"MATCH_FEATURES": features}))
    graph, batch = network.training_graph(), match_batch(SmallMatchConfig())
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(graph(batch, training=True)["mrcnn_match_loss"])
    layers = network.layers_by_name()
    watched = {name: layers[f"mrcnn_{name}_conv1"].kernel for name in ("mask", "keypoint")}
    gradients = tape.gradient(loss, {**{name: kernel.value for name, kernel in watched.items()},
                                     "class": layers["fpn_c2p2"].kernel.value,
                                     "rpn": layers["rpn_bbox_pred"].kernel.value})
    for name, gradient in gradients.items():
        assert (gradient is not None) == (name in features or name == "class"), name


def test_padding_does_not_enter_the_statistics_of_the_vectors():
    network = Network(SmallMatchConfig().override({"MATCH_FEATURES": ("class",)}))
    pyramid = [np.random.default_rng(0).normal(size=(2, side, side, 16)).astype("float32")
               for side in (32, 16, 8, 4)]
    boxes = np.float32([[[0, 0, 0.5, 0.5], [0.1, 0, 0.9, 0.8]], [[0.2, 0.3, 1, 1], [0, 0.5, 1, 1]]])
    padded = np.concatenate([boxes, np.zeros((2, 3, 4), "float32")], axis=1)
    network.layers_by_name()
    head, vectors = network.heads[-1], []
    for rois in (boxes, padded):
        inputs = [keras.Input(x.shape[1:]) for x in (*pyramid, rois)]
        graph = keras.Model(inputs, head.predict(inputs[:4], inputs[4], (128, 128)))
        vectors.append(ops.convert_to_numpy(graph([*pyramid, rois], training=True))[:, :2])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-4)


def test_the_similarity_of_the_network_is_the_formula():
    network = Network(SmallMatchConfig())
    layer = network.layers_by_name()[match.SIMILARITY]
    rng = np.random.default_rng(0)
    layer.set_weights([rng.normal(size=(12, 2)), rng.normal(size=2)])
    u, v = rng.normal(size=(2, 5, 12)).astype("float32")
    probs = ops.convert_to_numpy(ops.softmax(layer((u[:, None] - v[None]) ** 2)))[..., 1]
    similarity = match.similarity_of(network)
    np.testing.assert_allclose(similarity.probabilities(similarity.logits(u, v)), probs, rtol=1e-4)


def test_found_and_given_boxes_have_the_same_vectors():
    config = SmallMatchConfig().override({"KEYPOINT_MAX_INSTANCES": 4})
    keras.utils.set_random_seed(0)
    model = MatchRCNN("inference", config, "unused")
    photos = np.random.default_rng(0).integers(0, 256, (2, 120, 100, 3), "uint8")
    found = list(model.detector.predict(photos))
    assert all(len(raw.boxes_px) > 4 for raw in found)
    assert found[0].embeddings.shape == (len(found[0].boxes_px), 12)
    assert found[0].embeddings[:4].any(axis=1).all() and not found[0].embeddings[4:].any()
    given = list(model.detector.describe(
        (photo, raw.boxes_px[:4], raw.class_ids[:4]) for photo, raw in zip(photos, found,
                                                                          strict=True)))
    for raw, again in zip(found, given, strict=True):
        np.testing.assert_array_equal(again.boxes_px, raw.boxes_px[:4])
        for name in ("embeddings", "mask_probs"):
            expected = getattr(raw, name)[:4]
            np.testing.assert_allclose(
                getattr(again, name), expected, atol=1e-4 * np.abs(expected).max())
        np.testing.assert_allclose(again.keypoints, raw.keypoints[:4], atol=0.02)
    probabilities, first, second = model.match(*photos)
    assert probabilities.shape == (4, 4), "only those that have a vector"
    assert first["rois"].shape == (4, 4) and second["embeddings"].any(axis=1).all()
    with pytest.raises(ValueError, match="only 4 are described"):
        next(model.detector.describe([(photos[0], np.zeros((5, 4)), np.ones(5))]))


def test_what_is_not_wanted_is_not_computed():
    model = MatchRCNN("inference", SmallMatchConfig(), "unused")
    photo = np.random.default_rng(0).integers(0, 256, (120, 100, 3), "uint8")
    detector = Detector(model.network, outputs=("embeddings",))
    [whole], [part] = model.detector.predict([photo]), detector.predict([photo])
    assert part.mask_probs is None and part.keypoints is None and len(part.embeddings)
    np.testing.assert_allclose(part.embeddings, whole.embeddings, rtol=1e-3)
    names = {layer.name for layer in detector.graph((128, 128)).layers}
    assert "mrcnn_keypoint_conv1" in names, "the vectors are made of its features"
    assert not names & {"mrcnn_mask_conv1", "mrcnn_keypoint_deconv"}


def test_photos_without_boxes_are_described_as_empty():
    model = MatchRCNN("inference", SmallMatchConfig(), "unused")
    photo = np.zeros((120, 100, 3), "uint8")
    [raw] = model.detector.describe([(photo, [], [])])
    assert raw.boxes_px.shape == (0, 4) and raw.embeddings.shape == (0, 12)


def test_all_layers_of_the_head_are_saved_and_loaded(tmp_path):
    networks = [Network(SmallMatchConfig()) for _ in range(2)]
    weights.save_weights(networks[0], tmp_path / "w.h5", weights.network_metadata(networks[0]))
    report = weights.load_weights(networks[1], tmp_path / "w.h5")
    assert f"{match.SIMILARITY}/kernel" in report.loaded
    similarities = [match.similarity_of(network) for network in networks]
    np.testing.assert_array_equal(similarities[0].weights, similarities[1].weights)


@pytest.mark.parametrize("knobs, said", [
    ({"MATCH_FEATURES": ("pose",)}, "MATCH_FEATURES are one or two"),
    ({"MATCH_FEATURES": ()}, "one or two"),
    ({"MATCH_LOSS": "triplet"}, "MATCH_LOSS is one of"),
    ({"HEADS": ("box", "match", "keypoint")}, "before 'match'"),
    ({"HEADS": ("box", "matches")}, "HEADS names"),
])
def test_contradictions_are_named(knobs, said):
    config = SmallMatchConfig()
    for name, value in knobs.items():
        setattr(config, name, value)
    with pytest.raises(ValueError, match=said):
        Network(config).training_graph()


def test_the_demo_has_all_five_losses_of_the_paper():
    names = set(Network(TinyConfig()).training_graph().output)
    assert {"mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_keypoint_loss", "mrcnn_mask_loss",
            "mrcnn_match_loss"} <= names <= {*TinyConfig.LOSS_WEIGHTS, *(
                name for name in names if name.startswith("match_"))}
