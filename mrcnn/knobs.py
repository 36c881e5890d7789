"""Names and values of knobs: which there are, and what text stands for which value."""

import ast

import numpy as np

_WORDS = {"true": True, "false": False, "none": None}
# Types that text may stand for, by the type of the default.
_KINDS = {
    bool: (bool, type(None)), int: (int, type(None)), float: (float, int, type(None)),
    dict: (dict,), tuple: (tuple, list), list: (tuple, list), np.ndarray: (tuple, list),
}


def knob_names(config):
    """Names of all UPPER_CASE attributes of a configuration class or instance, in order."""
    kind = config if isinstance(config, type) else type(config)
    names = [name for base in reversed(kind.__mro__) for name in vars(base)]
    if not isinstance(config, type):
        names += list(vars(config))
    return [name for name in dict.fromkeys(names) if name.isupper()]


def plain(value):
    """A knob's value as plain Python that JSON can hold."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return getattr(value, "__name__", repr(value)) if callable(value) else value


def parse(name, text, default, base_default):
    """Read `text` as a value of the same kind as `default`; where that is None, as the base's.

    None itself is a value wherever it is the base's.
    """
    if default is None or callable(default):
        default = base_default
    if not isinstance(text, str) or isinstance(default, str) or name == "NAME":
        return text
    value, kinds = _literal(text), _KINDS.get(type(default))
    if value is None and base_default is None:
        return None
    if isinstance(value, str) or (kinds and type(value) not in kinds):
        raise ValueError(f"{name} takes a value like {default!r}, got {text!r}.")
    if isinstance(default, np.ndarray):
        return np.array(value)
    return float(value) if isinstance(default, float) and value is not None else value


def _literal(text):
    """The Python value that `text` writes, in any case for true, false and none."""
    word = text.strip().lower()
    if word in _WORDS:
        return _WORDS[word]
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return text
