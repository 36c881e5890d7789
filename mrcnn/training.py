"""The training loop: Keras makes the step, this file goes through the steps.

`keras.Model.fit` begins every call with a whole epoch, hands its callbacks averages, and keeps
the state of a JAX training to itself until the epoch ends. Here a training can stop and go on
after any step, every step's losses are seen, and Ctrl-C waits for the end of a step; so the loop
is our own, over Keras' public `train_on_batch`, and Keras callbacks work in it as they do in `fit`.
"""

import contextlib
import math
import time

import keras
import numpy as np
from keras import ops

from mrcnn import resume
from mrcnn.interrupt import interruptible
from mrcnn.optimizers import make_optimizer
from mrcnn.trainable import set_trainable


class NonFiniteLoss(ArithmeticError):
    """A loss or a weight is no longer a number; the message names which."""


class TrainingModel(keras.Model):
    """A training graph whose losses are summed up and minimised.

    Outputs whose names do not end in "_loss" are logged like losses and train nothing.

    Args:
        graph: functional model, dict of inputs -> dict of losses [batch].
        loss_weights: dict of loss name -> weight in the sum, 1 by default.
        replicas: devices that share a step.
    """

    def __init__(self, graph, loss_weights, replicas=1):
        super().__init__(inputs=graph.input, outputs=graph.output, name=graph.name)
        self.loss_weights = dict(loss_weights)
        self.replicas = replicas

    @property
    def random_state(self):
        """Variables of the random number generators: those that are no weights."""
        known = {id(variable) for variable in self.weights}
        return [variable for variable in self.variables if id(variable) not in known]

    def with_total(self, losses):
        """The losses and, first, their weighted sum as `loss`."""
        total = sum(self.loss_weights.get(name, 1.0) * loss for name, loss in losses.items()
                    if name.endswith("_loss"))
        return {"loss": total, **losses}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        # Keras adds the gradients of the replicas up.
        return ops.mean(self.with_total(y_pred)["loss"]) / self.replicas

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return {name: ops.mean(loss) for name, loss in self.with_total(y_pred).items()}


