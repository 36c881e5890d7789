"""What the notebooks compute, by hand where it can be; that they run is in test_notebooks."""

from types import SimpleNamespace

import numpy as np
import pytest

from fashion.categories import CATEGORIES
from fashion.commands.models import SAMPLE_WEIGHTS
from fashion.cspn.model import CSPN
from fashion.looking import (
    benchmark,
    data,
    garments,
    landmarks,
    model,
    start,
    targets,
    training,
    weights,
)
from fashion.retrieval.garments import Garments
from fashion.retrieval.similarity import Similarity
from mrcnn import boxes, heatmaps, masks
from mrcnn.config import Config
from tests.fashion.small_cspn import small_config


def test_the_overlap_is_that_of_the_two_boxes_that_share_most():
    some = np.array([[0, 0, 10, 10], [0, 5, 10, 25], [2, 6, 6, 10], [50, 50, 60, 60]], float)
    assert data.overlap(some) == (1.0, (0, 2))  # the small box lies within both; first come
    assert data.overlap(some[:2]) == (0.5, (0, 1))
    assert data.overlap(some[[0, 3]]) == (0.0, None)
    assert data.overlap(some[:1]) == (0.0, None)


def test_a_frame_brings_a_window_to_a_picture():
    matrix = data.frame((10, 20, 30, 60), 200)  # y1, x1, y2, x2
    np.testing.assert_allclose(matrix @ (20, 10, 1), (0, 0))
    np.testing.assert_allclose(matrix @ (60, 30, 1), (200, 200))
    assert data.square_around((10, 20, 30, 60), margin=0.25) == (-10, 10, 50, 70)


def test_landmarks_that_a_mirror_exchanges_lie_on_two_sides_of_every_pattern():
    for category in CATEGORIES:  # `draw_sides` colours them by their side
        sides = np.sign(category.template[:, 0])
        pairs = category.flip != np.arange(category.count)
        np.testing.assert_array_equal(sides[pairs], -sides[category.flip[pairs]])


def test_targets_of_landmarks_come_home():
    windows = np.array([[0, 0, 28, 56]], float)
    points = np.array([[[10.3, 7.7], [40.0, 20.0]]])
    cells, shares, inside = heatmaps.encode(points, windows[:, None], 28)
    maps, decoded = targets.heatmap_targets(windows, cells, shares, inside.astype(float), 28)
    np.testing.assert_allclose(decoded[..., :2], points, atol=1e-3)
    assert maps.shape == (1, 2, 28, 28) and (decoded[..., 2] > 0.99).all()
    scattered = targets.scatter(cells, shares, 28)
    np.testing.assert_allclose(scattered.sum(axis=(2, 3)), 1)


def test_positives_are_counted_by_their_object():
    row = {"gt_class_ids": np.array([3, 5, -1, 0])}
    sample = {"gt_index": np.array([0, 0, 1, 0]), "positive": np.array([1.0, 1, 0, 0])}
    assert targets.positives_of_objects(row, sample) == {0: 2, 1: 0}


def test_recall_counts_true_boxes_that_the_first_meet():
    true = np.array([[0, 0, 10, 10], [20, 20, 30, 30]], float)
    proposed = np.array([[0, 0, 10, 9], [50, 50, 60, 60], [20, 20, 30, 31], [0, 0, 0, 0]], float)
    assert model.recall(proposed, true, (1, 2, 3, 4)) == [0.5, 0.5, 1.0, 1.0]
    assert model.recall(proposed, true[:0], (1,)) == [1.0]


def test_the_second_stage_by_hand():
    class ThreeClasses(Config):
        NUM_CLASSES = 3
        DETECTION_MIN_CONFIDENCE, DETECTION_NMS_THRESHOLD = 0.5, 0.3

    rois = np.array([[0, 0, 0.4, 0.4], [0, 0, 0.4, 0.42], [0.5, 0.5, 1, 1], [0, 0, 0.4, 0.4],
                     [0, 0, 0, 0]])
    probs = np.array([[0.1, 0.9, 0], [0.2, 0.8, 0], [0.7, 0.2, 0.1], [0.3, 0.1, 0.6], [0, 1, 0]])
    steps = model.classify(rois, probs, np.zeros((5, 3, 4)), (0, 0, 1, 1), ThreeClasses())
    assert steps["class_ids"].tolist() == [1, 1, 0, 2, 1]
    assert steps["confident"].tolist() == [0, 1, 3]  # no background, no padding
    assert steps["kept"].tolist() == [0, 3]  # the second of class 1 is the same box again
    np.testing.assert_allclose(steps["refined"][:3], rois[:3])


