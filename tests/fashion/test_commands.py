"""The command line: help, spelling, errors, what is found where, and the commands themselves."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion import fashion
from fashion.commands import common, demo, detect, train
from fashion.config import CONFIGS
from mrcnn import download, weights
from mrcnn.detection import Raw
from mrcnn.training import NonFiniteLoss

ROOT = Path(__file__).resolve().parents[2]


def run_script(*words, folder):
    return subprocess.run([sys.executable, str(ROOT / "fashion" / "fashion.py"), *words],
                          cwd=folder, capture_output=True, text=True)


# ---- words ----


def test_the_script_runs_from_anywhere(tmp_path):
    done = run_script("--help", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(f"\n    {name} " in done.stdout for name in fashion.COMMANDS)
    assert run_script("--help", folder=ROOT / "fashion").returncode == 0


@pytest.mark.parametrize("command", fashion.COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as end:
        fashion.main([command, "--help"])
    assert end.value.code == 0 and len(capsys.readouterr().out) > 200


@pytest.mark.parametrize("words, meant", [
    (["trian"], "did you mean train?"),
    (["train", "--wieghts=coco"], "did you mean --weights?"),
    (["detect", "--images", "a.jpg"], "did you mean --image?"),
    (["xyz"], "known are demo, sample"),
])
def test_misspelt_words_get_the_right_one(words, meant, capsys):
    with pytest.raises(SystemExit) as end:
        fashion.main(words)
    assert end.value.code == 2 and meant in capsys.readouterr().err


def test_errors_are_one_clear_line(tmp_path, capsys):
    words = ["detect", "--image", str(tmp_path / "none.jpg"), "--weights=random.h5"]
    assert fashion.main(words) == 1
    error = capsys.readouterr().err
    assert "none.jpg is no photo" in error and "Traceback" not in error
    with pytest.raises(FileNotFoundError):
        fashion.main([*words, "--debug"])


@pytest.mark.parametrize("raised, code", [
    (KeyboardInterrupt, 130), (PermissionError("logs"), 1), (NonFiniteLoss("NaN"), 1),
])
def test_exit_codes(monkeypatch, raised, code):
    def fail(*_):
        raise raised

    monkeypatch.setattr(common, "make_config", fail)
    monkeypatch.setattr(common, "load_backend", lambda: None)
    assert fashion.main(["summary"]) == code


def test_a_package_that_is_missing_is_said(monkeypatch, capsys):
    def missing(name):
        raise ModuleNotFoundError("No module named 'numpy'")

    monkeypatch.setattr(fashion.importlib, "import_module", missing)
    assert fashion.main(["summary"]) == 1
    assert "requirements.txt" in capsys.readouterr().err


# ---- configuration and weights ----


def model_arguments(weights="random", config=None, settings=(), logs="nowhere"):
    return argparse.Namespace(weights=str(weights), config=config, set=list(settings), logs=logs)


def weights_file(path, **metadata):
    """A file of weights that says what it is, without any weight."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs[weights.METADATA] = json.dumps(metadata)
    return path


def test_knobs_are_set_by_text():
    model = common.resolve_model(model_arguments(
        config="tiny", settings=["IMAGE_MAX_DIM=128", "LEARNING_RATE=0.5", "USE_MINI_MASK=False"]))
    assert model.weights is None and model.config.NAME == "tiny"
    assert model.config.IMAGE_SHAPE.tolist() == [128, 128, 3]
    assert model.config.LEARNING_RATE == 0.5 and model.config.USE_MINI_MASK is False


@pytest.mark.parametrize("text, word", [
    ("IMAGE_MAX_DIM", "KEY=VALUE"), ("IMAGE_MAXDIM=64", "IMAGE_MAX_DIM"),
    ("LEARNING_RATE=fast", "LEARNING_RATE"),
])
def test_wrong_settings_are_explained(text, word):
    with pytest.raises(ValueError, match=word):
        common.resolve_model(model_arguments(settings=[text]))


def test_weights_bring_their_configuration(tmp_path):
    config = CONFIGS["tiny"]().override({"IMAGE_MAX_DIM": 128, "BACKBONE_WIDTH": 0.25})
    path = weights_file(tmp_path / "w.h5", name="tiny", backbone="resnet18",
                        config=json.loads(json.dumps(config.to_dict())))
    restored = common.resolve_model(model_arguments(path)).config
    assert restored.to_dict() == config.to_dict()
    assert {name: type(getattr(restored, name)) for name in config.to_dict()} == {
        name: type(getattr(config, name)) for name in config.to_dict()}
    changed = common.resolve_model(model_arguments(path, settings=["IMAGE_MAX_DIM=192"])).config
    assert (changed.IMAGE_MAX_DIM, changed.BACKBONE_WIDTH) == (192, 0.25)
    named = common.resolve_model(model_arguments(path, config="tiny")).config
    assert named.to_dict() == config.to_dict(), "the name alone changes nothing"


