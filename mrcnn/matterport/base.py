"""How Matterport's graph functions and layers stand in Keras 3."""

import functools
from types import SimpleNamespace

import keras
import numpy as np
from keras import ops, tree

from mrcnn.config import Config
from mrcnn.knobs import plain
from mrcnn.layers.stage import Stage

# The kernels of TensorFlow that pool and suppress route by size, which XLA cannot compile.
SUPPORTS_JIT = keras.backend.backend() != "tensorflow"


def graph_function(function):
    """Lets a function of tensors take NumPy arrays, tensors and Keras' symbolic tensors.

    Matterport's functions stood inside `Lambda` layers. On symbolic tensors the function becomes
    one layer by itself; arrays of floats become float32 tensors.
    """

    @functools.wraps(function)
    def call(*args, **kwargs):
        arguments = (args, kwargs)
        if not any(keras.utils.is_keras_tensor(leaf) for leaf in tree.flatten(arguments)):
            args, kwargs = tree.map_structure(_tensor, arguments)
            return function(*args, **kwargs)
        tensors = [leaf for leaf in tree.flatten(arguments) if _is_tensor(leaf)]

        def filled_in(*tensors):
            left = iter(tensors)
            args, kwargs = tree.map_structure(
                lambda leaf: next(left) if _is_tensor(leaf) else leaf, arguments)
            return function(*args, **kwargs)

        stage = Stage(filled_in, name=None)
        stage.supports_jit = SUPPORTS_JIT
        return stage(*tensors)

    return call


def _is_tensor(leaf):
    return isinstance(leaf, np.ndarray) or ops.is_tensor(leaf) or (
        keras.utils.is_keras_tensor(leaf))


def _tensor(leaf):
    """NumPy arrays as tensors, floats in float32; all else as it is."""
    if not isinstance(leaf, np.ndarray):
        return leaf
    return ops.convert_to_tensor(leaf, "float32" if leaf.dtype.kind == "f" else leaf.dtype)


class ConfiguredLayer(keras.layers.Layer):
    """A layer that reads a few knobs of a `Config` and saves those alone.

    Computes in float32 whatever the precision policy, and passes no gradient to boxes.

    Args:
        config: a `Config`, a dict of the layer's knobs, or None for the default values.
        **kwargs: as `keras.layers.Layer`; the dtype is float32 in any case.
    """

    knobs = ()

    def __init__(self, config=None, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        config = Config if config is None else config
        self.config = SimpleNamespace(**config) if isinstance(config, dict) else config
        self.supports_jit = SUPPORTS_JIT

    def get_config(self):
        knobs = {name: plain(getattr(self.config, name)) for name in self.knobs}
        return {**super().get_config(), "config": knobs}
