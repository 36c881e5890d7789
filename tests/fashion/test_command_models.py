"""Which weights and configuration the words of the command line stand for."""

import argparse
import json
import os

import pytest

import fashion.cspn.config  # noqa: F401 (adds landmark networks to CONFIGS)
from fashion.commands import models
from fashion.config import CONFIGS
from mrcnn import download, weights
from tests.fashion.command_files import weights_file
from tests.mrcnn.stand_in import StandInConfig, StandInNetwork


def model_arguments(weights="random", config=None, settings=(), logs="nowhere"):
    return argparse.Namespace(weights=str(weights), config=config, set=list(settings), logs=logs)


def test_knobs_are_set_by_text():
    model = models.resolve(model_arguments(
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
        models.resolve(model_arguments(settings=[text]))


def test_weights_bring_their_configuration(tmp_path):
    config = CONFIGS["tiny"]().override({"IMAGE_MAX_DIM": 128, "BACKBONE_WIDTH": 0.25})
    path = weights_file(tmp_path / "w.h5", name="tiny", backbone="resnet18",
                        config=json.loads(json.dumps(config.to_dict())))
    restored = models.resolve(model_arguments(path)).config
    assert restored.to_dict() == config.to_dict()
    assert {name: type(getattr(restored, name)) for name in config.to_dict()} == {
        name: type(getattr(config, name)) for name in config.to_dict()}
    changed = models.resolve(model_arguments(path, settings=["IMAGE_MAX_DIM=192"])).config
    assert (changed.IMAGE_MAX_DIM, changed.BACKBONE_WIDTH) == (192, 0.25)
    named = models.resolve(model_arguments(path, config="tiny")).config
    assert named.to_dict() == config.to_dict(), "the name alone changes nothing"


def test_knobs_younger_than_the_weights_change_nothing(tmp_path):
    saved = json.loads(json.dumps(CONFIGS["tiny"]().to_dict()))
    del saved["KEYPOINT_CANONICAL_SIZE"], saved["SCHEDULE"], saved["MATCH_CANONICAL_SIZE"]
    path = weights_file(tmp_path / "w.h5", name="tiny", backbone="resnet18", config=saved)
    restored = models.resolve(model_arguments(path)).config
    assert restored.KEYPOINT_CANONICAL_SIZE is None and restored.SCHEDULE == "constant"
    assert restored.MATCH_CANONICAL_SIZE is None  # MatchConfig's, not TinyConfig's
    assert (restored.NAME, restored.KEYPOINT_CONVS) == ("tiny", 3)


def test_a_keypoint_head_can_be_added_to_weights_that_know_of_none(tmp_path):
    knobs = CONFIGS["tiny"]().override({"HEADS": ("box", "mask")}).to_dict()
    saved = {name: value for name, value in knobs.items() if "KEYPOINT" not in name}
    saved["LOSS_WEIGHTS"] = {"mrcnn_mask_loss": 2.0}
    path = weights_file(tmp_path / "w.h5", name="tiny", backbone="resnet18", config=saved)
    arguments = model_arguments(path, settings=["HEADS=('box', 'keypoint')"])
    restored = models.resolve(arguments).config
    assert (restored.NUM_KEYPOINTS, restored.KEYPOINT_CANONICAL_SIZE) == (294, 168)
    assert len(restored.KEYPOINTS_OF_CLASS) == 13
    assert restored.LOSS_WEIGHTS == {"mrcnn_mask_loss": 2.0}


def test_weights_of_another_network_are_refused_with_the_right_name(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "published_weights", lambda *_: pytest.fail("fetched"))
    with pytest.raises(ValueError, match="--config=match_rcnn"):
        models.resolve(model_arguments("imagenet"))
    with pytest.raises(ValueError, match="--config=deepfashion2 or --config=via"):
        models.resolve(model_arguments("coco", config="tiny"))
    path = weights_file(tmp_path / "w.h5", name="tiny", backbone="resnet18", config={})
    with pytest.raises(ValueError, match=r"--config=tiny\.$"):  # and no landmark network
        models.resolve(model_arguments(path, config="match_rcnn"))


def test_a_file_that_does_not_say_what_it_is_is_known_by_its_layers(tmp_path):
    import h5py

    path = tmp_path / "matterport.h5"
    with h5py.File(path, "w") as file:
        for block in "abcdef":
            file[f"res4{block}_branch2a/kernel:0"] = file[f"res4{block}_branch2c/kernel:0"] = [1.0]
    with pytest.raises(ValueError, match="resnet50.*--config=match_rcnn"):
        models.resolve(model_arguments(path))


@pytest.mark.parametrize("classes, new", [(3, set()), (7, {"mrcnn_class_logits"})])
def test_only_layers_for_another_number_of_classes_start_anew(
        classes, new, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("mrcnn.mask_rcnn.Network", StandInNetwork)
    path = tmp_path / "w.h5"
    weights.save_weights(StandInNetwork(logits=classes), path)  # without metadata
    face = models.build("training", models.Model(StandInConfig(), path), tmp_path)
    assert face.report.new_layers == new
    assert ("7 classes there, 3 here: mrcnn_class_logits" in capsys.readouterr().out) == bool(new)


def test_published_weights_are_fetched_or_a_way_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "WEIGHTS", tmp_path)

    def offline(source, path, progress):
        raise ConnectionError(f"put it at {path}")

    monkeypatch.setattr(download, "fetch", offline)
    with pytest.raises(OSError, match="mask_rcnn_coco.h5"):
        models.resolve(model_arguments("coco"))
    (tmp_path / "mask_rcnn_coco.h5").write_bytes(b"put there by hand")
    model = models.resolve(model_arguments("coco"))
    assert model.weights.name == "mask_rcnn_coco.h5" and model.config.NAME == "deepfashion2"


@pytest.mark.parametrize("word, advice", [
    ("none.h5", "path of an .h5 file"), ("sample", "git checkout"), ("last", "No training"),
])
def test_weights_that_are_not_there(word, advice, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "SAMPLE_WEIGHTS", tmp_path / "none.h5")
    with pytest.raises(OSError, match=advice):
        models.resolve(model_arguments(word, logs=tmp_path))


@pytest.mark.parametrize("word", ["random", "coco", "index"])
def test_a_word_that_the_command_does_not_take_is_refused(word, capsys):
    parser = argparse.ArgumentParser()
    models.add_weights_argument(parser, ("sample", "last", "PATH"), default="sample")
    with pytest.raises(SystemExit):
        parser.parse_args([f"--weights={word}"])
    assert f"expected sample or last or PATH, got {word!r}" in " ".join(
        capsys.readouterr().err.split())
    assert parser.parse_args([f"--weights=./{word}"]).weights == f"./{word}"
    assert parser.parse_args([]).weights == "sample"


def test_last_is_the_configuration_that_trained_last(tmp_path):
    for age, name in enumerate(("tiny", "match_rcnn")):
        run = tmp_path / f"{name}20260101T0000"
        run.mkdir()
        backbone = CONFIGS[name].BACKBONE
        weights_file(run / f"mask_rcnn_{name}_0001.h5", name=name, backbone=backbone, config={})
        os.utime(run, (10 ** 9 - age, 10 ** 9 - age))
    last = models.resolve(model_arguments("last", logs=tmp_path))
    assert last.config.NAME == "tiny"
    other = models.resolve(model_arguments("last", config="match_rcnn", logs=tmp_path))
    assert other.weights.parent.name.startswith("match_rcnn")


def test_last_passes_over_a_configuration_that_never_saved(tmp_path):
    saved = tmp_path / "tiny20260101T0000"
    saved.mkdir()
    weights_file(saved / "mask_rcnn_tiny_0001.h5", name="tiny", backbone="resnet18", config={})
    os.utime(saved, (10 ** 9, 10 ** 9))
    (tmp_path / "deepfashion220260102T0000").mkdir()
    last = models.resolve(model_arguments("last", logs=tmp_path))
    assert last.weights.parent == saved
