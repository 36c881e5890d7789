"""Saving while training: weights after every epoch, resume files in between, the best one kept."""

import json
import logging
import math

import keras
import numpy as np

from mrcnn import resume, weights
from mrcnn.files import atomic_path
from mrcnn.training import NonFiniteLoss

logger = logging.getLogger(__name__)


class Checkpoints(keras.callbacks.Callback):
    """Saves a training, and stops it when it no longer gets better.

    It comes after the callbacks whose metrics it watches.

    Args:
        trainer: `training.Trainer`.
        run: `resume.RunFolder`.
        metadata: dict about the network, for the files; `epoch` and `step` are added.
        every: steps between resume files within an epoch; 0 writes them at its end only.
        keep: weights files to keep besides the best; None keeps all, as Matterport did.
        watch: metric of the epoch's logs that makes an epoch the best one: names that end in
            `loss` are better when lower, others when higher. None: `val_loss`, or `loss` without
            validation.
        patience: epochs without a better one after which training stops; 0 never stops.
    """

    def __init__(self, trainer, run, metadata, every=0, keep=3, watch=None, patience=0):
        super().__init__()
        self.trainer, self.run, self.metadata = trainer, run, metadata
        self.every, self.keep, self.watch, self.patience = every, keep, watch, patience
        self.last_state = None
        self._saved_step = trainer.progress.step

    def on_train_batch_end(self, batch, logs=None):
        step = self.trainer.progress.step
        if self.every and step % self.every == 0 and step % self.trainer.steps_per_epoch:
            self._try_to_save_state()

    def on_epoch_end(self, epoch, logs=None):
        watch = self.watch or ("val_loss" if "val_loss" in logs else "loss")
        if watch in logs:
            self._judge(watch, float(logs[watch]))
        self._check_weights()
        progress = self.trainer.progress
        self.run.make()
        weights.save_weights(
            self.trainer.network, self.run.checkpoint(progress.epoch), self._metadata())
        self._save_state()
        if progress.best_epoch == progress.epoch:
            self._note_best()
        self.run.thin(self.keep, progress.best_epoch)
        # Not in the first epoch: it never will be. Said only now that the epoch is safe.
        if watch not in logs and progress.watch != watch:
            raise ValueError(f"No metric {watch!r} to watch; an epoch has {', '.join(logs)}.")

    def on_train_end(self, logs=None):
        if self.trainer.progress.step != self._saved_step:
            self._check_weights()
            self._save_state()

    def _judge(self, watch, value):
        """Compare the epoch with the best one so far."""
        progress = self.trainer.progress
        if progress.watch != watch:
            progress.watch, progress.best = watch, None
        sign = 1 if watch.endswith("loss") else -1
        is_first = progress.best is None
        if math.isfinite(value) and (is_first or sign * value < sign * progress.best):
            progress.best, progress.best_epoch = value, progress.epoch
        elif self.patience and progress.epoch - progress.best_epoch >= self.patience:
            logger.warning("No better %s than that of epoch %d in %d epochs: stopping.",
                           watch, progress.best_epoch, self.patience)
            self.model.stop_training = True

    def _note_best(self):
        progress = self.trainer.progress
        best = {"epoch": progress.best_epoch, "metric": progress.watch, "value": progress.best,
                "weights": self.run.checkpoint(progress.best_epoch).name}
        with atomic_path(self.run.make() / "best.json") as temporary:
            temporary.write_text(json.dumps(best) + "\n", encoding="utf-8")

    def _try_to_save_state(self):
        """Save within an epoch; training outlives a full disk, which may be emptied meanwhile."""
        self._check_weights()
        try:
            self._save_state()
            self.run.thin(self.keep, self.trainer.progress.best_epoch)
        except OSError as error:
            logger.warning("No resume file written, training goes on: %s", error)

    def _save_state(self):
        self.run.make()
        trainer = self.trainer
        path = self.run.state(trainer.progress.step)
        resume.save_state(
            path, trainer.network, self._metadata(), trainer.progress, trainer.variables)
        self.last_state, self._saved_step = path, trainer.progress.step

    def _metadata(self):
        progress = self.trainer.progress
        kept = {name: getattr(progress, name) for name in resume.REMEMBERED}
        return {**self.metadata, "epoch": progress.epoch, "step": progress.step, **kept}

    def _check_weights(self):
        """Refuse to save broken weights: a gradient may overflow where the loss does not."""
        broken = [name for name, layer in self.trainer.network.layers_by_name().items()
                  if not all(np.isfinite(x.numpy()).all() for x in layer.weights)]
        if broken:
            raise NonFiniteLoss(
                f"After step {self.trainer.progress.step:,} there are weights that are not finite "
                f"in {', '.join(broken[:8])}; they were not saved. A lower learning rate "
                f"(train(learning_rate=...), --rate) or a smaller GRADIENT_CLIP_NORM "
                f"usually helps.")
