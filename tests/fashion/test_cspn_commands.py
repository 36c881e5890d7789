"""Landmark networks on the command line: train, go on, detect, summary."""

import json

import pytest

from fashion import fashion
from fashion.commands import cspn, cspn_train, models
from fashion.config import CONFIGS
from fashion.cspn.config import CSPNDetectorConfig
from fashion.cspn.model import CSPN
from fashion.datasets.sample import write_sample
from fashion.datasets.sample.identities import IMAGES_PER_PAIR
from fashion.evaluation import published
from mrcnn import resume, weights
from tests.fashion.landmark_lists_files import FULL, PARTITION, replaced, write_lists
from tests.fashion.made_sample import made_sample
from tests.fashion.small_cspn import small_config

SMALL = ["BACKBONE_WIDTH=0.125", "IMAGE_MAX_DIM=64", "CSPN_FILTERS=4", "CSPN_STAGES=1",
         "IMAGES_PER_GPU=2"]
SMALL_DETECTOR = ["BACKBONE_WIDTH=0.1", "FPN_CLASSIF_FC_LAYERS_SIZE=16", "IMAGE_MIN_DIM=64",
                  "IMAGE_MAX_DIM=128", "RPN_CHANNELS=8", "WORKERS=0", "TRAIN_ROIS_PER_IMAGE=8",
                  "POST_NMS_ROIS_TRAINING=20", "RPN_ANCHOR_SCALES=((32,64,96),)"]


@pytest.fixture
def root(tmp_path):
    """Lists with two photos to train on and one to validate."""
    partition = replaced(PARTITION, 4, f"{FULL} val")
    return write_lists(tmp_path / "lists", partition=partition)


def run(tmp_path, root, *words):
    return fashion.main([*words, f"--logs={tmp_path / 'logs'}", f"--dataset={root}"])


def train(tmp_path, root, *words):
    return run(tmp_path, root, "train", *words, "--steps=2", "--keep=2")


def test_a_landmark_network_trains_goes_on_and_draws(tmp_path, root, capsys):
    assert train(tmp_path, root, "--config=cspn_tiny", "--weights=random", "--epochs=1",
                 "--set", *SMALL) == 0
    out = capsys.readouterr().out
    assert "2 to train, 1 to validate" in out
    assert f"evaluate --weights=last --logs={tmp_path / 'logs'} --dataset={root}\n" in out
    [folder] = resume.run_folders(tmp_path / "logs", "cspn_tiny")
    rows = [json.loads(line) for line in (folder / "losses.jsonl").read_text().splitlines()]
    assert {"loss", "cspn_stage1_loss", "stage1_distance", "learning_rate"} <= set(rows[0])
    assert list(folder.glob("train/*tfevents*")) and list(folder.glob("validation/*tfevents*"))
    assert train(tmp_path, root, "--weights=last", "--epochs=2") == 0
    assert "begins: at step 2" in capsys.readouterr().out
    assert weights.read_metadata(resume.find_last(tmp_path / "logs", "cspn_tiny"))["step"] == 4
    photo, output = root / "Img" / FULL, tmp_path / "found"
    assert fashion.main(["detect", "--config=cspn_tiny", f"--image={photo}", "--no-detector",
                         "--json", f"--output={output}", f"--logs={tmp_path / 'logs'}"]) == 0
    [row] = json.loads((output / "detections.json").read_text())["images"]
    [found] = row["detections"]
    assert len(found["keypoints"]) == 8 * 3 and found["category"] == "full body"
    assert (output / row["picture"]).is_file()


def test_whole_photos_are_learned_from_without_any_to_validate_on(tmp_path, capsys):
    root = write_lists(tmp_path / "lists")
    assert train(tmp_path, root, "--config=cspn_tiny", "--weights=random", "--epochs=1",
                 "--no-detector", "--set", *SMALL) == 0
    out = capsys.readouterr().out
    assert "No validation images" in out and f"--dataset={root} --no-detector\n" in out
    assert train(tmp_path, root, "--config=cspn_tiny", "--weights=random", "--watch=val_loss",
                 "--set", *SMALL) == 1
    [folder] = resume.run_folders(tmp_path / "logs", "cspn_tiny")
    assert json.loads((folder / "arguments.json").read_text())["no_detector"] is True


