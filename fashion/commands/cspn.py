"""What the commands share where the configuration is of a landmark network."""

import argparse

from fashion.commands import models
from fashion.cspn.config import CSPNConfig
from mrcnn import weights


def is_cspn(config):
    """Whether a configuration is of a landmark network, and not of a detector."""
    return isinstance(config, CSPNConfig)


def prefer_last(arguments):
    """Without --weights take the newest training: there are no landmark networks to start from.

    Args:
        arguments: with weights, whose default is `sample`, a detector, and config; changed in
            place.
    """
    kind = models.CONFIGS.get(arguments.config)
    if arguments.weights == "sample" and kind and issubclass(kind, CSPNConfig):
        arguments.weights = "last"


def build(mode, model, logs):
    """The `fashion.cspn.model.CSPN` of a model, its weights loaded.

    As `models.build`: what finds landmarks needs weights for every layer, a training may start from
    any that fit somewhere, such as a detector's backbone. Heatmaps of other landmarks start anew.
    """
    from fashion.cspn.model import CSPN

    return models.load_into(CSPN(mode, model.config, logs), model, _other_maps)


def _other_maps(model):
    """Layers that draw other landmarks' heatmaps in the weights than here, said; () if none."""
    saved = (weights.read_metadata(model.weights) or {}).get("config", {})
    theirs, ours = saved.get("NUM_KEYPOINTS"), model.config.NUM_KEYPOINTS
    if "CSPN_STAGES" not in saved or theirs == ours:
        return ()
    print(f"{theirs} landmarks there, {ours} here: the heatmaps' layers start anew.")
    return tuple(f"cspn_stage{number}_maps"
                 for number in range(1, model.config.CSPN_STAGES + 1))


def named(word, logs, settings=()):
    """The `models.Model` of weights by a word or path, with their own configuration, but for
    knobs that are set by texts KEY=VALUE."""
    return models.resolve(argparse.Namespace(weights=word, config=None, set=settings, logs=logs))
