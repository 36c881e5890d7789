"""The face: what Matterport's users call."""

import logging

import h5py
import keras
import numpy as np
import pytest

from mrcnn import boxes, download, stages, weights
from mrcnn.data.augment import Jitter
from mrcnn.data.loader import Loader
from mrcnn.matterport import images
from mrcnn.model import MaskRCNN
from mrcnn.training import Trainer
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
    monkeypatch.setattr("mrcnn.mask_rcnn.Network", StandInNetwork)


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
    for name in ("rois", "boxes", "class_ids", "scores"):
        np.testing.assert_array_equal(expected[0][name], got[0][name])


def test_an_epoch_s_weights_go_on_as_its_resume_file_does(tmp_path, stand_in, caplog):
    model = face(tmp_path)
    model.train(Squares(8, 1), None, epochs=1)
    again = face(tmp_path)
    again.load_weights(again.find_last())
    assert again.find_last() == str(model.run.checkpoint(1)) and again.epoch == 1
    trainer = again.train(Squares(8, 1), None, epochs=2)
    assert int(trainer.optimizer.iterations.numpy()) == trainer.progress.step == 4
    again.run.state(4).write_bytes(b"broken")
    last = face(tmp_path)
    last.load_weights(again.run.checkpoint(2))
    assert last.epoch == 2 and "Passed over" in caplog.text


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


def test_a_script_without_logging_hears_what_did_not_fit(tmp_path, stand_in, caplog, capsys):
    path = some_weights(face(tmp_path), tmp_path / "ours.h5")
    caplog.set_level(logging.WARNING, "mrcnn")
    face(tmp_path).load_weights(path)
    assert not capsys.readouterr().out
    face(tmp_path).load_weights(path, by_name=True, exclude=["conv1"])
    expected = "ours.h5: loaded 10 weights of 4 layers, excluded 2; new: conv1."
    assert capsys.readouterr().out == expected + "\n"
    caplog.set_level(logging.INFO, "mrcnn")
    face(tmp_path).load_weights(path, exclude=["conv1"])
    assert not capsys.readouterr().out and expected in caplog.text


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


def loaders_made(monkeypatch):
    """A list that fills with the keywords of every `Loader` that training makes."""
    seen = []

    def make(*args, **kwargs):
        seen.append({"config": args[1], **kwargs})
        return Loader(*args, **kwargs)

    monkeypatch.setattr("mrcnn.mask_rcnn.Loader", make)
    return seen


@pytest.mark.parametrize("convention, asked, filter", [
    ("corners", "auto", "bilinear"), ("aligned", "auto", "area"), ("corners", "area", "area")])
def test_photos_are_resized_as_the_weights_saw_theirs(
        tmp_path, stand_in, monkeypatch, convention, asked, filter):
    monkeypatch.setattr(StandInNetwork, "convention", convention)
    monkeypatch.setattr(Trainer, "fit", lambda *args: None)
    model, seen = face(tmp_path, RESIZE_FILTER=asked), loaders_made(monkeypatch)
    model.train(Squares(2, 1), Squares(2, 2), epochs=1)
    assert [kwargs["config"].RESIZE_FILTER for kwargs in seen] == [filter, filter]
    assert model.detector.resize_filter == filter and model.config.RESIZE_FILTER == asked


def test_train_takes_its_arguments_in_the_old_order(tmp_path, stand_in, monkeypatch):
    model, seen = face(tmp_path), loaders_made(monkeypatch)
    ended = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ended.append(epoch))
    model.train(Squares(2, 1), Squares(2, 2), 0.01, 1, "heads", Jitter(), [callback], ["made"])
    assert ended == [0] and model.epoch == 1
    assert seen[0]["no_augmentation_sources"] == ["made"] and seen[0]["augmentation"] is not None
    assert "augmentation" not in seen[1]  # validation is never augmented
    last = str(model.run.checkpoint(1))
    assert model.checkpoint_path.format(epoch=1) == model.find_last() == last


def test_layers_are_selected_as_before(tmp_path, stand_in, capsys, caplog):
    model = face(tmp_path)
    model.set_trainable(r"rpn\_.*", model.keras_model, indent=2)
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["Selecting layers to train", "  rpn_class_raw          (Dense)"]
    model.set_trainable("all", verbose=0)
    assert not capsys.readouterr().out and len(model.get_trainable_layers()) == 5
    dense = model.get_trainable_layers()[-1]
    assert model.find_trainable_layer(keras.layers.TimeDistributed(dense)) is dense
    assert model.find_trainable_layer(dense) is dense
    model.compile(0.1, 0.9)
    assert "pass learning_rate to train" in caplog.text


def test_imagenet_weights_are_kept_beside_the_code(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "published_weights", lambda name, folder: folder / name)
    path = face(tmp_path).get_imagenet_weights()
    assert path.endswith("imagenet") and weights.Path(path).parent.name == "weights"


def test_photos_that_do_not_mold_alike_are_refused(tmp_path):
    model = face(tmp_path, "inference", IMAGE_RESIZE_MODE="pad64")
    photos = [np.zeros((64, side, 3), np.uint8) for side in (64, 128)]
    with pytest.raises(ValueError, match=r"\(64, 64\), \(64, 128\).*use detect"):
        model.mold_inputs(photos)


