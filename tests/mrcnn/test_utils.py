"""The face `utils`: what is written in it; the functions have tests of their own."""

import numpy as np
import pytest

from mrcnn import download, utils
from mrcnn.matterport.boxes import box_refinement


def test_every_name_is_there():
    assert all(hasattr(utils, name) for name in utils.__all__)
    assert utils.Dataset().class_info == [{"source": "", "id": 0, "name": "BG"}]


def test_the_published_weights_go_where_they_are_asked_for(monkeypatch, tmp_path, capsys):
    calls = []
    monkeypatch.setattr(
        download, "fetch", lambda source, path, progress: calls.append((source, path, progress)))
    path = str(tmp_path / "mask_rcnn_coco.h5")
    utils.download_trained_weights(path)
    utils.download_trained_weights(path, verbose=0)
    coco = download.PUBLISHED["coco"]
    assert calls == [(coco, path, True), (coco, path, False)]
    assert utils.COCO_MODEL_URL.endswith("/v2.0/mask_rcnn_coco.h5")
    assert capsys.readouterr().out.count(path) == 1


def test_what_the_original_never_wrote_says_what_to_take():
    with pytest.raises(NotImplementedError, match="resize_mask"):
        utils.mold_mask(np.zeros((4, 4), bool), None)


def test_batch_slice_of_arrays():
    rows = np.arange(12.0).reshape(3, 4)
    total = utils.batch_slice(rows, lambda row: row.sum(), 3)
    np.testing.assert_array_equal(total, rows.sum(axis=1))
    first, both = utils.batch_slice([rows, -rows], lambda a, b: (a[0], a + b), 3, names=["x", "y"])
    np.testing.assert_array_equal(first, rows[:, 0])
    np.testing.assert_array_equal(both, np.zeros((3, 4)))


def test_batch_slice_and_refinement_of_tensors():
    ops = pytest.importorskip("keras").ops
    boxes = np.array([[0, 0, 10, 20], [5, 5, 9, 9]], np.float32)
    moved = boxes + np.array([1, 2, 3, 4], np.float32)
    refinement = utils.box_refinement_graph(ops.convert_to_tensor(boxes), moved)
    np.testing.assert_allclose(ops.convert_to_numpy(refinement), box_refinement(boxes, moved),
                               atol=1e-6)
    doubled = utils.batch_slice([ops.convert_to_tensor(boxes)], lambda box: box * 2, 2)
    assert not isinstance(doubled, np.ndarray)
    np.testing.assert_array_equal(ops.convert_to_numpy(doubled), 2 * boxes)
