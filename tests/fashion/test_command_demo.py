"""`demo`, and what goes on from the weights that it leaves."""

import json

import numpy as np
import pytest
from PIL import Image

from fashion import fashion
from fashion.commands import data_sets, demo, train
from mrcnn import weights
from tests.fashion.command_files import photo_folder


@pytest.mark.parametrize("seconds_a_step", [0.05, 0.5, 2.0, 50.0])
def test_the_demos_schedule_ends_in_time(seconds_a_step, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(demo.time, "monotonic", lambda: clock[0])
    schedule = demo.TimedSchedule(0.1, warmup_steps=20, seconds=300)
    rates, step = [], 0
    while step == 0 or not schedule.is_over:
        rates.append(schedule.rate(step))
        clock[0] += seconds_a_step if step else 30  # the first step compiles
        step += 1
    within = demo.LEAST_STEPS, min(270 / seconds_a_step, demo.MOST_STEPS)
    assert step == pytest.approx(max(within), rel=0.05)
    assert rates[0] < rates[10] < max(rates) == pytest.approx(0.1, rel=0.05)
    assert rates[-1] < 0.01


@pytest.fixture(scope="module")
def demo_run(tmp_path_factory):
    """A demo that is over after three steps."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_sets, "SAMPLE", folder / "sample")
        patch.setattr(data_sets, "SAMPLE_IMAGES", 40)
        patch.setattr(demo, "LEAST_STEPS", 3)
        patch.setattr(demo, "MOST_STEPS", 3)
        patch.setattr(demo, "MEASURED_IMAGES", 6)
        patch.setattr(demo, "DRAWN_IMAGES", 2)
        assert fashion.main(["demo", f"--output={folder}", "--debug"]) == 0
        yield folder


def test_the_demo_leaves_numbers_pictures_and_weights(demo_run):
    metrics = json.loads((demo_run / "metrics.json").read_text())
    assert {"bbox", "bbox_agnostic", "segm", "segm_agnostic"} <= set(metrics)
    assert metrics["images"] == 6 and metrics["sample"]["seed"] == data_sets.SAMPLE_SEED
    assert np.asarray(Image.open(demo_run / "contact_sheet.png")).ndim == 3
    assert weights.read_metadata(demo_run / demo.WEIGHTS)["name"] == "tiny"


def test_what_the_demo_learned_detects(demo_run, capsys):
    photos = photo_folder(demo_run / "photos")
    code = fashion.main(["detect", f"--weights={demo_run / demo.WEIGHTS}", f"--image={photos}",
                         "--json", f"--output={demo_run / 'found'}", "--debug"])
    assert code == 0
    said = capsys.readouterr().out
    assert "6 photos" in said and "cut.jpg" in said
    assert len(json.loads((demo_run / "found" / "detections.json").read_text())["images"]) == 6


def test_training_goes_on_from_what_the_demo_learned(demo_run, capsys):
    code = fashion.main([
        "train", f"--weights={demo_run / demo.WEIGHTS}", f"--dataset={demo_run / 'sample'}",
        "--limit=4", f"--logs={demo_run / 'runs'}", "--steps=2", "--epochs=1",
        "--schedule=constant", "--watch=segm_AP", "--eval-limit=2", "--set", "IMAGE_MAX_DIM=128",
        "IMAGES_PER_GPU=2", "--debug"])
    assert code == 0
    [run] = (demo_run / "runs").iterdir()
    assert json.loads((run / train.ARGUMENTS).read_text())["eval_limit"] == 2
    assert json.loads((run / "best.json").read_text())["metric"] == "segm_AP"
    saved = weights.read_metadata(run / "mask_rcnn_tiny_0001.h5")["config"]
    assert (saved["IMAGE_MAX_DIM"], saved["SCHEDULE"]) == (128, "constant")
    assert list((run / "validation").iterdir()), "no pictures for TensorBoard"
    assert "step 2, epoch 1" in capsys.readouterr().out


def test_a_read_only_folder_of_logs_is_said_at_once(demo_run, capsys):
    (demo_run / "file").write_text("in the way of a folder")
    code = fashion.main(["train", "--weights=random", f"--dataset={demo_run / 'sample'}",
                         f"--logs={demo_run / 'file'}", "--epochs=1"])
    assert code == 1 and "--logs" in capsys.readouterr().err
