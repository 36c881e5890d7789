"""Run folders, and what a stopped training needs to go on exactly where it was.

A run folder, `{logs}/{name}{YYYYMMDDTHHMM}`, holds

    mask_rcnn_{name}_{epoch}.h5   weights at the end of an epoch, numbered from 1
    resume_{step}.h5              weights as well, and the optimizer, the random state, the step
    losses.jsonl                  every step's losses
    best.json                     which epoch was best, by which metric

A resume file is an ordinary weights file with one group more, so whatever reads weights reads it.
"""

import datetime
import json
import logging
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from mrcnn import weights, weights_file
from mrcnn.files import UNFINISHED

logger = logging.getLogger(__name__)

# What an epoch's weights say of the training they belong to: fields of `Progress`.
REMEMBERED = ("watch", "best", "best_epoch", "new_layers")
# Resume files kept in a run: the newest, and one more for the day it cannot be read.
STATES_KEPT = 2
_RUN = re.compile(r"(?P<name>.+?)(?P<stamp>\d{8}T\d{4})(-(?P<number>\d+))?", re.IGNORECASE)
_CHECKPOINT = re.compile(r"mask_rcnn_.+_(\d{4,})\.h5")
_STATE = re.compile(r"resume_(\d+)\.h5")


class ResumeError(ValueError):
    """A resume file that does not continue this training; the message says why."""


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        step: steps done.
        epoch: epochs ended, validation and checkpoint included.
        sums: loss name -> sum over the images of the epoch so far.
        images: images of the epoch so far.
        watch: the metric that says which epoch is best.
        best: its value at the best epoch, None before the first.
        best_epoch: its number, counted from 1.
        new_layers: layers that did not come from trained weights.
    """

    step: int = 0
    epoch: int = 0
    sums: dict = field(default_factory=dict)
    images: int = 0
    watch: str = ""
    best: float | None = None
    best_epoch: int = 0
    new_layers: list = field(default_factory=list)


class RunFolder:
    """The folder of one training. It is made at the first write, not before.

    Args:
        logs: folder of all runs.
        name: of the configuration.
        path: an existing run folder to go on in; a new, dated one by default.
    """

    def __init__(self, logs, name, path=None):
        self.logs, self.name = Path(logs), name.lower()
        self.path = Path(path) if path else self._free_path()
        self._made = path is not None

    def _free_path(self):
        """A dated name that no other run has taken."""
        dated = f"{self.name}{datetime.datetime.now():%Y%m%dT%H%M}"
        names = [dated] + [f"{dated}-{number}" for number in range(2, 1000)]
        return next(self.logs / name for name in names if not (self.logs / name).exists())

    def make(self):
        """Make the folder.

        Returns:
            Its path.

        Raises:
            OSError: the folder of runs cannot be written to.
        """
        while not self._made:
            try:
                self.path.mkdir(parents=True)
                self._made = True
            except FileExistsError:  # another training that started in the same minute
                if not self.path.is_dir():
                    raise
                self.path = self._free_path()
        return self.path

    def check_writable(self):
        """Raise an error before hours are spent, if nothing can be saved here."""
        folder = self.path if self._made else self.logs
        probe = folder / ".writable"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink(missing_ok=True)
        except OSError as error:
            raise PermissionError(
                f"Training writes its checkpoints into {folder}, where nothing can be written: "
                f"{error.strerror or error}. Choose another folder (--logs=DIR)."
            ) from error

    def checkpoint(self, epoch):
        """Path of the weights at the end of an epoch, counted from 1."""
        return self.path / f"mask_rcnn_{self.name}_{epoch:04d}.h5"

    def state(self, step):
        """Path of the resume file after a number of steps."""
        return self.path / f"resume_{step:08d}.h5"

    def checkpoints(self):
        """Weights of the run as {epoch: path}, the newest first."""
        return _numbered(self.path, _CHECKPOINT)

    def states(self):
        """Resume files of the run as {step: path}, the newest first."""
        return _numbered(self.path, _STATE)

    def thin(self, keep, best_epoch=0):
        """Remove all but the newest files, and what killed processes left half written.

        Args:
            keep: number of weights files to keep; None keeps all.
            best_epoch: epoch whose weights stay in any case.
        """
        checkpoints = list(self.checkpoints().items())
        old = [path for epoch, path in checkpoints[len(checkpoints) if keep is None else keep:]
               if epoch != best_epoch]
        old += list(self.states().values())[STATES_KEPT:]
        for path in [*old, *self.path.glob(f".*{UNFINISHED}")]:
            path.unlink(missing_ok=True)


def _numbered(folder, pattern):
    """{number: path} of the files whose names match, by falling number."""
    found = ((pattern.fullmatch(path.name), path) for path in folder.glob("*.h5"))
    numbered = {int(match.group(1)): path for match, path in found if match}
    return dict(sorted(numbered.items(), reverse=True))


def run_folders(logs, name):
    """Run folders of a configuration, the newest first."""
    found = []
    for path in Path(logs).glob("*"):
        match = _RUN.fullmatch(path.name)
        if match and match["name"].lower() == name.lower() and path.is_dir():
            found.append((match["stamp"], int(match["number"] or 1), path))
    return [path for *_, path in sorted(found, reverse=True)]


def find_last(logs, name):
    """Find where the newest training of a configuration stopped.

    Runs and files that cannot be used (empty, cut short by a crash) are passed over, with a
    logged word.

    Args:
        logs: folder of all runs.
        name: of the configuration.

    Returns:
        Path of a resume file; of weights for runs that have none, such as Matterport's.

    Raises:
        FileNotFoundError: no run of this name holds anything to go on from.
    """
    for folder in run_folders(logs, name):
        run = RunFolder(logs, name, folder)
        for path in [*run.states().values(), *run.checkpoints().values()]:
            try:
                _check_readable(path)
                return path
            except (OSError, ValueError) as error:
                logger.warning("Passed over %s: %s", path, error)
        logger.warning("Passed over %s: it holds no readable weights.", folder)
    raise FileNotFoundError(
        f"No training to go on from: {Path(logs)} has no run of {name!r} with readable weights.")


def _check_readable(path):
    with weights_file.open_weights(path) as file:
        if _STATE.fullmatch(path.name):
            _progress(file, path)


def parse_path(path, name):
    """Return (run folder, epochs done) of a file in a run of this configuration, else None."""
    path = Path(path)
    folder = _RUN.fullmatch(path.parent.name)
    checkpoint, state = _CHECKPOINT.fullmatch(path.name), _STATE.fullmatch(path.name)
    if not folder or folder["name"].lower() != name.lower() or not (checkpoint or state):
        return None
    if checkpoint:
        return path.parent, int(checkpoint.group(1))
    with weights_file.open_weights(path) as file:
        return path.parent, _progress(file, path).epoch


def realign(progress, steps_per_epoch, steps):
    """Fit the epoch to the step, for a training whose epochs have another length than before.

    Args:
        progress: `Progress`, changed in place.
        steps_per_epoch: of the training that goes on.
        steps: of all its epochs; the last one may be shorter.
    """
    begin = min(progress.epoch * steps_per_epoch, steps)
    if not begin <= progress.step <= begin + steps_per_epoch:
        epoch = progress.step // steps_per_epoch
        logger.warning("Epochs now have %d steps: step %d is in epoch %d, not %d.",
                       steps_per_epoch, progress.step, epoch + 1, progress.epoch + 1)
        progress.epoch, progress.sums, progress.images = epoch, {}, 0


def changed_knobs(path, config):
    """Names of the knobs that have another value than when a weights file was written."""
    saved = (weights.read_metadata(path) or {}).get("config", {})
    current = json.loads(json.dumps(config.to_dict(), default=str))
    return [name for name, value in current.items() if name in saved and saved[name] != value]


def save_state(path, network, metadata, progress, parts):
    """Write a resume file; it takes its name only when it is whole.

    Args:
        path: of the file.
        network: whose weights are saved, as `weights.save_weights` does.
        metadata: of the weights.
        progress: `Progress`.
        parts: dict of part name -> Keras variables to save besides the weights.
    """
    with weights_file.create_file(path) as file:
        weights.write_layers(file, network, metadata)
        group = file.create_group(weights_file.RESUME_GROUP)
        group.attrs["progress"] = json.dumps(asdict(progress))
        for part, variables in parts.items():
            for index, variable in enumerate(variables):
                dataset = group.create_dataset(f"{part}/{index:05d}", data=variable.numpy())
                dataset.attrs["path"] = variable.path


def read_progress(path):
    """Return the `Progress` of a resume file, None for other weights files."""
    with weights_file.open_weights(path) as file:
        return _progress(file, path) if weights_file.RESUME_GROUP in file else None


def remembered(path):
    """Return the fields of `Progress` that weights of an epoch carry; {} for other writers'."""
    metadata = weights.read_metadata(path) or {}
    return {name: metadata[name] for name in REMEMBERED if name in metadata}


def restore(path, part, variables):
    """Give variables the values that a resume file holds of one part.

    Args:
        path: of the resume file.
        part: a name that `save_state` was given.
        variables: Keras variables, in the order they were saved in.

    Raises:
        ResumeError: other variables were saved; none has been changed.
    """
    with weights_file.open_weights(path) as file:
        group = file[weights_file.RESUME_GROUP].get(part, {})
        saved = [group[key] for key in sorted(group)]
        if [_signature(x.attrs["path"], x.shape) for x in saved] != [
                _signature(v.path, v.shape) for v in variables]:
            raise ResumeError(f"{path} was written with another {part}.")
        values = [np.asarray(value) for value in saved]
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _signature(path, shape):
    """What names a variable in another process too, where `sgd_1` may be `sgd`."""
    return re.sub(r"_\d+(?=/)", "", path), tuple(shape)


def _progress(file, path):
    try:
        return Progress(**json.loads(file[weights_file.RESUME_GROUP].attrs["progress"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ResumeError(f"{path} is no complete resume file: {error}") from error
