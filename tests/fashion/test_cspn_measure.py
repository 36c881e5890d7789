"""Landmark networks measured on the landmark benchmark, alone and behind a detector."""

from types import SimpleNamespace

import numpy as np
import pytest

from fashion.config import FashionConfig
from fashion.cspn import measure
from fashion.cspn.crops import Crops
from fashion.cspn.measure import detected_boxes
from mrcnn.data.images import ImageError
from tests.fashion.landmark_lists_files import LOWER, UPPER, load, write_lists

SIZE = 64
SHORT_SLEEVE_TOP, TROUSERS, SKIRT = 1, 8, 9


@pytest.fixture
def dataset(tmp_path):
    return load(write_lists(tmp_path))


def oracle(crops, off=0.0):
    """What gives the truth in its last stage, and is `off` crop px aside in its first."""
    rows = iter([crops.load(i)["keypoints"] for i in range(len(crops))])

    def predict(images, class_ids):
        assert images.shape[1:] == (SIZE, SIZE, 3) and len(class_ids) == len(images)
        truth = np.stack([next(rows) for _ in images])
        return {"stage1": truth + (off, 0, 0), "stage2": truth}

    return predict


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_each_stage_is_measured_in_pixels_of_the_photo(dataset, batch_size):
    crops = Crops(dataset, SIZE)
    errors, skipped = measure.measure(oracle(crops, off=2), crops, batch_size)
    first, last = (errors[stage].evaluate()["NE"] for stage in ("stage1", "stage2"))
    assert last["all"]["average"] == pytest.approx(0, abs=1e-6)
    scale = SIZE / (1.25 * 77)  # the first photo's box is 77 px high
    assert first["upper body"]["average"] == pytest.approx(2 / scale / np.hypot(60, 0), rel=1e-4)
    assert not skipped and set(last) >= {"normal pose", "medium zoom-in"}


def test_a_photo_that_cannot_be_read_is_counted(dataset):
    crops, read = Crops(dataset, SIZE), dataset.load_image

    def load_image(image_id):
        if image_id == 1:
            raise ImageError("photo 2 is torn")
        return read(image_id)

    predict = oracle(crops)
    dataset.load_image = load_image
    errors, skipped = measure.measure(predict, crops, batch_size=2)
    assert len(errors["stage2"]) == 1
    assert skipped.places(measure.BROKEN_PHOTO) == ["photo 2 is torn"]


class Detector:
    """Finds the same on every photo: (class id, score, box)."""

    def __init__(self, config, *found):
        self.config, self.found = config, found

    def predict(self, images):
        for _ in images:
            yield SimpleNamespace(
                class_ids=np.array([each[0] for each in self.found], int),
                scores=np.array([each[1] for each in self.found]),
                boxes_px=np.array([each[2] for each in self.found], float).reshape(-1, 4))


def test_the_best_box_of_the_annotated_type_is_cut_out(dataset):
    detector = Detector(FashionConfig(), (TROUSERS, 0.9, (0, 0, 9, 9)), (SKIRT, 0.8, (0, 0, 8, 8)),
                        (SHORT_SLEEVE_TOP, 0.7, (0, 0, 7, 7)))
    boxes_of, counts = detected_boxes(detector, dataset)
    assert [dataset.image_info[i]["id"] for i in range(2)] == [UPPER, LOWER]
    assert boxes_of(0).tolist() == [[0, 0, 7, 7]] and boxes_of(1).tolist() == [[0, 0, 9, 9]]
    assert not counts


def test_without_such_a_box_another_or_the_whole_photo_is_taken_and_counted(dataset):
    boxes_of, counts = detected_boxes(Detector(FashionConfig(), (TROUSERS, 0.9, (0, 0, 9, 9))),
                                      dataset)
    assert boxes_of(0).tolist() == [[0, 0, 9, 9]]
    assert counts == {measure.OTHER_TYPE: 1}
    boxes_of, counts = detected_boxes(Detector(FashionConfig()), dataset)
    assert np.isnan(boxes_of(1)).all() and counts == {measure.NOTHING: 2}
    assert len(Crops(dataset, SIZE, boxes_of=boxes_of)) == 2


def test_a_detector_of_the_clothes_types_serves_too_and_others_do_not(dataset):
    boxes_of, _ = detected_boxes(
        Detector(SimpleNamespace(NUM_CLASSES=4), (2, 0.9, (0, 0, 9, 9)), (1, 0.8, (0, 0, 8, 8))),
        dataset)
    assert boxes_of(0).tolist() == [[0, 0, 8, 8]]
    with pytest.raises(ValueError, match="knows 80 classes: expected DeepFashion2's 13"):
        detected_boxes(Detector(SimpleNamespace(NUM_CLASSES=81)), dataset)
