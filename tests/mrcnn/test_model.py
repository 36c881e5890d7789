"""The face: what Matterport's users call."""

import h5py
import keras
import numpy as np
import pytest

from mrcnn import weights
from mrcnn.model import MaskRCNN
from tests.mrcnn.resumable import Squares, SquaresConfig
from tests.mrcnn.stand_in import StandInNetwork


def face(folder, mode="training", **knobs):
    knobs = {"STEPS_PER_EPOCH": 2, "MAX_GT_INSTANCES": 1, **knobs}
    return MaskRCNN(mode, SquaresConfig().override(knobs), folder)


def some_weights(model, path):
    model.save_weights(path)
    return path


@pytest.fixture
def stand_in(monkeypatch):
    """Faces get a network that trains in milliseconds, on the real data road."""
    monkeypatch.setattr("mrcnn.model.Network", StandInNetwork)


def test_trainings_follow_one_another_in_one_run(tmp_path, stand_in):
    logs = tmp_path / "logs"
    model = face(logs, STEPS_PER_EPOCH=2, VALIDATION_STEPS=1)
    assert not logs.exists()
    model.train(Squares(8, 1), Squares(5, 2), learning_rate=0.01, epochs=1, layers="heads")
    trainer = model.train(Squares(8, 1), None, learning_rate=0.001, epochs=2, layers="all")
    assert model.epoch == 2 and trainer.progress.step == 4 and trainer.stop_reason is None
    assert [path.name for path in logs.iterdir()] == [model.run.path.name]
    assert list(model.run.checkpoints()) == [2, 1]
    metadata = weights.read_metadata(model.find_last())
    assert metadata["class_names"] == ["BG", "square"] and metadata["name"] == "squares"


def test_the_last_training_goes_on(tmp_path, stand_in, caplog):
    model = face(tmp_path, STEPS_PER_EPOCH=3)
    stop = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: setattr(
        stop.model, "stop_training", batch == 1))
    assert model.train(Squares(8, 1), None, epochs=2, custom_callbacks=[stop]).progress.step == 2
    again = face(tmp_path, STEPS_PER_EPOCH=3, WEIGHT_DECAY=0.5)
    again.load_weights(again.find_last())
    assert again.epoch == 0 and again.log_dir == model.log_dir
    trainer = again.train(Squares(8, 1), None, epochs=2)
    assert again.epoch == 2 and trainer.progress.step == 6
    assert "Changed since this training stopped: WEIGHT_DECAY." in caplog.text
    assert int(trainer.optimizer.iterations.numpy()) == 6  # it was restored
    assert again.train(Squares(8, 1), None, epochs=2).progress.step == 6  # nothing left to do


def test_saved_weights_detect_the_same(tmp_path):
    model = face(tmp_path)
    path = some_weights(model, tmp_path / "weights.h5")
    other = face(tmp_path, "inference")
    other.load_weights(path)
    assert weights.fingerprint(other.network) == weights.fingerprint(model.network)
    image = Squares(1, 1).load_image(0)
    expected, got = model.detect([image]), other.detect([image], verbose=1)
    assert len(got) == 1 and len(got[0]["scores"])
    for name in ("rois", "class_ids", "scores"):
        np.testing.assert_array_equal(expected[0][name], got[0][name])


def test_weights_of_elsewhere_start_a_new_run(tmp_path):
    path = some_weights(face(tmp_path), tmp_path / "mask_rcnn_coco.h5")
    model = face(tmp_path)
    model.load_weights(path)
    assert model.epoch == 0 and not model.run.path.exists()
    other = some_weights(model, tmp_path / "other20260101T1200" / "mask_rcnn_other_0007.h5")
    model.load_weights(other)
    assert model.epoch == 0  # another configuration's run
    own = some_weights(model, tmp_path / "squares20260101T1200" / "mask_rcnn_squares_0007.h5")
    model.load_weights(own)
    assert model.epoch == 7 and model.log_dir == str(own.parent)
    model.set_log_dir()
    assert model.epoch == 0 and model.log_dir != str(own.parent)


