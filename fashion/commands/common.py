"""What all commands share: where the repository is, kinds of arguments, the backend."""

import argparse
import contextlib
import logging
from pathlib import Path

from fashion.quiet import quiet

ROOT = Path(__file__).resolve().parents[2]


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


def load_backend():
    """Imports Keras and its backend without their greetings.

    TensorFlow writes eight lines to the standard error as it is loaded, whatever
    TF_CPP_MIN_LOG_LEVEL says; later it warns of many small graphs, which are no fault here.
    """
    with quiet():
        import keras  # noqa: F401
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