def test_rounding_loses_what_bilinear_targets_keep():
    assert landmarks.rounding_errors("bilinear").max() < 1e-3
    lost = landmarks.rounding_errors("one_hot")
    assert abs(lost.mean() - 0.3826) < 0.02  # of a point in a unit square from its middle
    assert lost.max() < 0.71


def test_a_peak_lies_between_its_cells():
    logits = np.full((28, 28), -20.0)
    logits[5, 9] = logits[5, 10] = 0.0
    picture, moved = landmarks.draw_peak(logits)
    assert picture.shape == (420, 420, 3) and abs(moved - 0.5) < 1e-3


def test_errors_of_landmarks_are_shares_of_the_box():
    first = CATEGORIES[0].start
    truth = np.zeros((1, 294, 3), np.float32)
    truth[0, first] = 10, 10, 2
    truth[0, first + 1] = 20, 20, 1
    found = truth.copy()
    found[0, first] = 13, 14, 0.9
    dataset = SimpleNamespace(
        load_keypoints=lambda i: truth, image_class_ids=lambda i: np.array([CATEGORIES[0].id]),
        load_boxes=lambda i: np.array([[0, 0, 50, 50]], np.float32))
    table = landmarks.errors(dataset, [0], [found])
    np.testing.assert_allclose(table["error"], [0.1, 0])
    assert table["number"].tolist() == [1, 2] and table["visible"].tolist() == [True, False]
    names = ["BG", *(category.name for category in CATEGORIES)]
    [worst, _] = landmarks.worst_landmarks(table, names, least=1)
    assert worst == (f"{CATEGORIES[0].name} 1", pytest.approx(0.1), 1)


def described(vectors, identities, domains):
    count = len(vectors)
    table = Garments([f"{i}.jpg" for i in range(count)], np.zeros((count, 4)), np.ones(count),
                     np.ones(count), vectors)
    return garments.Described(table, np.array(identities), np.array(domains),
                              [np.zeros((8, 8, 3), np.uint8)] * count)


def test_the_map_keeps_distances_and_scores_are_split_by_what_is_true():
    similarity = Similarity(np.array([-4.0, -1.0], np.float32), 2.0)
    some = described(np.array([[0, 0], [1, 0], [0, 3]], np.float32), [7, 7, 8], [1, 2, 2])
    places, share = garments.project(some.table.embeddings, similarity)
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    assert share == pytest.approx(1) and apart[0, 1] == pytest.approx(2, abs=1e-5)
    assert apart[0, 2] == pytest.approx(3, abs=1e-5)
    same, others = garments.pair_scores(some, similarity)
    assert same.tolist() == [-2.0] and others.tolist() == [-7.0]  # 2 - 4 * 1, 2 - 1 * 9
    hits = garments.rank(some.take([0]), some.take([1, 2]), similarity, k=2)
    assert hits.rows.tolist() == [[0, 1]]


def network_with(**arrays):
    layers = {}
    for name, array in arrays.items():
        layer, weight = name.split("__")
        layers.setdefault(layer, []).append(
            SimpleNamespace(name=weight, numpy=lambda array=array: array))
    made = [SimpleNamespace(name=layer, weights=own) for layer, own in layers.items()]
    return SimpleNamespace(get_trainable_layers=lambda: made)


def test_weights_that_went_wrong_are_named():
    face = network_with(a__kernel=np.ones((3, 3, 2, 4)), b__kernel=np.array([[0.0, np.nan]]),
                        c__bias=np.array([0.0, 2000.0]), d__moving_variance=np.array([9e4, 1.0]),
                        e__gamma=np.array([1.0, 0.0, 1.0, 0.0]), f__kernel=np.eye(2))
    found = weights.suspicious(face)
    assert [text.split(":")[0] for text in found] == ["a/kernel", "b/kernel", "c/bias"]
    assert weights.dead_channels(face) == {"e/gamma": 0.5}
    assert list(weights.tensors(face, "kernel$")) == ["a/kernel", "b/kernel", "f/kernel"]