def test_weights_of_another_network_are_refused_with_the_right_name(tmp_path, monkeypatch):
    monkeypatch.setattr(common, "published_weights", lambda *_: pytest.fail("fetched"))
    with pytest.raises(ValueError, match="--config=match_rcnn"):
        common.resolve_model(model_arguments("imagenet"))
    with pytest.raises(ValueError, match="--config=deepfashion2 or --config=via"):
        common.resolve_model(model_arguments("coco", config="tiny"))
    path = weights_file(tmp_path / "w.h5", name="tiny", backbone="resnet18", config={})
    with pytest.raises(ValueError, match="--config=tiny"):
        common.resolve_model(model_arguments(path, config="match_rcnn"))


def test_a_file_that_does_not_say_what_it_is_is_known_by_its_layers(tmp_path):
    import h5py

    path = tmp_path / "matterport.h5"
    with h5py.File(path, "w") as file:
        for block in "abcdef":
            file[f"res4{block}_branch2a/kernel:0"] = file[f"res4{block}_branch2c/kernel:0"] = [1.0]
    with pytest.raises(ValueError, match="resnet50.*--config=match_rcnn"):
        common.resolve_model(model_arguments(path))


def test_published_weights_are_fetched_or_a_way_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(common, "WEIGHTS", tmp_path)

    def offline(source, path, progress):
        raise ConnectionError(f"put it at {path}")

    monkeypatch.setattr(download, "fetch", offline)
    with pytest.raises(OSError, match="mask_rcnn_coco.h5"):
        common.resolve_model(model_arguments("coco"))
    (tmp_path / "mask_rcnn_coco.h5").write_bytes(b"put there by hand")
    model = common.resolve_model(model_arguments("coco"))
    assert model.weights.name == "mask_rcnn_coco.h5" and model.config.NAME == "deepfashion2"


@pytest.mark.parametrize("word, advice", [
    ("none.h5", "takes coco"), ("sample", "demo"), ("last", "No training"),
])
def test_weights_that_are_not_there(word, advice, tmp_path, monkeypatch):
    monkeypatch.setattr(common, "SAMPLE_WEIGHTS", tmp_path / "none.h5")
    with pytest.raises(OSError, match=advice):
        common.resolve_model(model_arguments(word, logs=tmp_path))


def test_last_is_the_configuration_that_trained_last(tmp_path):
    for age, name in enumerate(("tiny", "match_rcnn")):
        run = tmp_path / f"{name}20260101T0000"
        run.mkdir()
        backbone = CONFIGS[name].BACKBONE
        weights_file(run / f"mask_rcnn_{name}_0001.h5", name=name, backbone=backbone, config={})
        os.utime(run, (10 ** 9 - age, 10 ** 9 - age))
    last = common.resolve_model(model_arguments("last", logs=tmp_path))
    assert last.config.NAME == "tiny"
    other = common.resolve_model(model_arguments("last", config="match_rcnn", logs=tmp_path))
    assert other.weights.parent.name.startswith("match_rcnn")


def test_last_passes_over_a_configuration_that_never_saved(tmp_path):
    saved = tmp_path / "tiny20260101T0000"
    saved.mkdir()
    weights_file(saved / "mask_rcnn_tiny_0001.h5", name="tiny", backbone="resnet18", config={})
    os.utime(saved, (10 ** 9, 10 ** 9))
    (tmp_path / "deepfashion220260102T0000").mkdir()
    last = common.resolve_model(model_arguments("last", logs=tmp_path))
    assert last.weights.parent == saved


# ---- data ----


