"""The training loop, on a network that trains in milliseconds."""

import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from mrcnn import training, weights
from mrcnn.checkpoints import Checkpoints
from mrcnn.resume import RunFolder
from mrcnn.schedules import Schedule, Stage, make_schedule
from mrcnn.trainable import set_trainable
from tests.mrcnn.stand_in import StandInConfig, StandInNetwork, batch, batches, twin

ROOT = Path(__file__).parents[2]
LOSSES = {"loss", "rpn_class_loss", "mrcnn_class_loss"}


class Log(keras.callbacks.Callback):
    """Remembers what a callback is told."""

    def __init__(self):
        super().__init__()
        self.calls, self.steps, self.rates, self.epochs = [], [], [], []

    def on_train_begin(self, logs=None):
        self.calls.append("begin")

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(batch)
        self.steps.append(logs)
        self.rates.append(float(self.model.optimizer.learning_rate.numpy()))

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(f"epoch {epoch}")
        self.epochs.append(logs)

    def on_train_end(self, logs=None):
        self.calls.append("end")


class Do(keras.callbacks.Callback):
    """Does something after a step."""

    def __init__(self, index, action):
        super().__init__()
        self.index, self.action = index, action

    def on_train_batch_end(self, batch, logs=None):
        if batch == self.index:
            self.action(self)


def trainer(network=None, schedule=None, epochs=2, seed=0, **knobs):
    keras.utils.set_random_seed(seed)
    config = StandInConfig().override(knobs)
    schedule = schedule or make_schedule(config, config.STEPS_PER_EPOCH, "constant", epochs=epochs)
    return training.Trainer(
        network or StandInNetwork(config), config, schedule, config.STEPS_PER_EPOCH)


def fit(made, *callbacks, data=None, **kwargs):
    log = Log()
    made.fit(data or batches(), callbacks=[log, *callbacks], **kwargs)
    return log


def weights_of(network):
    return np.concatenate([w.numpy().ravel() for layer in network.layers_by_name().values()
                           for w in layer.weights])


# ---- losses ----

def test_total_is_the_mean_over_images_of_the_weighted_sum():
    network = StandInNetwork(noise=False)
    made = trainer(network, epochs=1, STEPS_PER_EPOCH=1,
                   LOSS_WEIGHTS={"rpn_class_loss": 3.0, "mrcnn_class_loss": 0.5})
    per_image = network.training_graph().predict_on_batch(batch(0))
    step, = fit(made).steps
    rpn, mrcnn = (float(per_image[f"{name}_class_loss"].mean()) for name in ("rpn", "mrcnn"))
    assert step == pytest.approx(
        {"loss": 3 * rpn + 0.5 * mrcnn, "rpn_class_loss": rpn, "mrcnn_class_loss": mrcnn},
        rel=1e-5)


def test_training_learns():
    steps = fit(trainer(epochs=30)).steps
    assert np.mean([s["loss"] for s in steps[-8:]]) < 0.7 * steps[0]["loss"]


def test_callbacks_are_called_as_by_fit():
    log = fit(trainer())
    assert log.calls == ["begin", 0, 1, 2, 3, "epoch 0", 0, 1, 2, 3, "epoch 1", "end"]
    assert all(set(logs) == LOSSES for logs in log.steps + log.epochs)
    for name in LOSSES:
        assert log.epochs[1][name] == pytest.approx(np.mean([s[name] for s in log.steps[4:]]))


def test_validation_counts_every_image_once_and_repeats_itself():
    made = trainer()
    ragged = [batch(0, images=4), batch(1, images=1)]
    log = fit(made, validation=ragged)
    assert set(log.epochs[0]) == LOSSES | {f"val_{name}" for name in LOSSES}
    before = [v.numpy() for v in made.model.random_state]
    means = [made.validate(data) for data in (ragged, ragged, ragged[:1], ragged[1:])]
    assert means[0] == means[1]
    assert all(np.array_equal(a, v.numpy())
               for a, v in zip(before, made.model.random_state, strict=True))
    # The noise is drawn batch by batch, so this holds to its size only.
    assert means[0]["loss"] == pytest.approx((4 * means[2]["loss"] + means[3]["loss"]) / 5, rel=.02)


def test_an_empty_validation_set_is_refused():
    with pytest.raises(ValueError, match="validation set has no images"):
        fit(trainer(), validation=[])


# ---- steps ----