class Trainer:
    """Trains a network by a schedule.

    Args:
        network: with `layers_by_name()` and `training_graph()`, built in the `scope` of
            `strategy`.
        config: `Config`.
        schedule: `schedules.Schedule`.
        steps_per_epoch: steps between two ends of an epoch; the last epoch may be shorter.
        progress: `resume.Progress` to start from.
        strategy: what `make_strategy` returned.

    Attributes:
        model: the `TrainingModel`, which callbacks know as `model`.
        optimizer: of the stage that trains.
        progress: up to date after every step.
        wait_seconds, step_seconds: of the last step, for its data and in all.
        stop_reason: why training ended before the schedule did, or None.
    """

    def __init__(self, network, config, schedule, steps_per_epoch, progress=None, strategy=None):
        self.network, self.config, self.schedule = network, config, schedule
        self.steps_per_epoch = steps_per_epoch
        self.progress = progress or resume.Progress()
        self.strategy = strategy
        self.wait_seconds = self.step_seconds = 0.0
        self.stop_reason = None
        replicas = strategy.num_replicas_in_sync if strategy else 1
        with scope(strategy):
            self.model = TrainingModel(network.training_graph(), config.LOSS_WEIGHTS, replicas)
        self._stage = self._rate = None
        self._enter(schedule.stage(self.progress.step))

    @property
    def epochs(self):
        """Epochs of the whole schedule."""
        return math.ceil(self.schedule.steps / self.steps_per_epoch)

    @property
    def logged(self):
        """Names of what each step logs: `loss`, the named losses, and what heads measure."""
        return ["loss", *self.model.output]

    @property
    def variables(self):
        """What a resume file holds besides the weights, for `resume.save_state`."""
        # Not the norm: the next step begins with a new one.
        remembered = [x for x in self.optimizer.variables if x is not self._gradient_norm]
        return {"random": self.model.random_state, "optimizer": remembered}

    @property
    def gradient_norm(self):
        """Norm of all gradients of the last step together, before clipping."""
        return float(np.asarray(self._gradient_norm))

    def restore(self, path):
        """Take random state and optimizer from a resume file.

        Raises:
            resume.ResumeError: it was written with another optimizer or other trained layers.
        """
        step = self.progress.step
        resume.restore(path, "random", self.variables["random"])
        if step > 0 and self.schedule.stage(step - 1) == self._stage:
            resume.restore(path, "optimizer", self.variables["optimizer"])
            self._rate = self.schedule.rate(step - 1)

    def fit(self, batches, validation=None, callbacks=()):
        """Train to the end of the schedule, or until something stops it.

        Ctrl-C ends training after the step under way; a second one ends it at once.

        Args:
            batches: iterable of dicts of arrays, ACCUMULATION_STEPS of them a step, beginning at
                the step that comes next.
            validation: iterable of batches, gone through whole after each epoch; or None.
            callbacks: Keras callbacks. Their logs hold `loss` and every named loss: of the step,
                and at the end of an epoch the means over its images; with validation also the
                same names with `val_`.

        Raises:
            NonFiniteLoss: a loss became infinite or not a number.
        """
        batches = iter(batches)
        callbacks = keras.callbacks.CallbackList(
            list(callbacks), add_history=True, model=self.model, epochs=self.epochs,
            steps=self.steps_per_epoch, verbose=0)
        self.model.stop_training = False
        with interruptible() as interrupted:
            callbacks.on_train_begin()
            while self.progress.epoch < self.epochs and not self.stop_reason:
                self._run_epoch(batches, validation, callbacks, interrupted)
            callbacks.on_train_end()

    def validate(self, batches, interrupted=lambda: False):
        """Return the means of all losses over all images, every image counting once.

        The random draws are the same each time, so that epochs can be compared.

        Args:
            batches: iterable of dicts of arrays; the last batch may be smaller.
            interrupted: asked after every batch; None is returned once it says yes.
        """
        sums, images = {}, 0
        with self._fixed_draws():
            for batch in batches:
                losses = self.model.predict_on_batch(self._inputs(batch))
                for name, values in self.model.with_total(losses).items():
                    sums[name] = sums.get(name, 0.0) + float(np.sum(values, dtype=np.float64))
                images += len(next(iter(losses.values())))
                if interrupted():
                    return None
        if not images:
            raise ValueError("The validation set has no images; give some, or None to do without.")
        return {name: value / images for name, value in sums.items()}

    def _run_epoch(self, batches, validation, callbacks, interrupted):
        """Train to the end of the epoch, or to a reason to stop."""
        epoch, progress = self.progress.epoch, self.progress
        callbacks.on_epoch_begin(epoch)
        while progress.step < min((epoch + 1) * self.steps_per_epoch, self.schedule.steps):
            self._run_step(batches, callbacks)
            self.stop_reason = self._reason_to_stop(interrupted)
            if self.stop_reason:
                return
        logs = {name: value / progress.images for name, value in progress.sums.items()}
        if validation is not None:
            means = self.validate(validation, interrupted)
            if means is None:
                self.stop_reason = self._reason_to_stop(interrupted)
                return
            logs |= {f"val_{name}": value for name, value in means.items()}
        progress.epoch, progress.sums, progress.images = epoch + 1, {}, 0
        callbacks.on_epoch_end(epoch, logs)
        self.stop_reason = self._reason_to_stop(interrupted)

    def _reason_to_stop(self, interrupted):
        if interrupted():
            return "interrupted"
        return "stopped by a callback" if self.model.stop_training else None

    def _run_step(self, batches, callbacks):
        stage = self.schedule.stage(self.progress.step)
        if stage != self._stage:
            self._enter(stage)
        index = self.progress.step - self.progress.epoch * self.steps_per_epoch
        callbacks.on_train_batch_begin(index)
        began = time.perf_counter()
        self._set_rate(self.schedule.rate(self.progress.step))
        logs, images = self._update(batches)
        self.step_seconds = time.perf_counter() - began
        self._check_finite(logs)
        for name, value in logs.items():
            self.progress.sums[name] = self.progress.sums.get(name, 0.0) + value * images
        self.progress.images += images
        self.progress.step += 1
        callbacks.on_train_batch_end(index, logs)

    def _update(self, batches):
        """Move the weights once.

        Returns:
            (dict of the losses, number of images).
        """
        self.wait_seconds, parts, images = 0.0, [], 0
        for _ in range(self.config.ACCUMULATION_STEPS):
            began = time.perf_counter()
            batch = next(batches)
            self.wait_seconds += time.perf_counter() - began
            images += len(batch["input_image"])
            inputs = share(self._inputs(batch), self.strategy)
            parts.append(self.model.train_on_batch(inputs, return_dict=True))
        return {name: float(np.mean([part[name] for part in parts]))
                for name in self.logged}, images

    def _inputs(self, batch):
        """What the graph takes of a batch, which may hold more."""
        return {name: batch[name] for name in self.model.input}

    def _set_rate(self, rate):
        """Follow the schedule; where it stays level, a callback may have set a rate of its own."""
        if rate != self._rate:
            self.optimizer.learning_rate = self._rate = rate

    def _check_finite(self, logs):
        bad = {name: value for name, value in logs.items() if not math.isfinite(value)}
        if bad:
            raise NonFiniteLoss(
                f"Step {self.progress.step + 1:,} gave {_listed(bad)} (all losses: "
                f"{_listed(logs)}). Nothing was saved since. A lower learning rate "
                f"(train(learning_rate=...), --rate), more WARMUP_STEPS or a smaller "
                f"GRADIENT_CLIP_NORM usually helps.")

    @contextlib.contextmanager
    def _fixed_draws(self):
        """Put all random generators into one state, and back into theirs at the end."""
        variables = self.model.random_state
        before = [variable.numpy() for variable in variables]
        for variable, state in zip(variables, before, strict=True):
            variable.assign(np.zeros_like(state))
        try:
            yield
        finally:
            for variable, state in zip(variables, before, strict=True):
                variable.assign(state)

    def _enter(self, stage):
        """Choose a stage's layers, with a fresh optimizer: the last one remembers other layers."""
        set_trainable(self.network, stage.layers)
        new = [variable.path for name, layer in self.network.layers_by_name().items()
               if name in self.progress.new_layers for variable in layer.weights]
        with scope(self.strategy):
            self.optimizer = make_optimizer(
                self.config, new, sum_over_replicas if self.strategy else None)
            self.optimizer.build(self.model.trainable_variables)
            # For mixed_float16 ours is within one that scales the loss.
            ours = getattr(self.optimizer, "inner_optimizer", self.optimizer)
            self._gradient_norm = ours.gradient_norm
            # XLA slows training on a CPU, and TensorFlow's NMS kernel knows none.
            self.model.compile(optimizer=self.optimizer, auto_scale_loss=False,
                               jit_compile=keras.backend.backend() == "jax")
        self._stage, self._rate = stage, None


