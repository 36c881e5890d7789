"""The proof that everything fits together: eight images, learned by heart."""

import pytest

from fashion.config import TinyConfig
from fashion.evaluation.run import evaluate_instances
from fashion.model import MatchRCNN
from mrcnn.detection import Detector
from tests.fashion.made_sample import made_sample

STEPS = 320


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return made_sample(tmp_path_factory.mktemp("sample"), 8, seed=0)


def test_one_batch_is_learned_by_heart(dataset, tmp_path):
    assert dataset.num_images == 8
    config = TinyConfig().override({"STEPS_PER_EPOCH": STEPS, "IMAGES_PER_GPU": 8})
    model = MatchRCNN("training", config, tmp_path)
    model.train(dataset, None, epochs=1, keep=1)
    detector = Detector(model.network, config.evaluation())
    metrics = evaluate_instances(detector, dataset).metrics
    print({task: round(numbers.get("AP", numbers.get("top1")), 3)
           for task, numbers in metrics.items()})
    assert metrics["bbox"]["AP"] >= 0.90
    assert metrics["segm"]["AP"] >= 0.90
    assert metrics["keypoints_visible"]["AP"] >= 0.85
    # Many covered landmarks lie beyond KEYPOINT_MARGIN.
    assert metrics["keypoints_visible_and_occluded"]["AP"] >= 0.65
    assert metrics["retrieval_true_boxes"]["top1"] >= 0.8
