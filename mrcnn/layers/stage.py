"""Named steps of a graph, and layers that several graphs share."""

import keras


class Stage(keras.layers.Layer):
    """A pure function as a named layer, so that notebooks and tests can look at its output.

    It computes in float32 unless told otherwise, whatever the precision policy: boxes, scores
    and losses go wrong in half precision.

    Args:
        function: takes and returns tensors (or lists and dicts of them), has no weights.
    """

    def __init__(self, function, name, dtype="float32"):
        super().__init__(name=name, dtype=dtype)
        self.function = function

    def call(self, *inputs):
        return self.function(*inputs)


class SharedLayers:
    """Makes each layer with weights once, so that all graphs wired through it share their weights.

    Wiring code reads like a plain functional program:

        x = layers(keras.layers.Conv2D, 64, 3, name="conv1")(x)

    Args:
        dtype: precision policy given to every layer that does not name its own.
    """

    def __init__(self, dtype="float32"):
        self.dtype = dtype
        self.by_name = {}

    def __call__(self, kind, *args, name, **kwargs):
        """Return the layer called `name`, made as `kind(*args, name=name, ...)` at first use."""
        if name not in self.by_name:
            self.by_name[name] = self.fresh(kind, *args, name=name, **kwargs)
        return self.by_name[name]

    def fresh(self, kind, *args, **kwargs):
        """Return a new layer with this policy: for layers without weights.

        A layer that stands in one graph only has one `output`, which tells what it gave there.
        """
        kwargs.setdefault("dtype", self.dtype)
        return kind(*args, **kwargs)