def make_deterministic(seed):
    """Make everything after this call repeatable: seeds, and TensorFlow's operations."""
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def make_strategy(gpu_count):
    """Return what spreads a step over several devices, or None for one device.

    Under TensorFlow a `MirroredStrategy`. Under JAX Keras spreads the batch by itself, from now
    on and for the whole process.

    Raises:
        ValueError: there are fewer devices, or the backend knows no way.
    """
    if gpu_count == 1:
        return None
    devices = keras.distribution.list_devices()
    if len(devices) < gpu_count:
        raise ValueError(
            f"GPU_COUNT is {gpu_count}, but {keras.backend.backend()} sees {len(devices)} "
            f"devices: {devices}.")
    if keras.backend.backend() == "jax":
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(devices=devices[:gpu_count]))
        return None
    if keras.backend.backend() != "tensorflow":
        raise ValueError("Several GPUs need the tensorflow or the jax backend of Keras.")
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(devices[:gpu_count])


def scope(strategy):
    """Context in which models and optimizers for a strategy are made."""
    return strategy.scope() if strategy else contextlib.nullcontext()


def share(batch, strategy):
    """Split a batch over the replicas, in equal parts."""
    if strategy is None:
        return batch
    replicas = strategy.num_replicas_in_sync
    parts = {name: np.split(value, replicas) for name, value in batch.items()}
    return {name: strategy.experimental_distribute_values_from_function(
        lambda context, part=part: part[context.replica_id_in_sync_group])
        for name, part in parts.items()}


def sum_over_replicas(tensors):
    """Add up tensors over all replicas, within a step."""
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, list(tensors))


def peak_gpu_memory_mb():
    """The most memory that the first GPU has held so far, MB; None without one, or if untold."""
    if not any(name.startswith("gpu") for name in keras.distribution.list_devices()):
        return None
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e6
    if keras.backend.backend() == "jax":
        import jax

        peak = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
        return None if peak is None else peak / 1e6
    return None


def _listed(losses):
    return ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