@pytest.mark.parametrize("clip", [None, 0.05])
def test_accumulating_two_batches_of_one_equals_a_batch_of_two(clip):
    knobs = {"GRADIENT_CLIP_NORM": clip, "WEIGHT_DECAY": 0.01}
    whole = StandInNetwork(noise=False)
    halves = twin(whole)
    singles = ({name: value[i:i + 1] for name, value in pair.items()}
               for pair in batches() for i in range(2))
    by_two, by_one = trainer(whole, **knobs), trainer(halves, ACCUMULATION_STEPS=2, **knobs)
    log, accumulated = fit(by_two), fit(by_one, data=singles)
    assert by_one.gradient_norm == pytest.approx(by_two.gradient_norm, rel=1e-4)
    assert accumulated.calls == log.calls
    for ours, theirs in zip(accumulated.steps, log.steps, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)
    np.testing.assert_allclose(weights_of(halves), weights_of(whole), atol=1e-6)


def test_the_rate_follows_the_schedule_step_by_step():
    schedule = Schedule("own", (Stage("all", 6),), lambda step: 0.1 / (step + 1), "")
    log = fit(trainer(schedule=schedule))
    assert log.rates == pytest.approx([0.1 / n for n in range(1, 7)])
    assert log.calls[-3:] == [1, "epoch 1", "end"]  # the last epoch is shorter


def test_a_callback_may_set_the_rate_where_the_schedule_stays_level():
    def halve(callback):
        callback.model.optimizer.learning_rate = 0.005

    assert fit(trainer(epochs=1), Do(1, halve)).rates == pytest.approx([.01, .01, .005, .005])


def test_every_stage_trains_its_layers():
    network = StandInNetwork()
    schedule = Schedule(
        "own", (Stage("heads", 2), Stage("4+", 4), Stage("all", 6)), lambda step: 0.1, "")
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.before = {n: x.weights[0].numpy() for n, x in network.layers_by_name().items()}

        def on_train_batch_end(self, batch, logs=None):
            seen.append({n for n, x in network.layers_by_name().items()
                         if not np.array_equal(x.weights[0].numpy(), self.before[n])})

    fit(trainer(network, schedule), Watch())
    heads = {"rpn_class_raw", "mrcnn_class_logits"}
    assert seen == [heads] * 2 + [heads | {"res4a_branch2a"}] * 2 + [
        heads | {"res4a_branch2a", "conv1"}] * 2


@pytest.mark.parametrize("layers, trained", [
    ("heads", {"rpn_class_raw", "mrcnn_class_logits"}),
    ("5+", {"rpn_class_raw", "mrcnn_class_logits"}),
    ("3+", {"rpn_class_raw", "mrcnn_class_logits", "res4a_branch2a"}),
    ("all", {"rpn_class_raw", "mrcnn_class_logits", "res4a_branch2a", "conv1"}),
    (r"mrcnn_.*", {"mrcnn_class_logits"}),
])
def test_layer_selections(layers, trained):
    network = StandInNetwork()  # TRAIN_BN = False: bn_conv1 never trains
    set_trainable(network, layers)
    assert {n for n, x in network.layers_by_name().items() if x.trainable_variables} == trained


def test_batch_norm_trains_where_it_may():
    network = StandInNetwork(StandInConfig().override({"TRAIN_BN": None}))
    set_trainable(network, "all")
    assert len(network.layers_by_name()["bn_conv1"].trainable_variables) == 2


@pytest.mark.parametrize("layers, words", [("head", "No layer.*'head'.*conv1"), ("(", "heads, 3+")])
def test_a_wrong_selection_is_refused(layers, words):
    with pytest.raises(ValueError, match=words.replace("+", r"\+")):
        set_trainable(StandInNetwork(), layers)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_reduced_precision_trains(precision):
    log = fit(trainer(PRECISION=precision))
    assert log.steps[-1]["loss"] < log.steps[0]["loss"]
    assert all(math.isfinite(step["loss"]) for step in log.steps)


# ---- stopping ----

def test_ctrl_c_ends_after_the_step_and_saves(tmp_path):
    made, run = trainer(), RunFolder(tmp_path, "standin")
    checkpoints = Checkpoints(made, run, {})
    before = signal.getsignal(signal.SIGINT)  # ignored where the tests run in the background
    log = fit(made, Do(1, lambda _: os.kill(os.getpid(), signal.SIGINT)), checkpoints)
    assert log.calls == ["begin", 0, 1, "end"]
    assert made.stop_reason == "interrupted" and made.progress.step == 2
    assert list(run.states()) == [2] and checkpoints.last_state == run.state(2)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_acts_at_once():
    def twice(_):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        fit(trainer(), Do(1, twice))