def test_detections_come_back_as_before(tmp_path):
    """By hand: a 100x50 photo in the middle of 200x200, enlarged twice."""
    model, window = face(tmp_path), (0, 50, 200, 150)
    detections = np.zeros((4, 6), np.float32)
    boxes_px = [(20, 60, 100, 110), (0, 50, 200, 150)]
    detections[:2, :4] = boxes.normalise(np.array(boxes_px, float), (200, 200), "corners")
    detections[:2, 4:] = (2, 0.9), (1, 0.8)
    masks = np.zeros((4, 28, 28, 3))
    masks[0, :, :21, 2] = 1
    masks[1, ..., 2] = 1  # not its class
    rois, class_ids, scores, bitmaps = model.unmold_detections(
        detections, masks, (100, 50, 3), (200, 200, 3), window)
    assert rois.tolist() == [[10, 5, 50, 30], [0, 0, 100, 50]] and rois.dtype == np.int32
    assert class_ids.tolist() == [2, 1] and scores == pytest.approx([0.9, 0.8])
    rows, columns = np.nonzero(bitmaps[..., 0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 49, 5, 23)
    assert bitmaps.shape == (100, 50, 2) and not bitmaps[..., 1].any()
    nothing = model.unmold_detections(
        detections[2:], masks[2:], (100, 50, 3), (200, 200, 3), window)
    assert [x.shape for x in nothing] == [(0, 4), (0,), (0,), (100, 50, 0)]


@pytest.mark.parametrize("convention", boxes.CONVENTIONS)
def test_molded_photos_are_detected_alike(tmp_path, convention, capsys):
    keras.utils.set_random_seed(0)
    model = face(tmp_path, "inference", ROI_ALIGN=convention, HEADS=("box", "mask"))
    logits = model.network.layers_by_name()["mrcnn_mask"]
    logits.set_weights([0 * logits.kernel, 9 + logits.bias])  # every mask fills its box
    photo = Squares(1, 1).load_image(0)
    molded, metas, _ = model.mold_inputs([photo])
    assert metas.shape == (1, model.config.IMAGE_META_SIZE)
    np.testing.assert_array_equal(images.unmold_image(molded[0], model.config), photo)
    [expected], [found] = model.detect([photo]), model.detect_molded(molded, metas, verbose=1)
    assert set(expected) == {"rois", "boxes", "class_ids", "scores", "masks"}
    assert len(found["scores"]) == len(expected["scores"]) > 0
    assert "Processing 1 images" in capsys.readouterr().out
    np.testing.assert_allclose(found["scores"], expected["scores"], atol=1e-4)
    assert np.abs(found["rois"] - expected["boxes"]).max() <= 0.51
    assert found["rois"].dtype == expected["rois"].dtype == np.int32
    overlap = (found["masks"] & expected["masks"]).sum((0, 1))
    iou = overlap / (found["masks"] | expected["masks"]).sum((0, 1))
    assert iou.mean() >= {"corners": 1, "aligned": 0.6}[convention]  # boxes of 5 px, one rounded


def test_a_network_without_masks_detects_molded_photos(tmp_path):
    model = face(tmp_path, "inference", HEADS=("box",))
    molded, metas, _ = model.mold_inputs([Squares(1, 1).load_image(0)])
    [found] = model.detect_molded(molded, metas)
    assert set(found) == {"rois", "class_ids", "scores"} and len(found["rois"])


def test_graphs_of_both_modes_share_their_layers(tmp_path):
    model = face(tmp_path, HEADS=("box", "mask"))
    training, inference = (model.build(mode, model.config) for mode in ("training", "inference"))
    assert training.get_layer("fpn_p2") is inference.get_layer("fpn_p2")
    assert set(inference.output) == {"detections", "masks"}
    assert stages.ancestor(training.get_layer("mrcnn_bbox").output, "ROI:0") is not None


def test_the_graph_has_its_old_manners(tmp_path):
    """Scripts save the weights of `keras_model` under any name, and plot its history."""
    model = face(tmp_path / "logs", STEPS_PER_EPOCH=1)
    assert model.keras_model.history is None
    model.train(Squares(4, 1), Squares(2, 2), epochs=2)
    history = model.keras_model.history.history
    assert len(history["loss"]) == len(history["val_loss"]) == 2
    assert {"rpn_class_loss", "mrcnn_bbox_loss", "val_mrcnn_bbox_loss"} <= set(history)
    model.keras_model.save_weights(tmp_path / "final.h5")
    model.keras_model.save_weights(tmp_path / "final.weights.h5", overwrite=True)
    prints = {weights.fingerprint(model.network), weights.fingerprint(tmp_path / "final.h5")}
    assert len(prints) == 1 and "rpn_model" in h5py.File(tmp_path / "final.h5")
    again = face(tmp_path / "logs", "inference")
    again.load_weights(tmp_path / "final.weights.h5")
    assert weights.fingerprint(again.network) in prints


def test_every_epoch_s_file_stays_unless_asked(tmp_path, stand_in):
    model = face(tmp_path, STEPS_PER_EPOCH=1)
    model.train(Squares(8, 1), None, epochs=5)
    assert list(model.run.checkpoints()) == [5, 4, 3, 2, 1]
    model.train(Squares(8, 1), None, epochs=6, keep=2)
    assert list(model.run.checkpoints()) == [6, 5]
