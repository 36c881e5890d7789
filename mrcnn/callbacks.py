"""Watching a training: on the screen, in a file of every step's losses, and in TensorBoard."""

import json
import logging
import sys
import time

import keras
import numpy as np
from tqdm import tqdm

from mrcnn.files import atomic_path

logger = logging.getLogger(__name__)

# Seconds between two lines of progress where there is no terminal for a bar.
LINE_SECONDS = 30
# Steps that a profile is taken of, counted from the start of this training: those before compile.
PROFILED_STEPS = (10, 15)


class ProgressReport(keras.callbacks.Callback):
    """Prints the epoch's mean losses and the seconds a step: a bar on a terminal, else lines.

    Args:
        trainer: `training.Trainer`.
    """

    def __init__(self, trainer):
        super().__init__()
        self.trainer = trainer
        self._bar = None
        self._began, self._last_line = None, time.monotonic()
        self._steps, self._seconds = 0, 0.0

    def on_epoch_begin(self, epoch, logs=None):
        trainer = self.trainer
        first = epoch * trainer.steps_per_epoch
        self._bar = tqdm(
            total=min(trainer.steps_per_epoch, trainer.schedule.steps - first),
            initial=trainer.progress.step - first, unit="step", dynamic_ncols=True,
            desc=f"Epoch {epoch + 1}/{trainer.epochs}", disable=not _can_redraw())

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        if self._began is None:  # the first step compiles, and would spoil the average
            self._began = now
        else:
            self._steps += 1
            self._seconds += self.trainer.step_seconds
        if not self._bar.disable:
            self._bar.set_postfix_str(self._status(now), refresh=False)
            self._bar.update()
        elif now - self._last_line > LINE_SECONDS:
            self._last_line = now
            step, steps = self.trainer.progress.step, self.trainer.schedule.steps
            print(f"Step {step:,} of {steps:,}: {self._status(now)}", flush=True)

    def on_epoch_end(self, epoch, logs=None):
        self._bar.close()
        validation = {name.removeprefix("val_"): value for name, value in logs.items()
                      if name not in self.trainer.logged}
        losses = {name: logs[name] for name in self.trainer.logged}
        print(f"Epoch {epoch + 1} of {self.trainer.epochs}: {_listed(losses)}", flush=True)
        if validation:
            print(f"   validation: {_listed(validation)}", flush=True)

    def on_train_end(self, logs=None):
        if self._bar is not None:
            self._bar.close()

    def _status(self, now):
        """Mean losses, speed, and the time that is left of the whole training."""
        progress = self.trainer.progress
        means = {name: value / progress.images for name, value in progress.sums.items()
                 if name.endswith("loss")}
        if not self._steps:
            return _listed(means)
        # What is left has validations as well, so it goes by the clock.
        left = (now - self._began) / self._steps * (self.trainer.schedule.steps - progress.step)
        return (f"{_listed(means)}; {self._seconds / self._steps:.2f} s a step, "
                f"{_duration(left)} left")


class LossLog(keras.callbacks.Callback):
    """Writes every step's losses into `losses.jsonl` of the run, one JSON object a line.

    Lines of steps that a resumed training makes once more are dropped first.

    Args:
        trainer: `training.Trainer`.
        run: `resume.RunFolder`.
    """

    def __init__(self, trainer, run):
        super().__init__()
        self.trainer, self.run = trainer, run
        self._file = None

    def on_train_batch_end(self, batch, logs=None):
        row = {"step": self.trainer.progress.step, **logs,
               "learning_rate": float(np.asarray(self.trainer.optimizer.learning_rate)),
               "seconds": round(self.trainer.step_seconds, 4),
               "wait_seconds": round(self.trainer.wait_seconds, 4)}
        try:
            self._file = self._file or self._open()
            self._file.write(json.dumps(row) + "\n")
            self._file.flush()
        except OSError as error:
            logger.warning("Step %d is missing in losses.jsonl: %s", row["step"], error)

    def on_train_end(self, logs=None):
        if self._file is not None:
            self._file.close()

    def _open(self):
        path = self.run.make() / "losses.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        kept = [line + "\n" for line in lines if _step_of(line) < self.trainer.progress.step]
        with atomic_path(path) as temporary:
            temporary.write_text("".join(kept), encoding="utf-8")
        return path.open("a", encoding="utf-8")


