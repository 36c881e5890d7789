"""What a training leaves behind: the log of losses, TensorBoard's events, the best epoch."""

import json
import sys

import keras
import numpy as np
import pytest

from mrcnn import callbacks, resume
from mrcnn.callbacks import LossLog, ProgressReport, TensorBoard
from mrcnn.checkpoints import Checkpoints
from mrcnn.plan import describe
from mrcnn.resume import RunFolder
from tests.mrcnn.stand_in import batch, batches
from tests.mrcnn.test_training import LOSSES, fit, trainer


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path / "logs", "standin")


class Metric(keras.callbacks.Callback):
    """Adds a metric to the logs, as an evaluation does."""

    def __init__(self, name, values):
        super().__init__()
        self.name, self.values = name, values

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[epoch]


# ---- checkpoints ----

def best(run):
    return json.loads((run.path / "best.json").read_text(encoding="utf-8"))


def test_every_epoch_leaves_weights_and_a_state(run):
    made = trainer()
    fit(made, Checkpoints(made, run, {"name": "standin"}, every=3))
    assert list(run.checkpoints()) == [2, 1] and list(run.states()) == [8, 6]
    assert resume.parse_path(run.checkpoint(2), "standin") == (run.path, 2)
    metadata = resume.weights.read_metadata(run.checkpoint(2))
    assert metadata == {
        "name": "standin", "epoch": 2, "step": 8, "watch": "loss", "best": made.progress.best,
        "best_epoch": made.progress.best_epoch, "new_layers": []}
    assert resume.read_progress(run.state(6)).epoch == 1


@pytest.mark.parametrize("name, values, number", [
    ("AP50", [0.1, 0.5, 0.3], 2), ("val_mrcnn_mask_loss", [0.3, 0.5, 0.1], 3)])
def test_any_metric_chooses_the_best_epoch(run, name, values, number):
    made = trainer(epochs=3)
    fit(made, Metric(name, values), Checkpoints(made, run, {}, keep=1, watch=name))
    assert best(run) == {"epoch": number, "metric": name, "value": values[number - 1],
                         "weights": f"mask_rcnn_standin_{number:04d}.h5"}
    assert set(run.checkpoints()) == {number, 3}


def test_training_stops_when_it_gets_no_better(run):
    made = trainer(epochs=6)
    metric = Metric("AP", [0.1, 0.2, 0.2, 0.1, 0.9, 0.9])
    fit(made, metric, Checkpoints(made, run, {}, watch="AP", patience=2))
    assert made.progress.epoch == 4 and made.stop_reason == "stopped by a callback"


def test_the_validation_loss_is_watched_by_default(run):
    made = trainer(epochs=1)
    log = fit(made, Checkpoints(made, run, {}), validation=[batch(1)])
    assert best(run)["metric"] == "val_loss"
    assert best(run)["value"] == log.epochs[0]["val_loss"]


def test_a_metric_that_is_not_there_is_named_once_the_epoch_is_saved(run):
    made = trainer(epochs=2)
    with pytest.raises(ValueError, match="No metric 'AP' to watch; an epoch has loss, "):
        fit(made, Checkpoints(made, run, {}, watch="AP"))
    assert list(run.checkpoints()) == [1] and list(run.states()) == [4]


def test_a_metric_of_some_epochs_is_watched_in_those(run):
    class Sometimes(Metric):
        def on_epoch_end(self, epoch, logs=None):
            if epoch % 2 == 0:
                super().on_epoch_end(epoch, logs)

    made = trainer(epochs=6)
    metric = Sometimes("AP", [0.1, None, 0.3, None, 0.2, None])
    fit(made, metric, Checkpoints(made, run, {}, keep=1, watch="AP", patience=4))
    assert best(run)["epoch"] == 3 and made.progress.epoch == 6
    assert set(run.checkpoints()) == {3, 6}


# ---- the log of losses ----

