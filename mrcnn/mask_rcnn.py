"""`MaskRCNN(mode, config, model_dir)`, as Matterport's users know it, on the new road."""

import copy
import functools
import logging
from itertools import islice
from pathlib import Path

import keras

from mrcnn import plan, resume, training, weights
from mrcnn.callbacks import LossLog, ProgressReport, TensorBoard
from mrcnn.checkpoints import Checkpoints
from mrcnn.data import mold
from mrcnn.data.loader import Loader
from mrcnn.detection import Detector
from mrcnn.matterport.face import MatterportMethods, announce
from mrcnn.matterport.images import rounded
from mrcnn.network import Network
from mrcnn.schedules import make_schedule

logger = logging.getLogger(__name__)


class MaskRCNN(MatterportMethods):
    """One Mask R-CNN: load weights, train, detect, save.

    What only Matterport's notebooks and scripts call is in `MatterportMethods`.

    Args:
        mode: "training" or "inference".
        config: `Config`. To train from random weights set TRAIN_BN to None: False, its default,
            freezes batch normalisation, which is right only for weights that were trained.
        model_dir: folder of all runs; nothing is written there before training starts.

    Attributes:
        config: as given.
        run: `resume.RunFolder` that training writes to.
        epoch: epochs done.
        report: `weights.Report` of the last `load_weights`, None before.
    """

    def __init__(self, mode, config, model_dir):
        if mode not in ("training", "inference"):
            raise ValueError(f"mode is 'training' or 'inference', got {mode!r}.")
        self.mode, self.config, self.model_dir = mode, config, Path(model_dir)
        self.report = None
        self._new_layers = None  # those that no file has given weights to; None before the first
        self._strategy = training.make_strategy(config.GPU_COUNT) if mode == "training" else None
        self._convention = self._history = None
        self._network = self._keras_model = self._detector = None
        self.set_log_dir()

    @property
    def network(self):
        """The `Network`, built at first use, so that weights can say how it pools."""
        if self._network is None:
            config = copy.copy(self.config)
            if config.ROI_ALIGN == "auto":
                config.ROI_ALIGN = self._convention or "aligned"
            if self.mode == "training":
                keras.utils.set_random_seed(config.SEED)
            with training.scope(self._strategy):
                self._network = Network(config)
                self._network.layers_by_name()  # makes the variables
        return self._network

    @property
    def keras_model(self):
        """The training or the inference graph, a functional `keras.Model`.

        As old scripts expect, its `history` is that of the last `train`, and its `save_weights`
        takes any name: Keras' own layout for `.weights.h5`, Matterport's for all others.
        """
        if self._keras_model is None:
            network = self.network
            graph = (network.training_graph() if self.mode == "training"
                     else network.inference_graph())
            graph.save_weights = functools.partial(self._save_graph, graph.save_weights)
            self._keras_model = graph
        self._keras_model.history = self._history
        return self._keras_model

    def _save_graph(self, keras_save_weights, filepath, overwrite=True):
        if str(filepath).endswith(".weights.h5"):
            keras_save_weights(filepath, overwrite=overwrite)
        else:
            self.save_weights(filepath)

    @property
    def detector(self):
        """The `Detector` of this network and configuration."""
        if self._detector is None:
            self._detector = Detector(self.network, self.config)
        return self._detector

    @property
    def log_dir(self):
        """Folder of this run; it is made when training first writes."""
        return str(self.run.path)

    def find_last(self):
        """Path of the weights to go on from: the last epoch's, or a resume file that is newer.

        See `resume.find_last`.
        """
        last = resume.find_last(self.model_dir, self.config.NAME)
        folder, epochs = resume.parse_path(last, self.config.NAME)
        run = resume.RunFolder(self.model_dir, self.config.NAME, folder)
        epoch = run.checkpoints().get(epochs)
        return str(epoch if epoch and _step(epoch) == _step(last) else last)

    def set_log_dir(self, model_path=None):
        """Go on in the run of a weights file, or start a new run.

        Args:
            model_path: weights inside a run folder of this configuration: training then goes on
                in that folder, after the epoch that the file ends, just as it would have if the
                run still has a resume file of that step. Anything else, and None, start a new run
                at epoch 0.
        """
        parsed = model_path and resume.parse_path(model_path, self.config.NAME)
        folder, self.epoch = parsed or (None, 0)
        self.run = resume.RunFolder(self.model_dir, self.config.NAME, folder)
        state = self.run.states().get(_step(model_path)) if parsed else None
        self._progress = _readable_progress(state) if state else None
        self._state = state if self._progress else None
        self._remembered = resume.remembered(model_path) if parsed else {}

    def load_weights(self, filepath, by_name=False, exclude=None):
        """Load weights, and go on in their run if they belong to one of this configuration.

        With ROI_ALIGN = "auto" the network pools as the weights were trained to.

        Args:
            filepath: see `weights.load_weights`.
            by_name: allow weights without a counterpart, on either side.
            exclude: names of layers that keep their values; implies `by_name`.

        Returns:
            A `weights.Report`.

        Raises:
            weights.WeightsError: the file does not fit; the network is as it was.
        """
        before = self._convention, self._network, self._keras_model, self._detector
        self._follow(weights.convention(filepath), filepath)
        try:
            self.report = weights.load_weights(self.network, filepath, by_name, exclude)
        except Exception:
            self._convention, self._network, self._keras_model, self._detector = before
            raise
        new = self.report.new_layers
        is_partial = new or self.report.left_over
        if is_partial and not logger.isEnabledFor(logging.INFO):
            print(self.report.line)  # scripts that set up no logging must hear of it too
        self._new_layers = new if self._new_layers is None else new & self._new_layers
        self.set_log_dir(filepath)
        return self.report

    def save_weights(self, filepath):
        """Write the weights in Matterport's layout."""
        metadata = weights.network_metadata(self.network) | {"epoch": self.epoch}
        weights.save_weights(self.network, filepath, metadata)

    def train(self, train_dataset, val_dataset, learning_rate=None, epochs=None, layers="all",
              augmentation=None, custom_callbacks=None, no_augmentation_sources=None,
              schedule=None, save_every=0, keep=None, watch=None, patience=0, draw=None,
              picture_ids=(), tensorboard=()):
        """Train.

        Args:
            train_dataset: prepared `Dataset`.
            val_dataset: prepared `Dataset`, gone through whole after each epoch; or None.
            learning_rate: None takes the schedule's.
            epochs: number of the last epoch, counted from the first one of the run (not of this
                call); None takes the schedule's.
            layers: heads, 3+, 4+, 5+, all, or a regular expression of layer names.
            augmentation: see `mrcnn.data.augment`.
            custom_callbacks: Keras callbacks; the metrics they add to the logs of an epoch can be
                watched.
            no_augmentation_sources: list of sources (of `Dataset.add_image`) whose images are
                not augmented.
            schedule: a key of `schedules.SCHEDULES`; None takes Config.SCHEDULE.
            save_every, keep, watch, patience: see `Checkpoints`.
            draw, picture_ids: see `TensorBoard`.
            tensorboard: its extras.

        Returns:
            The `training.Trainer`, for its `progress` and `stop_reason`.
        """
        if self.mode != "training":
            raise ValueError("Create the model with mode='training' to train it.")
        self.run.check_writable()
        config = copy.copy(self.config)
        config.RESIZE_FILTER = mold.resize_filter(config, self.network.convention)
        batches = Loader(train_dataset, config, config.BATCH_SIZE, seed=config.SEED,
                         augmentation=augmentation, workers=config.WORKERS,
                         no_augmentation_sources=no_augmentation_sources or ())
        validation = val_dataset and Loader(
            val_dataset, config, config.BATCH_SIZE, shuffle=False, repeat=False,
            seed=config.SEED, workers=config.WORKERS)
        epoch = config.STEPS_PER_EPOCH or -(-len(batches) // config.ACCUMULATION_STEPS)
        trainer = self._trainer(
            make_schedule(config, epoch, schedule, learning_rate, epochs, layers), epoch)
        batches.step = trainer.progress.step * config.ACCUMULATION_STEPS
        print(plan.describe(
            trainer, self.run, self.report.path if self.report else "random",
            train_dataset.num_images, val_dataset.num_images if val_dataset else 0))
        metadata = weights.network_metadata(self.network) | {
            "class_names": list(train_dataset.class_names)}
        checkpoints = Checkpoints(
            trainer, self.run, metadata, save_every, keep, watch, patience)
        self._history = keras.callbacks.History()
        callbacks = [*(custom_callbacks or ()), self._history, ProgressReport(trainer),
                     TensorBoard(trainer, self.run, draw, picture_ids, tensorboard),
                     LossLog(trainer, self.run), checkpoints]
        try:
            trainer.fit(batches, validation and _First(validation, config.VALIDATION_STEPS),
                        callbacks)
        finally:
            batches.close()
            if validation:
                validation.close()
            self.epoch, self._progress = trainer.progress.epoch, trainer.progress
            self._state = (checkpoints.last_state or self._state) if trainer.stop_reason else None
        return trainer

    def detect(self, images, verbose=0):
        """Find the objects of images.

        Args:
            images: list of [height, width, 3] uint8, of any number and sizes.
            verbose: 1 prints what comes in.

        Returns:
            A list of dicts, see `detection.Raw.to_dict`: rois [N, (y1, x1, y2, x2)] px, whole;
            boxes [N, 4] px, unrounded; class_ids [N], scores [N], masks [height, width, N] bool.
            With Matterport's weights (ROI_ALIGN "corners") rois and masks are Matterport's to the
            pixel; `detector` finds finer ones.
        """
        if verbose:
            announce(images)
        if self.network.convention == "corners":
            return [rounded(raw, self.config) for raw in self.detector.predict(images)]
        return self.detector.detect(images)

    def _trainer(self, schedule, epoch):
        """A `Trainer` that begins where the loaded state, or the last `train`, ended."""
        progress = self._progress or resume.Progress(
            step=self.epoch * epoch, epoch=self.epoch, **self._remembered)
        if self._progress is None:
            progress.new_layers = sorted({*progress.new_layers, *(self._new_layers or ())})
        resume.realign(progress, epoch, schedule.steps)
        trainer = training.Trainer(
            self.network, self.config, schedule, epoch, progress, self._strategy)
        if self._state:
            changed = resume.changed_knobs(self._state, self.network.config)
            if changed:
                logger.warning("Changed since this training stopped: %s.", ", ".join(changed))
            try:
                trainer.restore(self._state)
            except resume.ResumeError as error:
                logger.warning("The optimizer starts anew: %s", error)
        return trainer

    def _follow(self, convention, filepath):
        """Pool as the weights were trained to, unless the configuration has decided."""
        if self.config.ROI_ALIGN != "auto" or convention is None:
            return
        self._convention = self._convention or convention
        if self._network and self._network.convention != convention:
            if self.report is None:  # nothing loaded yet, nothing to lose
                self._network = self._keras_model = self._detector = None
                return
            logger.warning(
                "%s was trained with ROI_ALIGN = %r, the weights loaded before with %r, which "
                "stays.", filepath, convention, self._network.convention)


def _step(path):
    """The training step that weights were saved after; None for other writers'."""
    return (weights.read_metadata(path) or {}).get("step")


def _readable_progress(state):
    """The `Progress` of a resume file; None, with a logged word, for a broken one."""
    try:
        return resume.read_progress(state)
    except (OSError, ValueError) as error:
        logger.warning("Passed over %s: %s", state, error)
        return None


class _First:
    """The first batches of a pass over the validation set; all of them for None."""

    def __init__(self, batches, number):
        self.batches, self.number = batches, number

    def __iter__(self):
        return islice(self.batches, self.number)