class TensorBoard(keras.callbacks.Callback):
    """Feeds TensorBoard: `tensorboard --logdir=LOGS`.

    Training and validation share the names of their losses, and so their charts. All losses stand
    under `losses/`, other numbers of heads and of custom callbacks under `measured/`: TensorBoard
    gives every name without a group a row of its own. Besides: the learning rate, the norm of the
    gradient before clipping, images a second, the share of time spent waiting for data, the
    configuration, and the same few photos after every epoch with what is found on them.

    Without TensorFlow (Keras on JAX alone) it says so once and does nothing.

    Args:
        trainer: `training.Trainer`.
        run: `resume.RunFolder`.
        draw: image id -> {tag: picture [height, width, 3] uint8} of what is found now.
        image_ids: of the photos to draw.
        extras: any of "histograms", of all weights after every epoch, and "profile", of what the
            devices do in a few steps (TensorFlow backend only; `pip install xprof` shows it).
    """

    def __init__(self, trainer, run, draw=None, image_ids=(), extras=()):
        super().__init__()
        self.trainer, self.run, self.draw, self.image_ids = trainer, run, draw, image_ids
        self.extras = extras
        self._tf = _tensorflow()
        self._writers = {}
        self._steps, self._is_profiling, self._mark = 0, False, None

    def on_train_batch_begin(self, batch, logs=None):
        if self._steps == PROFILED_STEPS[0] and "profile" in self.extras:
            self._start_profile()
        if self._is_profiling:
            self._mark = self._tf.profiler.experimental.Trace(
                "train", step_num=self.trainer.progress.step, _r=1)
            self._mark.__enter__()

    def on_train_batch_end(self, batch, logs=None):
        self._steps += 1
        if self._is_profiling:
            self._mark.__exit__(None, None, None)
        if self._steps == PROFILED_STEPS[1]:
            self._stop_profile()
        trainer = self.trainer
        images = trainer.config.BATCH_SIZE * trainer.config.ACCUMULATION_STEPS
        self._scalars("train", {
            **logs,
            "optimizer/learning_rate": float(np.asarray(trainer.optimizer.learning_rate)),
            "optimizer/gradient_norm": trainer.gradient_norm,
            "speed/images_per_second": images / trainer.step_seconds,
            "speed/share_of_time_waiting_for_data": trainer.wait_seconds / trainer.step_seconds,
        })

    def on_epoch_end(self, epoch, logs=None):
        metrics = {name.removeprefix("val_"): value for name, value in logs.items()
                   if name not in self.trainer.logged}
        self._scalars("validation", metrics)
        for image_id in self.image_ids if self._tf else ():
            self._pictures(image_id)
        if self._tf and "histograms" in self.extras:
            self._histograms()
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, logs=None):
        self._stop_profile()
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _scalars(self, part, values):
        if self._tf:
            with self._writer(part).as_default(self.trainer.progress.step):
                for name, value in values.items():
                    self._tf.summary.scalar(_tag(name), value)

    def _pictures(self, image_id):
        """Training does not end for a picture that cannot be drawn."""
        try:
            pictures = self.draw(image_id)
        except Exception:
            logger.warning("No picture of image %s for TensorBoard.", image_id, exc_info=True)
            return
        with self._writer("validation").as_default(self.trainer.progress.step):
            for tag, picture in pictures.items():
                self._tf.summary.image(f"{tag}/{image_id}", np.asarray(picture, np.uint8)[None])

    def _histograms(self):
        with self._writer("train").as_default(self.trainer.progress.step):
            for layer in self.trainer.network.layers_by_name().values():
                for variable in layer.weights:
                    self._tf.summary.histogram(f"weights/{variable.path}", variable.numpy())

    def _start_profile(self):
        """Nor does it end where nothing can be profiled."""
        if self._tf is None or keras.backend.backend() != "tensorflow":
            logger.warning("No profile: it is taken by TensorFlow, which does not train here.")
            return
        try:
            self._tf.profiler.experimental.start(str(self.run.make() / "train"))
            self._is_profiling = True
        except self._tf.errors.OpError as error:
            logger.warning("No profile: %s", error)

    def _stop_profile(self):
        if self._is_profiling:
            self._is_profiling = False
            self._tf.profiler.experimental.stop()

    def _writer(self, part):
        if part not in self._writers:
            writer = self._tf.summary.create_file_writer(str(self.run.make() / part))
            self._writers[part] = writer
            if part == "train":
                with writer.as_default(self.trainer.progress.step):
                    self._tf.summary.text("configuration", _table(self.trainer.config.to_dict()))
        return self._writers[part]


def _can_redraw():
    """Whether a bar can be drawn over and over: on a terminal and in a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def _tensorflow():
    """TensorFlow, for its summaries; None where it is not installed."""
    try:
        import tensorflow as tf
    except ImportError:
        logger.warning("TensorBoard is left out: it is fed by TensorFlow, which is not installed.")
        return None
    if keras.backend.backend() != "tensorflow":
        tf.config.set_visible_devices([], "GPU")  # it would take the memory that training needs
    return tf


def _tag(name):
    """A number's name behind that of its group."""
    if "/" in name:
        return name
    return f"losses/{name}" if name.endswith("loss") else f"measured/{name}"


def _table(values):
    """Markdown table of names and values."""
    rows = "\n".join(f"| {name} | {value} |" for name, value in values.items())
    return f"| knob | value |\n| --- | --- |\n{rows}"


def _step_of(line):
    """Step of a line of the log; a line that a crash cut short comes after all others."""
    try:
        return json.loads(line)["step"]
    except ValueError:
        return float("inf")


def _listed(values):
    """`loss 1.234, rpn_class 0.123`: names without their common ending."""
    return ", ".join(f"{name.removesuffix('_loss')} {value:.4g}" for name, value in values.items())


def _duration(seconds):
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
