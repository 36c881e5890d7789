"""Feature pyramid network (Lin et al., arXiv 1612.03144), with Matterport's layer names."""

import keras


def feature_pyramid(layers, stages, channels):
    """Wire the pyramid: each level is its stage plus the level above, doubled.

    Args:
        layers: `SharedLayers`.
        stages: [C2, C3, C4, C5].
        channels: of every level.

    Returns:
        [P2, P3, P4, P5, P6]; P6 is every other cell of P5 and serves the RPN only.
    """
    lateral = None
    levels = []
    for level in (5, 4, 3, 2):
        stage = stages[level - 2]
        above = lateral
        lateral = _conv(layers, stage, channels, 1, f"fpn_c{level}p{level}")
        if above is not None:
            double = layers.fresh(keras.layers.UpSampling2D, 2, name=f"fpn_p{level + 1}upsampled")
            add = layers.fresh(keras.layers.Add, name=f"fpn_p{level}add")
            lateral = add([double(above), lateral])
        levels.insert(0, _conv(layers, lateral, channels, 3, f"fpn_p{level}"))
    top = layers.fresh(keras.layers.MaxPooling2D, 1, strides=2, name="fpn_p6")(levels[-1])
    return [*levels, top]


def _conv(layers, x, channels, size, name):
    return layers(keras.layers.Conv2D, channels, size, padding="same", name=name)(x)
