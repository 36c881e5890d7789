"""The configuration that weights were trained with, as their file remembers it."""

import numpy as np

from fashion.config import CONFIGS, MANNERS
from mrcnn.knobs import knob_names


def restore(saved, name=None):
    """The configuration that weights were trained with, as one asks for it.

    Args:
        saved: metadata of the weights, see `mrcnn.weights.network_metadata`.
        name: of the configuration that is asked for; None: that of the weights.

    Returns:
        A `Config`; where one of `MANNERS` with another backbone is asked for, the weights' network
        with what that says of training. None where the weights say nothing of use, being those of
        another configuration.
    """
    if name in (None, saved["name"]):
        return _as_trained(saved)
    if name in MANNERS and saved.get("backbone") != CONFIGS[name].BACKBONE:
        return _as_trained(saved).override(MANNERS[name])
    return None


def _as_trained(saved):
    """The configuration of the weights, also where --set had changed it.

    Knobs that are younger than the weights take the values of the class that brought them in,
    which leave a network as it was, and not those that the configuration has today. Knobs of a head
    that the weights do not have stand as they are today: they are for one that is added.
    """
    config, knobs = CONFIGS[saved["name"]](), saved.get("config", {})
    without = [head.upper() for head in ("keypoint", "match") if head not in knobs.get("HEADS", ())]
    younger = {name: _first_value(type(config), name) for name in knob_names(type(config))
               if knobs and name not in knobs and not any(head in name for head in without)}
    return config.override(younger | {
        name: _like(getattr(config, name), value)
        for name, value in knobs.items() if hasattr(config, name)})


def _first_value(kind, name):
    """The value of a knob in the class that brought it in."""
    return next(vars(base)[name] for base in reversed(kind.__mro__) if name in vars(base))


def _like(default, value):
    """A value out of JSON, which knows neither tuples nor arrays, in the type of the default."""
    if isinstance(default, np.ndarray):
        return np.array(value)
    return tuple(value) if isinstance(default, tuple) else value
