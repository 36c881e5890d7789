"""`train`: its arguments, what they make of a configuration, and landmarks in two steps."""

import argparse
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from fashion import fashion
from fashion.commands import data_sets, models, train
from fashion.config import CONFIGS
from fashion.datasets.sample import write_sample
from fashion.landmark_groups import LANDMARK_GROUPS, NUM_GROUPS
from mrcnn import resume, weights
from mrcnn.network import Network
from tests.fashion.command_files import weights_file

MAPS = "mrcnn_keypoint/mrcnn_keypoint/kernel:0"


def test_a_training_that_goes_on_keeps_its_arguments(tmp_path):
    run = tmp_path / "tiny20260101T0000"
    run.mkdir()
    (run / train.ARGUMENTS).write_text(json.dumps({"limit": 7, "augment": "none"}))
    path = weights_file(run / "mask_rcnn_tiny_0003.h5", name="tiny")
    given = argparse.Namespace(**dict.fromkeys(train.DEFAULTS))
    given.keep = 9
    options = train.options_of(given, models.Model(CONFIGS["tiny"](), path))
    assert (options["limit"], options["augment"], options["keep"]) == (7, "none", 9)
    other = train.options_of(given, models.Model(CONFIGS["via"](), path))  # a new training
    assert (other["limit"], other["keep"]) == (None, 9)


def bare_arguments(*settings, **given):
    """Arguments that decide on a configuration, None where not given."""
    names = ("schedule", "steps", "epochs", "workers", "precision", "seed", "landmarks")
    return argparse.Namespace(**dict.fromkeys(names) | given, set=list(settings))


def test_random_weights_train_their_batch_normalisation(capsys):
    arguments = bare_arguments(schedule="1x", steps=5, seed=3)
    model = models.Model(CONFIGS["match_rcnn"](), None)
    config = train.configure(model, arguments)
    assert config.TRAIN_BN is None and "TRAIN_BN" in capsys.readouterr().out
    assert (config.SCHEDULE, config.STEPS_PER_EPOCH, config.SEED) == ("1x", 5, 3)
    model = models.Model(model.config, Path("w.h5"))
    assert train.configure(model, arguments).TRAIN_BN is False


def configured(name, *settings, **given):
    """What `train` makes of a configuration that starts from weights."""
    config = CONFIGS[name]().override(dict(text.split("=") for text in settings))
    return train.configure(models.Model(config, Path("w.h5")), bare_arguments(*settings, **given))


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
    network = Network(CONFIGS["tiny"]().override({"HEADS": ("box", "mask"), "LOSS_WEIGHTS": {}}))
    for watch in (None, "loss", "rpn_bbox_loss", "val_mrcnn_mask_loss", "segm_AP50"):
        train.check_watch(watch, network, limit=10, has_validation=True)
    for watch, limit, has_validation in (
            ("segm_AP51", 10, True), ("segm_AP50", 0, True), ("val_loss", 10, False),
            ("mrcnn_keypoint_loss", 10, True), ("keypoints_visible_AP", 10, True)):
        with pytest.raises(ValueError, match="--watch"):
            train.check_watch(watch, network, limit, has_validation)


# ---- TensorBoard ----

def asked(*words):
    """Options of `train` with such arguments."""
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    arguments = parser.parse_args(["--weights=random", *words])
    return train.options_of(arguments, models.Model(CONFIGS["tiny"](), None))


def face_of(name):
    return argparse.Namespace(config=CONFIGS[name](), model_dir=Path("logs/mine"))


def test_tensorboard_is_told_of_and_gets_the_extras_that_were_asked_for(capsys):
    assert train.tensorboard_extras(asked(), face_of("tiny")) == ()
    assert capsys.readouterr().out == ""
    assert train.tensorboard_extras(asked("--tensorboard"), face_of("tiny")) == ()
    assert f"tensorboard --logdir={Path('logs/mine')}" in capsys.readouterr().out
    options = asked("--tensorboard", "embeddings", "profile", "--eval-every=5")
    assert train.tensorboard_extras(options, face_of("tiny")) == ("embeddings", "profile")
    assert options["eval_every"] == 5


