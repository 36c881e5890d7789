"""What the commands share: their arguments, and finding data, weights and configuration."""

import argparse
import contextlib
import functools
import logging
from dataclasses import dataclass
from pathlib import Path

from fashion.commands import own_data
from fashion.commands.restoring import restore
from fashion.config import CONFIGS
from fashion.datasets import locate
from fashion.datasets.deepfashion2 import DeepFashion2Dataset
from fashion.datasets.sample import writer as sample_writer
from fashion.datasets.subsets import read_subsets
from fashion.quiet import quiet
from mrcnn import matterport_layout, resume, weights
from mrcnn.config import Config
from mrcnn.download import PUBLISHED, published_weights

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "logs"
WEIGHTS = ROOT / "weights"
SAMPLE = ROOT / "datasets" / "sample"
# Comes with the repository, for `--weights=sample`; weights/README.md is its model card.
SAMPLE_WEIGHTS = WEIGHTS / "sample.weights.h5"
# Layers whose shapes follow from the number of classes.
CLASS_LAYERS = ("mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask")
SAMPLE_WEIGHTS_KNOW = (
    "The weights `sample` know made-up clothes only, expect little of them on photos; --weights "
    "takes\nothers (weights/README.md).")
# Pictures of the built-in sample: what two cores draw in about a minute.
SAMPLE_IMAGES = 3000
SAMPLE_SEED = 1

DEFAULT_CONFIG = "deepfashion2"
WEIGHTS_HELP = {
    "coco": "Matterport's Mask R-CNN trained on COCO, a ResNet-101 (fetched into weights/)",
    "imagenet": "Keras' ResNet-50 trained on ImageNet (fetched into weights/)",
    "sample": "a small bundled network that knows made-up clothes only",
    "last": "the newest training in --logs",
    "index": "those that the index was made with",
    "random": "no weights",
    "PATH": "an .h5 file",
    "keras:NAME": "a model of keras.applications, as keras:MobileNetV3Small, or, as PATH, any "
                  ".keras model of pictures: for cut-outs that extract has made",
}


@dataclass(frozen=True)
class Data:
    """A data set in DeepFashion2's layout, or one of one's own.

    Attributes:
        root: its folder or file.
        sample: contents of `sample.json` (version, seed, counts) of a made-up one, else None.
        own: `Annotations` by subset of a data set of one's own; None of DeepFashion2.
    """

    root: Path
    sample: dict | None
    own: dict | None = None

    @property
    def subsets(self):
        """Names of the subsets that there are."""
        return locate.subsets_present(self.root) if self.own is None else list(self.own)

    def fit(self, config):
        """The configuration with this data set's classes."""
        if self.own is None:
            return config
        return own_data.fit(config, next(iter(self.own.values())).class_names)

    def __str__(self):
        if self.sample is None:
            return str(self.root)
        version, seed = self.sample["version"], self.sample["seed"]
        return f"made-up sample, version {version}, seed {seed} ({self.root})"


@dataclass(frozen=True)
class Model:
    """A configuration and the weights it starts from; None: random ones."""

    config: Config
    weights: Path | None


def add_weights_argument(parser, words, default=None):
    """Adds --weights, --config, --set and --logs: everything that decides on the network.

    Args:
        parser: of a command.
        words: keys of `WEIGHTS_HELP` that the command takes.
        default: the word that stands when none is given; None makes --weights compulsory.
    """
    about = "; ".join(f"{word}: {WEIGHTS_HELP[word]}" for word in words)
    ending = f" (default: {default})" if default else ""
    parser.add_argument("--weights", required=default is None, default=default,
                        type=functools.partial(_word_or_path, words),
                        metavar="|".join(words), help=about + ending)
    parser.add_argument("--config", choices=CONFIGS, metavar="NAME",
                        help=f"{', '.join(CONFIGS)} (default: the one that the weights were "
                             f"trained with, else {DEFAULT_CONFIG})")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
                        help="change knobs of the configuration, such as IMAGE_MAX_DIM=512; "
                             "mrcnn/config.py and fashion/config.py explain them")
    parser.add_argument("--logs", type=Path, default=LOGS, metavar="DIR",
                        help="folder of trainings (default: logs/ in the repository)")


def _word_or_path(words, text):
    """An `argparse` type: one of the words of --weights that the command takes, or a path."""
    if text in WEIGHTS_HELP and text not in words:
        raise argparse.ArgumentTypeError(f"expected {' or '.join(words)}, got {text!r}")
    return text