def test_without_data_the_sample_is_made_and_said(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("DEEPFASHION2_DIR", raising=False)
    monkeypatch.setattr(common.locate, "find_dataset", lambda path: None)
    monkeypatch.setattr(common, "SAMPLE", tmp_path / "sample")
    monkeypatch.setattr(common, "SAMPLE_IMAGES", 12)
    data = common.resolve_dataset()
    assert sum(data.sample["counts"].values()) == 12
    said = capsys.readouterr().out
    assert "made-up" in said and "github.com/switchablenorms/DeepFashion2" in said
    assert f"version {data.sample['version']}" in str(data)
    again = common.resolve_dataset()
    assert again == data


# ---- detect ----


class OneGarment:
    """Finds the same trousers on every photo."""

    def predict(self, images):
        for image in images:
            height, width = image.shape[:2]
            box = np.array([[0.25 * height, 0.25 * width, 0.75 * height, 0.75 * width]], np.float32)
            yield Raw((height, width), box, np.array([8]), np.array([0.9], np.float32),
                      np.ones((1, 28, 28), np.float32))


def photo_folder(folder):
    """Photos of all kinds, and some files that are none."""
    (folder / "deep").mkdir(parents=True)
    rgb = np.zeros((40, 60, 3), np.uint8)
    Image.fromarray(rgb).save(folder / "rgb.jpg")
    Image.fromarray(rgb[..., 0]).save(folder / "deep" / "gray.png")
    Image.fromarray(np.zeros((40, 60, 4), np.uint8)).save(folder / "rgba.png")
    Image.fromarray(np.full((40, 60), 40000, np.uint16)).save(folder / "sixteen.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter to look at it
    Image.fromarray(rgb).save(folder / "turned.jpg", exif=exif)
    Image.fromarray(rgb).save(folder / "deep" / "rgb.png")
    (folder / "cut.jpg").write_bytes((folder / "rgb.jpg").read_bytes()[:200])
    (folder / "notes.txt").write_text("no photo")
    return folder


def test_one_bad_photo_does_not_stop_the_rest(tmp_path):
    folder, output = photo_folder(tmp_path / "photos"), tmp_path / "photos" / "out"
    paths = detect.find_photos([str(folder)], output)
    pictures = detect.Pictures(output, ["BG", *"abcdefghijklm"])
    failed = detect.detect(OneGarment(), paths, pictures)
    pictures.write_json(failed)
    assert [path.name for path in failed] == ["cut.jpg"]
    drawn = {file.name for file in output.glob("*.jpg")}
    assert drawn == {"rgb.jpg", "rgb_2.jpg", "gray.jpg", "rgba.jpg", "sixteen.jpg", "turned.jpg"}
    assert detect.find_photos([str(folder)], output) == paths  # not what we drew ourselves
    content = json.loads((output / "detections.json").read_text())
    assert content["failed"][0]["file"].endswith("cut.jpg") and len(content["categories"]) == 13
    rows = {Path(row["file"]).name: row for row in content["images"]}
    turned = rows["turned.jpg"]
    assert (turned["height"], turned["width"]) == (60, 40)
    [found] = turned["detections"]
    assert found["bbox"] == [10, 15, 20, 30] and found["category"] == "h"
    assert found["segmentation"]["size"] == [60, 40]


def test_photos_by_file_folder_and_pattern(tmp_path):
    folder = photo_folder(tmp_path / "photos")

    def names(*patterns):
        return sorted(path.name for path in detect.find_photos(patterns, tmp_path / "out"))

    assert names(str(folder / "rgb.jpg"), str(folder / "*.jpg")) == [
        "cut.jpg", "rgb.jpg", "turned.jpg"]
    assert names(str(folder / "**" / "*.png")) == [
        "gray.png", "rgb.png", "rgba.png", "sixteen.png"]
    with pytest.raises(FileNotFoundError, match="no photo"):
        names(str(folder / "*.bmp"))


# ---- train ----


def test_a_training_that_goes_on_keeps_its_arguments(tmp_path):
    run = tmp_path / "tiny20260101T0000"
    run.mkdir()
    (run / train.ARGUMENTS).write_text(json.dumps({"limit": 7, "augment": "none"}))
    path = weights_file(run / "mask_rcnn_tiny_0003.h5", name="tiny")
    given = argparse.Namespace(**dict.fromkeys(train.DEFAULTS))
    given.keep = 9
    options = train._options(given, common.Model(CONFIGS["tiny"](), path))
    assert (options["limit"], options["augment"], options["keep"]) == (7, "none", 9)
    other = train._options(given, common.Model(CONFIGS["via"](), path))  # a new training
    assert (other["limit"], other["keep"]) == (None, 9)


def test_random_weights_train_their_batch_normalisation(capsys):
    arguments = argparse.Namespace(schedule="1x", steps=5, epochs=None, workers=None,
                                   precision=None, seed=3)
    model = common.Model(CONFIGS["match_rcnn"](), None)
    config = train._configure(model, arguments)
    assert config.TRAIN_BN is None and "TRAIN_BN" in capsys.readouterr().out
    assert (config.SCHEDULE, config.STEPS_PER_EPOCH, config.SEED) == ("1x", 5, 3)
    model = common.Model(model.config, Path("w.h5"))
    assert train._configure(model, arguments).TRAIN_BN is False


def configured(name, *settings, **arguments):
    """What `train` makes of a configuration that starts from weights."""
    given = dict.fromkeys(("schedule", "steps", "epochs", "workers", "precision", "seed"))
    namespace = argparse.Namespace(**given | arguments, set=list(settings))
    config = CONFIGS[name]().override(dict(text.split("=") for text in settings))
    return train._configure(common.Model(config, Path("w.h5")), namespace)


def test_another_schedule_brings_its_optimizer_and_length():
    config = configured("deepfashion2")
    assert (config.OPTIMIZER, config.HEAD_LEARNING_RATE_MULTIPLIER) == ("adam", 10)
    config = configured("deepfashion2", schedule="1x")
    assert (config.OPTIMIZER, config.HEAD_LEARNING_RATE_MULTIPLIER) == ("sgd", 1)
    assert configured("deepfashion2", "OPTIMIZER=adam", schedule="1x").OPTIMIZER == "adam"
    assert configured("tiny").EPOCHS == 10
    assert configured("tiny", schedule="paper").EPOCHS is None
    assert configured("tiny", schedule="constant", epochs=3).EPOCHS == 3
    assert configured("tiny", "EPOCHS=4", schedule="constant").EPOCHS == 4


def test_a_metric_that_no_epoch_has_is_refused_before_the_first():
    config = CONFIGS["tiny"]()
    for watch in (None, "loss", "val_mrcnn_mask_loss", "segm_AP50"):
        train._check_watch(watch, config, limit=10, has_validation=True)
    for watch, limit, has_validation in (
            ("segm_AP51", 10, True), ("segm_AP50", 0, True), ("val_loss", 10, False)):
        with pytest.raises(ValueError, match="--watch"):
            train._check_watch(watch, config, limit, has_validation)


@pytest.mark.parametrize("number", ["0", "-3", "many", "1.5"])
def test_counts_are_whole_numbers_from_one(number):
    with pytest.raises(argparse.ArgumentTypeError, match="from 1"):
        common.positive(number)


# ---- demo ----


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
        patch.setattr(common, "SAMPLE", folder / "sample")
        patch.setattr(common, "SAMPLE_IMAGES", 40)
        patch.setattr(common, "SAMPLE_WEIGHTS", folder / "sample.h5")
        patch.setattr(demo, "LEAST_STEPS", 3)
        patch.setattr(demo, "MOST_STEPS", 3)
        patch.setattr(demo, "MEASURED_IMAGES", 6)
        patch.setattr(demo, "DRAWN_IMAGES", 2)
        assert fashion.main(["demo", f"--output={folder}", "--debug"]) == 0
        yield folder


def test_the_demo_leaves_numbers_pictures_and_weights(demo_run):
    metrics = json.loads((demo_run / "metrics.json").read_text())
    assert {"bbox", "bbox_agnostic", "segm", "segm_agnostic"} <= set(metrics)
    assert metrics["images"] == 6 and metrics["sample"]["seed"] == common.SAMPLE_SEED
    assert np.asarray(Image.open(demo_run / "contact_sheet.png")).ndim == 3
    assert weights.read_metadata(demo_run / "sample.h5")["name"] == "tiny"


def test_what_the_demo_learned_detects(demo_run, capsys):
    photos = photo_folder(demo_run / "photos")
    code = fashion.main(["detect", "--weights=sample", f"--image={photos}", "--json",
                         f"--output={demo_run / 'found'}", "--debug"])
    assert code == 0
    said = capsys.readouterr().out
    assert "6 photos" in said and "cut.jpg" in said
    assert len(json.loads((demo_run / "found" / "detections.json").read_text())["images"]) == 6


def test_training_goes_on_from_what_the_demo_learned(demo_run, capsys):
    code = fashion.main([
        "train", "--weights=sample", f"--dataset={demo_run / 'sample'}", "--limit=4",
        f"--logs={demo_run / 'runs'}", "--steps=2", "--epochs=1", "--schedule=constant",
        "--watch=segm_AP", "--eval-limit=2", "--set", "IMAGE_MAX_DIM=128", "IMAGES_PER_GPU=1",
        "--debug"])
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
    code = fashion.main(["train", "--weights=sample", f"--dataset={demo_run / 'sample'}",
                         f"--logs={demo_run / 'file'}", "--epochs=1"])
    assert code == 1 and "--logs" in capsys.readouterr().err
