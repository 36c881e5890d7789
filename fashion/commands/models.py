"""The network that a command works with: its arguments, configuration and weights."""

import argparse
import contextlib
import functools
from dataclasses import dataclass
from pathlib import Path

from fashion.commands import common
from fashion.commands.restoring import restore
from fashion.config import CONFIGS
from mrcnn import matterport_layout, resume, weights
from mrcnn.config import Config
from mrcnn.download import PUBLISHED, published_weights

LOGS = common.ROOT / "logs"
WEIGHTS = common.ROOT / "weights"
# Comes with the repository, for `--weights=sample`; weights/README.md is its model card.
SAMPLE_WEIGHTS = WEIGHTS / "sample.weights.h5"
# Layers whose shapes follow from the number of classes.
CLASS_LAYERS = ("mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask")
SAMPLE_WEIGHTS_KNOW = (
    "The weights `sample` know made-up clothes only, expect little of them on photos; --weights "
    "takes\nothers (weights/README.md).")
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


def resolve(arguments):
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
