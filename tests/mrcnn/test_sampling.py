import numpy as np
from keras import ops

from mrcnn.sampling import SampleRois

GT_BOXES = np.float32([[[0.1, 0.1, 0.5, 0.5], [0.5, 0.5, 0.9, 0.9], [0.0, 0.0, 0.0, 0.0]]])


def _sample(proposals, class_ids, count=8, ratio=0.5, **kwargs):
    layer = SampleRois(count, ratio, **kwargs)
    result = layer(np.float32([proposals]), np.int32([class_ids]), GT_BOXES)
    return {name: ops.convert_to_numpy(value)[0] for name, value in result.items()}


def _proposals(positives, negatives):
    near = [np.add([0.1, 0.1, 0.5, 0.5], 0.003 * i) for i in range(positives)]
    far = [[0.6, 0.0, 0.9, 0.1 + 0.01 * i] for i in range(negatives)]
    return near + far


def test_positives_first_at_most_their_share_then_negatives():
    sample = _sample(_proposals(10, 10), [2, 1, 0], add_ground_truth=False)
    assert sample["positive"].tolist() == [1] * 4 + [0] * 4
    assert sample["valid"].tolist() == [1] * 8
    assert (sample["gt_index"][:4] == 0).all()
    assert len({tuple(roi) for roi in sample["rois"].round(4)}) == 8


def test_no_positives_still_gives_negatives():
    sample = _sample(_proposals(0, 12), [0, 0, 0])
    assert sample["positive"].sum() == 0 and sample["valid"].sum() == 8


def test_too_few_proposals_end_in_padding():
    sample = _sample(_proposals(1, 2) + [[0, 0, 0, 0]] * 2, [2, 1, 0], add_ground_truth=False)
    assert sample["rois"].shape == (8, 4)
    assert sample["valid"].tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert (sample["rois"][3:] == 0).all()


def test_ground_truth_boxes_are_proposals():
    sample = _sample(_proposals(0, 12), [2, 1, 0])
    assert sample["positive"].sum() == 2
    rows = {tuple(roi) for roi in sample["rois"][:2].round(3)}
    assert rows == {tuple(box) for box in GT_BOXES[0, :2].round(3)}


def test_ground_truth_first_gives_every_object_its_own_box():
    for seed in range(5):
        sample = _sample(_proposals(30, 10), [2, 1, 0], count=8, seed=seed,
                         ground_truth_first=True)
        assert sorted(sample["gt_index"][:2]) == [0, 1]
        np.testing.assert_array_equal(sample["rois"][:2], GT_BOXES[0][sample["gt_index"][:2]])
        assert sample["positive"].tolist() == [1] * 4 + [0] * 4


def test_crowds_are_neither_positive_nor_negative():
    inside_crowd = [[0.55, 0.55, 0.7, 0.7]] * 4
    sample = _sample(inside_crowd, [2, -1, 0], add_ground_truth=False)
    assert sample["valid"].sum() == 0


def test_draws_differ_and_repeat_with_the_seed():
    proposals = _proposals(30, 30)
    first = _sample(proposals, [2, 1, 0], seed=3)["rois"]
    np.testing.assert_array_equal(first, _sample(proposals, [2, 1, 0], seed=3)["rois"])
    assert not np.array_equal(first, _sample(proposals, [2, 1, 0], seed=4)["rois"])
