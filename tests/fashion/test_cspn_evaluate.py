"""`evaluate` with landmark networks: alone on the landmark benchmark, and behind a detector."""

import argparse
import json

import numpy as np
import pytest

from fashion.commands import cspn_evaluate, cspn_refine, evaluate, landmark_data, models
from fashion.config import TinyConfig
from fashion.cspn.config import CSPNTinyConfig
from fashion.datasets.landmark_benchmark import LANDMARKS
from tests.fashion.landmark_lists_files import write_lists
from tests.fashion.made_sample import made_sample

SMALL = {"BACKBONE_WIDTH": 0.125, "IMAGE_MAX_DIM": 64, "CSPN_STAGES": 2, "CSPN_FILTERS": 4}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    from fashion.cspn.model import CSPN

    folder = tmp_path_factory.mktemp("cspn")
    path = folder / "cspn.weights.h5"
    CSPN("inference", CSPNTinyConfig().override(SMALL), folder).save_weights(path)
    return path


def small_detector(heads, folder):
    """A `MaskRCNN` with random weights."""
    config = TinyConfig().override({"BACKBONE_WIDTH": 0.125, "IMAGE_MAX_DIM": 64, "HEADS": heads,
                                    "POST_NMS_ROIS_INFERENCE": 8})
    return models.build("inference", models.Model(config, None), folder)


def run(tmp_path, weights, *words):
    """Runs `evaluate` and returns the content of metrics.json."""
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    arguments = parser.parse_args([
        f"--weights={weights}", f"--output={tmp_path / 'out'}", f"--logs={tmp_path}", *words])
    assert evaluate.run(arguments) == 0
    return json.loads((tmp_path / "out" / "metrics.json").read_text())


def test_a_table_like_the_paper_s(tmp_path, weights, capsys):
    root = write_lists(tmp_path / "data")
    content = run(tmp_path, weights, f"--dataset={root}", "--subset=train", "--batch-size=1")
    out = capsys.readouterr().out
    assert content["boxes"] == cspn_evaluate.ANNOTATED
    assert list(content["stages"]) == ["stage1", "stage2"]
    last = content["stages"]["stage2"]["NE"]
    assert set(last["all"]["landmarks"]) == set(LANDMARKS)
    assert set(last) == {"all", "upper body", "lower body", "normal pose", "medium zoom-in"}
    assert f"{last['all']['average']:.4f}" in out and "2 garments of" in out
    assert "stage1" in out and "L.Collar" in out and "box stretched" in out


def test_whole_photos_of_the_test_part_which_is_what_is_measured(tmp_path, weights):
    root = write_lists(tmp_path / "data")
    content = run(tmp_path, weights, f"--dataset={root}", "--no-detector")
    assert (content["boxes"], content["subset"]) == (cspn_evaluate.WHOLE, "test")
    assert content["stages"]["stage1"]["NE"]["full body"]["garments"] == 1


def test_wrong_kinds_of_weights_and_data_are_named(tmp_path, weights):
    root = write_lists(tmp_path / "data")
    with pytest.raises(ValueError, match="give weights of a detector"):
        run(tmp_path, weights, f"--dataset={root}", f"--detector={weights}")
    made_sample(tmp_path / "sample", 2, seed=1)
    with pytest.raises(ValueError, match="Measure this network as --refine"):
        run(tmp_path, weights, f"--dataset={tmp_path / 'sample'}", "--subset=train")
    path = refiner(tmp_path, landmark_data.resolve(tmp_path / "sample").load("train"))
    with pytest.raises(ValueError, match="looks for 294 landmarks, the landmark benchmark has 8"):
        run(tmp_path, path, f"--dataset={root}")


def refiner(folder, dataset):
    """Path of random weights for DeepFashion2's landmarks."""
    from fashion.cspn.config import fit
    from fashion.cspn.model import CSPN

    config = fit(CSPNTinyConfig().override({**SMALL, "CSPN_STAGES": 1}), dataset)
    path = folder / "refiner.h5"
    CSPN("inference", config, folder).save_weights(path)
    return path


def test_what_a_refiner_makes_of_a_detector_s_landmarks_is_measured(tmp_path, capsys):
    dataset = made_sample(tmp_path / "sample", 2, seed=1)
    path = refiner(tmp_path, dataset)
    arguments = argparse.Namespace(refine=str(path), logs=tmp_path, batch_size=2,
                                   output=tmp_path / "out", dataset="sample", subset="train")
    network = small_detector(("box", "keypoint"), tmp_path).network
    cspn_refine.measure(arguments, network, dataset, [0], ["keypoints_visible"])
    refined = json.loads((tmp_path / "out" / "refined.json").read_text())
    assert refined["keypoints_visible"]["objects"] > 0 and refined["images"] == 1
    assert "Landmarks refined by" in capsys.readouterr().out


def test_a_refiner_is_a_landmark_network(tmp_path, weights):
    path = tmp_path / "tiny.h5"
    small_detector(("box",), tmp_path).save_weights(path)
    arguments = argparse.Namespace(refine=str(path), logs=tmp_path)
    with pytest.raises(ValueError, match="expected weights of a landmark network"):
        cspn_refine.refined(None, arguments)
    assert cspn_refine.refined("detector", argparse.Namespace(refine=None)) == "detector"


def test_data_is_told_by_what_a_folder_holds(tmp_path, monkeypatch):
    root = write_lists(tmp_path / "data")
    data = landmark_data.resolve(root)
    assert (data.measured, data.load("train").num_images) == ("test", 2)
    assert data.subsets == ["train", "test"]
    with pytest.raises(ValueError, match="only DeepFashion2 has"):
        data.load("train", where="occlusion == 1")
    monkeypatch.setenv(landmark_data.VARIABLE, str(root))
    assert landmark_data.resolve().root == root
    made_sample(tmp_path / "sample", 2, seed=1)
    data = landmark_data.resolve(tmp_path / "sample")
    assert (data.measured, data.load("train").num_keypoints) == ("validation", 294)
    with pytest.raises(ValueError, match="none of 2 images has such a garment"):
        data.load("train", where="style > 99")
    assert np.isfinite(data.load("train").load_boxes(0)).all()
    with pytest.raises(ValueError, match="nowhere: expected a landmark benchmark, with list_land"):
        landmark_data.resolve(tmp_path / "nowhere")
    (root / "Anno" / "list_landmarks.txt").unlink()
    with pytest.raises(ValueError, match="expected list_landmarks.txt"):
        landmark_data.resolve(root).load("train")