def positive(text):
    """An `argparse` type: a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


def number(low, high):
    """An `argparse` type: a number from `low` to `high`."""
    def read(text):
        with contextlib.suppress(ValueError):
            if low <= float(text) <= high:
                return float(text)
        raise argparse.ArgumentTypeError(
            f"expected a number from {low:g} to {high:g}, got {text!r}")

    return read


def add_dataset_argument(parser):
    """Adds --dataset and --class-attribute."""
    parser.add_argument("--dataset", metavar="DIR",
                        help="folder in DeepFashion2's layout, or of photos with annotations of "
                             "VIA, COCO, LabelMe or masks (default: $DEEPFASHION2_DIR, else "
                             "datasets/deepfashion2, else a made-up sample)")
    add_class_attribute_argument(parser)


def add_class_attribute_argument(parser):
    """Adds --class-attribute."""
    parser.add_argument("--class-attribute", metavar="NAME",
                        help="attribute of VIA's regions that is their class (default: the one "
                             "called name, class, label, type or category, else the only one)")


def resolve_dataset(path=None, class_attribute=None):
    """Finds the data set, or makes the built-in sample, and says so.

    Args:
        path: of --dataset; None looks in the usual places.
        class_attribute: of --class-attribute.

    Returns:
        `Data`.

    Raises:
        ValueError: what was asked for is no data set.
    """
    own = own_data.find(path)
    if own:
        found = read_subsets(own, class_attribute)
        print(own_data.describe(found))
        return Data(own, sample_writer.read_record(own), found)
    root = locate.find_dataset(path)
    if root is None:
        print("No DeepFashion2 here (--dataset, $DEEPFASHION2_DIR, datasets/deepfashion2): this "
              "works on\nthe built-in sample of made-up pictures, whose numbers say nothing about "
              f"photos.\n{locate.HOW_TO_GET}\n")
        return built_in_sample()
    return Data(root, sample_writer.read_record(root))


def load(data, subset, where=None, limit=None, published_flips=False, class_names=None,
         whole_pairs=False):
    """One subset of a data set, prepared.

    Args:
        data: `Data`.
        subset, where, limit, published_flips, whole_pairs: see `DeepFashion2Dataset` and its
            `load`.
        class_names: those that a network knows, "BG" first; class ids are places among them.

    Raises:
        ValueError: no such subset, none of these classes, or a condition on DeepFashion2's
            attributes for another data set.
    """
    if data.own is None:
        dataset = DeepFashion2Dataset(published_flips)
        dataset.load(data.root, subset, where, limit, whole_pairs)
    else:
        dataset = own_data.load(data.own, subset, where, limit, class_names)
    dataset.prepare()
    names = [info["name"] for info in dataset.class_info]
    if class_names is not None and names != list(class_names):
        raise ValueError(f"{data} has the classes {', '.join(names[1:])}, the "
                         f"weights know {', '.join(class_names[1:])}: give the data set that they "
                         "were trained on, or one with their classes.")
    return dataset


def built_in_sample():
    """The built-in sample as `Data`, made if it is not there whole and in this version."""
    from tqdm import tqdm

    quiet_in_files = functools.partial(tqdm, disable=None)
    record = sample_writer.write_sample(SAMPLE, SAMPLE_IMAGES, SAMPLE_SEED,
                                        progress=quiet_in_files)
    return Data(SAMPLE, record)


def resolve_model(arguments):
    """Finds the configuration and the weights that the arguments ask for, fetching if need be.

    Args:
        arguments: with weights, config, set and logs, as `add_weights_argument` adds them.

    Returns:
        `Model`.

    Raises:
        ValueError: an unknown knob, or weights of another architecture; the configuration that
            they fit is named.
        OSError: no such weights, or they cannot be fetched.
    """
    word, name = arguments.weights, arguments.config
    if word in PUBLISHED:
        config = make_config(name, arguments.set)
        _check_backbone(word, PUBLISHED[word].backbone, config)
        return Model(config, published_weights(word, WEIGHTS))
    if word == "random":
        return Model(make_config(name, arguments.set), None)
    path = _find_weights(word, name, arguments.logs)
    if path == SAMPLE_WEIGHTS:
        print(SAMPLE_WEIGHTS_KNOW)
    saved = weights.read_metadata(path) or {}
    config = restore(saved, name) if saved.get("name") in CONFIGS else None
    config = make_config(name, arguments.set) if config is None else _change(config, arguments.set)
    _check_backbone(path, saved.get("backbone") or _backbone_in(path), config)
    return Model(config, path)


def make_config(name=None, settings=()):
    """A configuration by name, with knobs changed by texts KEY=VALUE.

    Raises:
        ValueError: a text without "=", an unknown knob, or a value of another kind.
    """
    return _change(CONFIGS[name or DEFAULT_CONFIG](), settings)


def load_backend():
    """Imports Keras and its backend without their greetings.

    TensorFlow writes eight lines to the standard error as it is loaded, whatever
    TF_CPP_MIN_LOG_LEVEL says; later it warns of many small graphs, which are no fault here.
    """
    with quiet():
        import keras  # noqa: F401
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def build(mode, model, logs):
    """The network of a model, its weights loaded.

    A detection needs weights for every layer. A training may start from any that fit somewhere:
    layers without weights are new, and so are, with another number of classes (COCO's), those
    whose shapes follow from it.

    Args:
        mode: "training" or "inference".
        model: `Model`.
        logs: folder of trainings.

    Returns:
        `mrcnn.model.MaskRCNN`, with a match head a `fashion.model.MatchRCNN`.

    Raises:
        ValueError: weights that do not fit, or a network that finds no boxes.
    """
    from fashion.model import MatchRCNN
    from mrcnn.model import MaskRCNN

    if "box" not in model.config.HEADS:
        raise ValueError(f"{model.weights or model.config.NAME} finds landmarks of garments that "
                         "are cut out already: give weights of a detector.")
    kind = MatchRCNN if "match" in model.config.HEADS else MaskRCNN
    return load_into(kind(mode, model.config, logs), model, _unfit_layers)


def load_into(face, model, unfit_layers):
    """A face with the weights of a model, if it has any.

    Args:
        face: `mrcnn.model.MaskRCNN`, whose mode decides whether weights must fit everywhere.
        model: `Model`.
        unfit_layers: function of the model: names of layers that start anew in a training.

    Returns:
        The face.
    """
    if model.weights is not None and face.mode == "inference":
        face.load_weights(model.weights)
    elif model.weights is not None:
        face.load_weights(model.weights, by_name=True, exclude=unfit_layers(model))
    return face


def _unfit_layers(model):
    """Layers that weights of other classes have no use for, said; () if they fit."""
    theirs, ours = weights.num_classes(model.weights), model.config.NUM_CLASSES
    names = (weights.read_metadata(model.weights) or {}).get("class_names")
    are_others = names and names != list(model.config.CLASS_NAMES or names)
    if theirs is None or theirs == ours and not are_others:
        return ()
    what = f"{theirs} classes there, {ours} here" if theirs != ours else "Other classes there"
    print(f"{what}: {', '.join(CLASS_LAYERS)} start anew.")
    return CLASS_LAYERS


def _change(config, settings):
    wrong = [text for text in settings if "=" not in text]
    if wrong:
        raise ValueError(f"--set takes KEY=VALUE, such as IMAGE_MAX_DIM=512, got {wrong[0]!r}.")
    return config.override(dict(text.split("=", 1) for text in settings))


def _find_weights(word, name, logs):
    """Path of the weights on this disk that a word means."""
    if word == "last":
        return _find_last(logs, [name] if name else _by_last_use(logs))
    path = SAMPLE_WEIGHTS if word == "sample" else Path(word)
    if not path.is_file():
        advice = ("It belongs to the repository: git checkout -- weights" if word == "sample"
                  else "Give the path of an .h5 file, or a word that --help explains.")
        raise FileNotFoundError(f"There is no file {path}. {advice}")
    return path


def _find_last(logs, names):
    """Where the newest training of the first of these configurations stopped that has one."""
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            return resume.find_last(logs, name)
    raise FileNotFoundError(
        f"No training to go on from: {logs} has no run of {' or '.join(names)} with readable "
        "weights.")


def _by_last_use(logs):
    """Names of all configurations, those that trained last first."""
    def last_use(name):
        return max((folder.stat().st_mtime for folder in resume.run_folders(logs, name)),
                   default=0.0)

    return sorted(CONFIGS, key=last_use, reverse=True)


def _backbone_in(path):
    """`Config.BACKBONE` of a file that does not say so, by its layers; None if it has none."""
    return matterport_layout.backbone_knob(weights.layer_names(path))


def _check_backbone(source, backbone, config):
    """Refuses weights of another backbone, naming the configurations that they fit."""
    if backbone in (None, config.BACKBONE) or callable(config.BACKBONE):
        return
    fitting = [name for name, kind in CONFIGS.items() if kind.BACKBONE == backbone
               and ("box" in kind.HEADS) == ("box" in config.HEADS)]
    advice = (f"They fit --config={' or --config='.join(fitting)}." if fitting
              else "No configuration here has that backbone.")
    raise ValueError(f"The weights {source} are of a {backbone}, the configuration {config.NAME} "
                     f"is a {config.BACKBONE}. {advice}")
