"""What every layer must do, checked in one place."""

import keras
import numpy as np
from keras import tree


def check_layer(layer_factory, inputs, tolerance=1e-5, **call_arguments):
    """Takes a layer through its lives: config, symbolic, eager and compiled.

    Args:
        layer_factory: makes a new layer without arguments, its output one array.
        inputs: the layer's first argument, an array or a list of arrays, or a tuple of several
            arguments. The first axis is the batch.
        tolerance: how far apart eager and compiled outputs may be.
        **call_arguments: further arguments of the call that are not tensors.

    Returns:
        The eager output as a NumPy array.
    """
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    layer = layer_factory()
    copy = type(layer).from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()

    symbols = tree.map_structure(_symbol, arguments)
    symbolic = layer(*symbols, **call_arguments)
    eager = keras.ops.convert_to_numpy(layer(*arguments, **call_arguments))
    assert symbolic.shape == (None, *eager.shape[1:]), "the batch dimension must stay free"
    assert keras.backend.standardize_dtype(symbolic.dtype) == str(eager.dtype)

    model = keras.Model(tree.flatten(symbols), symbolic)
    for batch in (slice(None), slice(0, 1)):
        part = [array[batch] for array in tree.flatten(arguments)]
        compiled = model.predict_on_batch(part)
        np.testing.assert_allclose(compiled, eager[batch], rtol=tolerance, atol=tolerance)
    return eager


def _symbol(array):
    return keras.Input(array.shape[1:], dtype=str(array.dtype))