def test_a_new_kernel_has_a_spread_of_one():
    kernel = np.random.default_rng(0).normal(0, np.sqrt(2 / 144), (3, 3, 16, 64))
    assert weights.spreads({"k": kernel})["k"] == pytest.approx(1, abs=0.02)


def test_losses_are_read_back(tmp_path):
    lines = ['{"step": 1, "loss": 3.0, "rpn_class_loss": 1.0, "seconds": 0.1}',
             '{"step": 2, "loss": 2.0, "rpn_class_loss": 0.5, "seconds": 0.1}']
    (tmp_path / "losses.jsonl").write_text("\n".join(lines))
    curves = training.losses(tmp_path)
    assert {name: values.tolist() for name, values in curves.items()} == {
        "loss": [3.0, 2.0], "rpn_class_loss": [1.0, 0.5]}


def test_a_table_by_subset_says_where_nothing_was_measured():
    parts = {"scale": {"small": {"AP": 0.25, "objects": 4}, "large": {"AP": None, "objects": 0}}}
    scores = SimpleNamespace(metrics={"bbox": {"subsets": parts}})
    assert benchmark.subset_table(scores, "bbox") == [
        ["", "", "garments", "AP"], ["scale", "small", 4, "0.250"], ["scale", "large", 0, "-"]]


def test_middle_anchors_are_one_cell_of_each_level():
    level = np.array([[[0, 0, 4, 4]], [[60, 60, 68, 68]], [[120, 120, 128, 128]]], float)
    [middle] = targets.middle_anchors([level], (128, 128))
    np.testing.assert_array_equal(middle, [[60, 60, 68, 68]])
    assert boxes.area(middle).tolist() == [64.0]


def test_a_failure_is_red():
    image = np.full((40, 60, 3), 255, np.uint8)
    missed = {"bbox": [5, 5, 20, 20], "category_id": 1, "iscrowd": 0,
              "segmentation": [[5, 5, 25, 5, 25, 25, 5, 25]]}
    right = {"bbox": [30, 5, 20, 20], "category_id": 1, "score": 0.9,
             "segmentation": masks.to_rle(np.pad(np.ones((20, 20), bool), ((5, 15), (30, 10))))}
    dataset = SimpleNamespace(class_names=["BG", "coat"], load_image=lambda i: image)
    sight = SimpleNamespace(image_id=0, truth=[missed], found=[right], missed=[missed])
    drawn = benchmark.draw_failure(SimpleNamespace(dataset=dataset), sight).astype(int)
    reddest = drawn[..., 0] - drawn[..., 1]
    assert drawn.shape[1] > 120 and reddest[:, :60].max() > 80 > reddest[:, 64:].max()


def test_a_window_is_drawn_with_its_bins_and_points():
    picture = model.draw_window(np.zeros((64, 64, 3), np.uint8), (16, 16, 48, 48), bins=2, side=260)
    # The window and 0.15 of it on every side: 41.6 px of the image are 260 of the picture.
    edges = np.flatnonzero((picture[80] > 200).all(axis=1))
    assert edges.min() in range(28, 33) and edges.max() in range(228, 233)
    points = (picture[..., 0] == 255) & (picture[..., 1] == 210)
    assert points[55, 55] and points[205, 105] and not points[130, 130]  # 2 x 2 in each of 4 bins


def test_a_network_without_the_heads_that_a_notebook_looks_at_is_refused():
    with pytest.raises(ValueError, match="the network of random has no match head"):
        start.network("random", config="deepfashion2", heads=("keypoint", "match"))


def test_a_landmark_network_is_what_its_weights_remember(tmp_path):
    CSPN("training", small_config(), tmp_path).save_weights(tmp_path / "small.h5")
    found = landmarks.load_cspn(tmp_path / "small.h5", SimpleNamespace(num_keypoints=8))
    assert found.mode == "inference" and found.config.CSPN_FILTERS == 16
    for path, count in ((tmp_path / "small.h5", 294), (SAMPLE_WEIGHTS, 294)):
        with pytest.raises(ValueError, match=f"expected a landmark network .* {count} landmarks"):
            landmarks.load_cspn(path, SimpleNamespace(num_keypoints=count))