def test_a_callback_may_stop_training():
    made = trainer()
    log = fit(made, Do(2, lambda callback: setattr(callback.model, "stop_training", True)))
    assert log.calls[-2:] == [2, "end"] and made.stop_reason == "stopped by a callback"


def test_a_loss_that_is_no_number_stops_and_keeps_what_was_good(tmp_path):
    network = StandInNetwork()
    made, run = trainer(network, epochs=3), RunFolder(tmp_path, "standin")

    def spoil(callback):
        if made.progress.epoch == 1:
            bias = network.layers_by_name()["rpn_class_raw"].bias
            bias.assign(np.full(2, np.nan))

    with pytest.raises(training.NonFiniteLoss, match="Step 7 gave loss nan, rpn_class_loss nan "
                                                     r"\(all losses: .*mrcnn_class_loss [\d.]+"
                                                     ".*--rate"):
        fit(made, Do(1, spoil), Checkpoints(made, run, {}))
    assert list(run.checkpoints()) == [1] and list(run.states()) == [4]
    weights.load_weights(network, run.state(4))
    assert np.isfinite(weights_of(network)).all()


def test_broken_weights_are_not_saved(tmp_path):
    network = StandInNetwork()
    made, run = trainer(network), RunFolder(tmp_path, "standin")

    def spoil(_):
        network.layers_by_name()["conv1"].kernel.assign(np.full((3, 3, 3, 4), np.inf))

    with pytest.raises(training.NonFiniteLoss, match="step 4.* not finite in conv1"):
        fit(made, Do(3, spoil), Checkpoints(made, run, {}))
    assert not run.path.exists() or not list(run.path.glob("*.h5"))


# ---- several devices, other backends ----

TWO_DEVICES = """
import numpy as np, tensorflow as tf
cpu, = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from mrcnn import training
from tests.mrcnn import test_training as t
strategy = training.make_strategy(2)
config = t.StandInConfig().override({"GRADIENT_CLIP_NORM": 0.05, "WEIGHT_DECAY": 0.01})
schedule = t.make_schedule(config, 4, "constant", epochs=2)
with strategy.scope():
    network = t.StandInNetwork(config, noise=False)
one = t.twin(network)
logs = [t.fit(training.Trainer(net, config, schedule, 4, strategy=on),
              validation=[t.batch(7, 3)], data=t.batches(images=4))
        for net, on in ((network, strategy), (one, None))]
for split, whole in zip(logs[0].steps + logs[0].epochs, logs[1].steps + logs[1].epochs):
    assert split.keys() == whole.keys()
    np.testing.assert_allclose(list(split.values()), list(whole.values()), rtol=1e-4)
np.testing.assert_allclose(t.weights_of(network), t.weights_of(one), atol=1e-6)
print("the same")
"""


def run(code, *arguments, **environment):
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, timeout=300,
                          env=os.environ | quiet | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_two_devices_train_as_one():
    assert "the same" in run(TWO_DEVICES)


UNDER_JAX = """
import sys
sys.modules["tensorflow"] = None  # importing it fails, as where it is not installed
from pathlib import Path
from mrcnn import resume, weights
from mrcnn.callbacks import LossLog, ProgressReport, TensorBoard
from tests.mrcnn import test_training as t
run = resume.RunFolder(Path(sys.argv[1]), "standin")
knobs = {"ACCUMULATION_STEPS": 2, "GRADIENT_CLIP_NORM": 1.0}
whole = t.trainer(**knobs)
log = t.fit(whole, ProgressReport(whole), TensorBoard(whole, run), LossLog(whole, run),
            t.Checkpoints(whole, run, {}), validation=[t.batch(7, 3)])
config = whole.config
rest = t.training.Trainer(t.StandInNetwork(), config, t.make_schedule(config, 4, epochs=2), 4,
                          resume.read_progress(run.state(4)))
weights.load_weights(rest.network, run.state(4))
rest.restore(run.state(4))
assert t.fit(rest, data=t.batches(8)).steps == log.steps[4:]
print("trained and resumed")
"""


def test_training_and_resuming_under_jax_without_tensorflow(tmp_path):
    pytest.importorskip("jax", reason="JAX is an optional backend")
    assert "trained and resumed" in run(
        UNDER_JAX, str(tmp_path), KERAS_BACKEND="jax", JAX_PLATFORMS="cpu")


def test_more_devices_than_there_are_is_refused():
    with pytest.raises(ValueError, match="GPU_COUNT is 64, but tensorflow sees"):
        training.make_strategy(64)