def test_of_deepfashion2_garments_are_cut_out_and_refined(tmp_path, capsys):
    root = tmp_path / "sample"
    write_sample(root, 2 * IMAGES_PER_PAIR, seed=1, validation=0.5)
    assert train(tmp_path, root, "--config=cspn_tiny", "--weights=random", "--no-detector",
                 "--set", *SMALL) == 1
    assert "photos of one garment each" in capsys.readouterr().err
    assert train(tmp_path, root, "--config=cspn_tiny", "--weights=random", "--epochs=1", "--set",
                 *SMALL) == 0
    assert "detect --weights=sample --refine=last --logs=" in capsys.readouterr().out


def test_a_metric_to_watch_that_no_epoch_has_is_refused(tmp_path, root, capsys):
    assert train(tmp_path, root, "--config=cspn_tiny", "--weights=random", "--watch=segm_AP",
                 "--set", *SMALL) == 1
    assert "val_stage1_distance" in capsys.readouterr().err


def test_the_detector_in_front_trains_on_the_benchmark_s_boxes(tmp_path, root, capsys):
    assert train(tmp_path, root, "--config=cspn_detector", "--weights=random", "--epochs=1",
                 "--eval-limit=0", "--set", *SMALL_DETECTOR) == 0
    assert "heads box" in capsys.readouterr().out
    saved = weights.read_metadata(resume.find_last(tmp_path / "logs", "cspn_detector"))
    assert saved["backbone"] == "vgg16" and saved["class_names"][1:] == [
        "upper body", "lower body", "full body"]


def test_the_detector_in_front_learns_deepfashion2_s_categories_too(tmp_path):
    config = models.make_config("cspn_detector", SMALL_DETECTOR)
    datasets = made_sample(tmp_path, 2, seed=1), None
    options = {"augment": "flip", "watch": None, "eval_limit": 0, "eval_every": 1}
    face, *_ = cspn_train._boxes(models.Model(config, None), datasets, options, tmp_path)
    assert face.config.CLASS_NAMES == tuple(datasets[0].class_names)
    assert face.config.NUM_CLASSES == 14 > CSPNDetectorConfig.NUM_CLASSES


def test_other_landmarks_begin_with_new_heatmaps(tmp_path, capsys):
    path = tmp_path / "eight.h5"
    CSPN("inference", small_config(CSPN_STAGES=1), tmp_path).save_weights(path)
    other = small_config(CSPN_STAGES=1, NUM_KEYPOINTS=5)
    face = cspn.build("training", models.Model(other, path), tmp_path)
    assert "8 landmarks there, 5 here" in capsys.readouterr().out
    assert face.report.excluded == ["cspn_stage1_maps/kernel"]
    with pytest.raises(weights.WeightsError):
        cspn.build("inference", models.Model(other, path), tmp_path)


def test_a_detector_s_backbone_is_a_beginning(tmp_path):
    path = tmp_path / "detector.h5"
    config = CONFIGS["tiny"]().override({"BACKBONE_WIDTH": 0.25, "IMAGE_MAX_DIM": 64})
    models.build("inference", models.Model(config, None), tmp_path).save_weights(path)
    face = cspn.build("training", models.Model(small_config(CSPN_STAGES=1), path), tmp_path)
    assert "res5b_branch2b/kernel" in face.report.loaded
    assert "cspn_stage1_maps" in face.report.new_layers


def test_the_summary_has_a_row_for_each_number_of_stages(capsys):
    assert fashion.main(["summary", "--config=cspn_tiny"]) == 0
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines() if line[:2] in ("1 ", "2 ", "3 ", "4 ")]
    parameters, gflops = ([float(row[place].replace(",", "")) for row in rows]
                          for place in (1, 3))
    assert len(rows) == 4 and parameters == sorted(set(parameters))
    assert gflops == sorted(set(gflops))
    assert [tuple(map(int, row[4:])) for row in rows] == [
        (stage["MB"], stage["GFLOPs"]) for stage in published.CSPN["stages"]]
