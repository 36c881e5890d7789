"""Boxes of all images as one batch, and back.

Heads run on [B * R, ...] in plain layers; Keras 3's `TimeDistributed` would unroll them into a
graph operation per box.
"""

import keras
from keras import ops


class Fold(keras.layers.Layer):
    """[B, R, ...] -> [B * R, ...]."""

    def call(self, x):
        return ops.reshape(x, (-1, *x.shape[2:]))

    def compute_output_shape(self, input_shape):
        return (None, *input_shape[2:])


class Unfold(keras.layers.Layer):
    """[B * R, n] -> [B, R, *shape].

    Args:
        shape: of one row, with R first.
    """

    def __init__(self, shape, **kwargs):
        super().__init__(**kwargs)
        self.shape = tuple(shape)

    def call(self, x):
        return ops.reshape(x, (-1, *self.shape))

    def compute_output_shape(self, input_shape):
        return (None, *self.shape)

    def get_config(self):
        return {**super().get_config(), "shape": self.shape}