@pytest.mark.parametrize("name, has_validation", [("deepfashion2", True), ("tiny", False)])
def test_embeddings_that_are_not_there_are_refused(name, has_validation):
    with pytest.raises(ValueError, match="a match head and validation images"):
        train.tensorboard_extras(asked("--tensorboard", "embeddings"), face_of(name),
                                 has_validation)


def test_extras_that_are_not_known_are_refused(capsys):
    with pytest.raises(SystemExit):
        asked("--tensorboard", "histogram")
    assert "invalid choice: 'histogram'" in capsys.readouterr().err


def test_what_watches_measures_as_often_as_asked_for(monkeypatch):
    from fashion.evaluation import embedding_map, watching

    made = []
    for module, name in ((watching, "AveragePrecision"), (embedding_map, "EmbeddingMap")):
        monkeypatch.setattr(module, name, lambda *words, name=name, **more: made.append(
            (name, words[2:], more)) or name)
    network = argparse.Namespace(config=CONFIGS["tiny"](), convention="aligned")
    face = argparse.Namespace(network=network, run="run")
    validation = argparse.Namespace(image_ids=np.arange(40))
    watched = train.watch_with(face, validation, 10, 3, ("embeddings", "profile"))
    assert watched["custom_callbacks"] == ["AveragePrecision", "EmbeddingMap"]
    assert made == [("AveragePrecision", (10,), {"every": 3}),
                    ("EmbeddingMap", ("run", train.MAPPED_IMAGES, 3), {})]
    assert train.watch_with(face, validation, 0)["custom_callbacks"] == []


# ---- landmarks ----


def test_heatmaps_are_shared_by_parts_or_by_none():
    shared = configured("tiny", landmarks="parts")
    assert shared.LANDMARK_GROUPS == list(LANDMARK_GROUPS)
    shared.LANDMARK_GROUPS = list(LANDMARK_GROUPS)
    kept = train.configure(models.Model(shared, None), bare_arguments())
    assert kept.LANDMARK_GROUPS == shared.LANDMARK_GROUPS
    own = train.configure(models.Model(shared, None), bare_arguments(landmarks="own"))
    assert own.LANDMARK_GROUPS is None
    with pytest.raises(ValueError, match="via has no head for.*294"):
        configured("via", landmarks="parts")


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Folder of a training with shared heatmaps that is over after a step."""
    folder = tmp_path_factory.mktemp("parts")
    write_sample(folder / "sample", 4, seed=1, validation=0)
    assert fashion.main([
        "train", "--weights=random", "--config=tiny", "--landmarks=parts", "--published-flips",
        f"--dataset={folder / 'sample'}", f"--logs={folder / 'logs'}", "--steps=1", "--epochs=1",
        "--debug", "--set", "IMAGE_MAX_DIM=64", "IMAGES_PER_GPU=1", "BACKBONE_WIDTH=0.25",
        "KEYPOINT_CONVS=1", "HEADS=('box', 'keypoint')"]) == 0
    return folder / "logs"


def trained(logs):
    """(run folder, saved configuration, heatmap kernel) of the newest training."""
    path = resume.find_last(logs, "tiny")
    with h5py.File(path) as file:
        return path.parent, weights.read_metadata(path)["config"], file[MAPS][()]


def test_landmarks_train_as_parts_and_then_each_by_itself(logs, monkeypatch, capsys):
    load, loaded = data_sets.load, []
    monkeypatch.setattr(data_sets, "load", lambda *words, **more: loaded.append(
        load(*words, **more)) or loaded[-1])
    first, saved, parts = trained(logs)
    assert saved["LANDMARK_GROUPS"] == list(LANDMARK_GROUPS) and parts.shape[2] == NUM_GROUPS
    words = ["train", "--weights=last", f"--logs={logs}", "--landmarks=own", "--rate=1e-12",
             "--debug"]
    assert fashion.main(words) == 0
    assert capsys.readouterr().out.count(f"--weights=last --logs={logs}") == 3, "what to do next"
    second, saved, own = trained(logs)
    assert second != first, "the second step has a schedule of its own"
    assert saved["LANDMARK_GROUPS"] is None
    np.testing.assert_allclose(own, parts[:, :, list(LANDMARK_GROUPS)], atol=1e-6)
    assert loaded[-1].published_flips, "not asked for again"
    assert fashion.main([*words, "--no-published-flips"]) == 0
    assert trained(logs)[0] == second and not loaded[-1].published_flips
