"""Matterport's average precision gives the original's numbers, faults included."""

import numpy as np
import pytest

from mrcnn.matterport import boxes, metrics
from tests.mrcnn.matterport_golden import bitmaps, golden

CASES = range(5)


def arguments(case):
    """Ground truth and predictions of a recorded case, in the order the functions take them."""
    values = []
    for kind, names in (("gt", ("boxes", "class_ids")), ("pred", ("boxes", "class_ids", "scores"))):
        values += [golden[f"ap/{case}/{kind}_{name}"] for name in names]
        values.append(bitmaps(f"ap/{case}/{kind}_masks_"))
    return values


@pytest.mark.parametrize("percent", [50, 75])
@pytest.mark.parametrize("case", CASES)
def test_matches_and_average_precision(case, percent):
    recorded = {name: golden[f"ap/{case}/t{percent}_{name}"] for name in (
        "gt_match", "pred_match", "overlaps", "ap", "precisions", "recalls")}
    gt_match, pred_match, overlaps = metrics.compute_matches(
        *arguments(case), iou_threshold=percent / 100)
    np.testing.assert_array_equal(gt_match, recorded["gt_match"])
    np.testing.assert_array_equal(pred_match, recorded["pred_match"])
    np.testing.assert_allclose(overlaps, recorded["overlaps"], rtol=1e-6)
    average, precisions, recalls, again = metrics.compute_ap(
        *arguments(case), iou_threshold=percent / 100)
    assert average == pytest.approx(float(recorded["ap"]), abs=1e-7)
    np.testing.assert_allclose(precisions, recorded["precisions"], rtol=1e-6)
    np.testing.assert_allclose(recalls, recorded["recalls"], rtol=1e-6)
    np.testing.assert_array_equal(again, overlaps)


@pytest.mark.parametrize("case", CASES)
def test_range_of_thresholds(case, capsys):
    average = metrics.compute_ap_range(*arguments(case))
    assert average == pytest.approx(float(golden[f"ap/{case}/ap_range"]), abs=1e-7)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 11 and printed[-1].startswith("AP @0.50-0.95:")
    assert metrics.compute_ap_range(*arguments(case), np.array([0.5]), verbose=0) == pytest.approx(
        float(golden[f"ap/{case}/t50_ap"]), abs=1e-7)
    assert not capsys.readouterr().out


@pytest.mark.parametrize("case", CASES)
def test_overlaps_of_masks(case):
    _, _, gt_masks, _, _, _, pred_masks = arguments(case)
    np.testing.assert_allclose(boxes.compute_overlaps_masks(pred_masks, gt_masks),
                               golden[f"ap/{case}/overlaps_masks"], rtol=1e-6)


def test_padding_is_left_out():
    gt_boxes, gt_class_ids, gt_masks, *predictions = arguments(0)
    padded = (np.pad(gt_boxes, ((0, 3), (0, 0))), np.pad(gt_class_ids, (0, 3)),
              np.pad(gt_masks, ((0, 0), (0, 0), (0, 3))))
    for found, expected in zip(metrics.compute_ap(*padded, *predictions),
                               metrics.compute_ap(*arguments(0)), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_recall():
    recall, indices = metrics.compute_recall(golden["box/a"], golden["box/b"], 0.3)
    assert recall == float(golden["box/recall_30"])
    np.testing.assert_array_equal(indices, golden["box/recall_ids"])