def rows(run):
    text = (run.path / "losses.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_every_step_is_logged(run):
    made = trainer()
    log = fit(made, LossLog(made, run))
    assert [row["step"] for row in rows(run)] == list(range(1, 9))
    assert rows(run)[3]["loss"] == log.steps[3]["loss"]
    assert set(rows(run)[0]) == LOSSES | {"step", "learning_rate", "seconds", "wait_seconds"}


def test_steps_made_again_replace_the_old_ones(run):
    lines = [json.dumps({"step": step, "loss": 99}) for step in range(1, 7)]
    (run.make() / "losses.jsonl").write_text("\n".join(lines) + '\n{"step": 7, "lo')
    made = trainer()
    made.progress.step, made.progress.epoch = 4, 1
    fit(made, LossLog(made, run))
    assert [row["step"] for row in rows(run)] == list(range(1, 9))
    assert [row["loss"] == 99 for row in rows(run)] == [True] * 4 + [False] * 4


# ---- progress ----

def test_lines_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr(callbacks, "LINE_SECONDS", -1)
    monkeypatch.setattr(callbacks, "_can_redraw", lambda: False)
    made = trainer()
    fit(made, Metric("AP50", [0.25, 0.5]), ProgressReport(made), validation=[batch(1)])
    shown = capsys.readouterr().out
    assert "Step 6 of 8: loss" in shown and "s a step, 0 min left" in shown
    assert "Epoch 2 of 2: loss " in shown and ", rpn_class " in shown
    assert "validation: loss " in shown and "AP50 0.5" in shown


def test_a_bar_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(callbacks, "_can_redraw", lambda: True)
    made = trainer(epochs=1)
    fit(made, ProgressReport(made))
    shown = capsys.readouterr().err
    assert "Epoch 1/1" in shown and "4/4" in shown and "s a step" in shown


def test_the_plan_says_what_will_happen(run):
    text = describe(trainer(ACCUMULATION_STEPS=4), run, "coco.h5", 32, 5)
    for words in ("standin: resnet101, 64 x 64 px, 3 classes", "32 to train, 5 to validate",
                  "8 images: 2 on each of 1 devices, 4 times a step", "float32",
                  "constant: rate 0.01 for 2 epochs", "sgd", "at step 0", "coco.h5",
                  "at step 8 = epoch 2 of 4 steps: every image about 2 times", str(run.path)):
        assert words in text


# ---- TensorBoard ----

def events(folder):
    """{tag: [(step, value)]} of an events folder; pictures as their number of bytes."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util import tensor_util

    found = {}
    for file in folder.glob("events.*"):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                number = tensor_util.make_ndarray(value.tensor)
                found.setdefault(value.tag, []).append((event.step, number))
    return found


def test_tensorboard_gets_losses_rates_configuration_and_pictures(run):
    made = trainer()
    drawn = []

    def draw(image_id):
        drawn.append(image_id)
        if image_id == "bad":
            raise ValueError("no such photo")
        return {"detections": np.zeros((8, 8, 3), np.uint8)}

    fit(made, Metric("AP50", [0.25, 0.5]), TensorBoard(made, run, draw, ["a", "bad"]),
        validation=[batch(1)])
    train, validation = events(run.path / "train"), events(run.path / "validation")
    losses = {f"losses/{name}" for name in LOSSES}
    assert losses < set(train) and losses < set(validation)  # the same names: the same charts
    assert [step for step, _ in train["optimizer/learning_rate"]] == list(range(1, 9))
    assert [step for step, _ in validation["losses/rpn_class_loss"]] == [4, 8]
    assert [float(value) for _, value in validation["measured/AP50"]] == [0.25, 0.5]
    assert {"speed/images_per_second", "speed/share_of_time_waiting_for_data"} < set(train)
    assert train["optimizer/gradient_norm"][-1][1] == pytest.approx(made.gradient_norm)
    assert made.gradient_norm > 0
    assert not any(tag.startswith("weights/") for tag in train), "nobody asked for histograms"
    assert b"| GRADIENT_CLIP_NORM | None |" in train["configuration"][0][1].item()
    assert len(validation["detections/a"]) == 2 and "detections/bad" not in validation
    assert drawn == ["a", "bad"] * 2


def test_tensorboard_gets_histograms_and_a_profile_if_asked_for(run, monkeypatch):
    monkeypatch.setattr(callbacks, "PROFILED_STEPS", (2, 4))
    made = trainer()
    fit(made, TensorBoard(made, run, extras=("histograms", "profile")))
    train = events(run.path / "train")
    [first, second] = train["weights/conv1/kernel"]
    assert (first[0], second[0]) == (4, 8)
    kernel = made.network.layers_by_name()["conv1"].get_weights()[0]
    lower, upper, counts = second[1].T
    assert counts.sum() == kernel.size
    assert lower.min() == pytest.approx(kernel.min()) and upper.max() == pytest.approx(kernel.max())
    assert list((run.path / "train").rglob("*.xplane.pb"))


def test_a_training_that_ends_within_the_profile_ends_it_too(run, monkeypatch):
    monkeypatch.setattr(callbacks, "PROFILED_STEPS", (6, 100))
    for _ in range(2):  # a profile that was left running could not be started again
        made = trainer()
        fit(made, TensorBoard(made, run, extras=("profile",)))
    assert len({path.parent for path in run.path.rglob("*.xplane.pb")}) >= 1


def test_without_tensorflow_there_is_a_word_and_no_tensorboard(run, caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    board = TensorBoard(None, run)
    assert "TensorFlow, which is not installed" in caplog.text
    monkeypatch.undo()
    board.trainer = made = trainer(epochs=1)
    made.fit(batches(), [batch(1)], [board])
    assert not run.path.exists()