def test_pooling_follows_the_weights(tmp_path):
    path = some_weights(face(tmp_path), tmp_path / "ours.h5")
    assert weights.convention(path) == "aligned"
    with h5py.File(path, "a") as file:
        del file.attrs["mask_rcnn"]  # what is left is a file as Matterport's code writes it
    model = face(tmp_path)
    assert model.network.convention == "aligned" and model.keras_model
    model.load_weights(path)
    assert model.network.convention == "corners"
    recorded = some_weights(model, tmp_path / "corners.h5")
    assert weights.read_metadata(recorded)["roi_align"] == "corners"
    decided = face(tmp_path, ROI_ALIGN="aligned")
    decided.load_weights(path)
    assert decided.network.convention == "aligned"


def test_layers_without_loaded_weights_are_new(tmp_path, stand_in):
    path = some_weights(face(tmp_path), tmp_path / "ours.h5")
    model = face(tmp_path, HEAD_LEARNING_RATE_MULTIPLIER=5.0)
    model.load_weights(path, exclude=["mrcnn_class_logits"])
    model.load_weights(path, exclude=["mrcnn_class_logits", "conv1"])  # conv1 came before
    trainer = model.train(Squares(2, 1), None, epochs=1, schedule="paper")
    assert trainer.progress.new_layers == ["mrcnn_class_logits"]
    assert trainer.optimizer.multipliers == {
        "mrcnn_class_logits/kernel": 5.0, "mrcnn_class_logits/bias": 5.0}


def test_layers_that_a_complete_file_gave_are_never_new(tmp_path, stand_in):
    path = some_weights(face(tmp_path), tmp_path / "ours.h5")
    model = face(tmp_path)
    model.load_weights(path)
    model.load_weights(path, exclude=["conv1"])  # and conv1 keeps what it has
    trainer = model.train(Squares(2, 1), None, epochs=1)
    assert trainer.progress.new_layers == []


def test_weights_of_an_epoch_say_which_layers_were_new_and_which_epoch_was_best(
        tmp_path, stand_in):
    path = some_weights(face(tmp_path), tmp_path / "ours.h5")
    model = face(tmp_path / "logs")
    model.load_weights(path, exclude=["mrcnn_class_logits"])
    first = model.train(Squares(4, 1), None, epochs=1).progress
    assert first.watch == "loss" and first.best_epoch == 1
    again = face(tmp_path / "logs")
    again.load_weights(model.run.checkpoint(1))
    assert again.epoch == 1
    progress = again.train(Squares(4, 1), None, epochs=1).progress  # nothing left to do
    assert (progress.watch, progress.best, progress.best_epoch) == ("loss", first.best, 1)
    assert progress.new_layers == ["mrcnn_class_logits"] and progress.step == 2


def test_weights_that_do_not_fit_leave_the_model_as_it_was(tmp_path):
    path = some_weights(face(tmp_path), tmp_path / "odd.h5")
    with h5py.File(path, "a") as file:
        del file.attrs["mask_rcnn"]  # of Matterport's convention, then,
        del file["fpn_p2"]  # and not whole
    model = face(tmp_path)
    network, graph = model.network, model.keras_model
    with pytest.raises(weights.WeightsError):
        model.load_weights(path)
    assert model.network is network and model.keras_model is graph
    assert network.convention == "aligned" and model.report is None
    fresh = face(tmp_path)
    with pytest.raises(weights.WeightsError):
        fresh.load_weights(path)
    assert fresh.network.convention == "aligned"


def test_modes_are_checked(tmp_path):
    with pytest.raises(ValueError, match="'training' or 'inference', got 'train'"):
        face(tmp_path, "train")
    with pytest.raises(ValueError, match="mode='training'"):
        face(tmp_path, "inference").train(Squares(2, 1), None)


def test_a_logs_folder_that_cannot_be_written_to_is_said_before_training(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PermissionError, match="nothing can be written"):
        face(tmp_path / "file").train(Squares(2, 1), None, epochs=1)
