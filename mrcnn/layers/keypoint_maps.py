"""The last upsampling of the keypoint head: only the heatmaps that are asked for."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mrcnn")
class KeypointMaps(keras.layers.Layer):
    """A 2x2 deconvolution of stride 2 that makes, for every region, the maps it names.

    Equal to `Conv2DTranspose(maps, 2, strides=2)` of which each region's own maps are picked, at
    a fraction of the memory: DeepFashion2 has 294 landmarks, a garment at most 39 of them. There
    is no bias, which a softmax over the cells of a map would not notice.

    Args:
        maps: number of all maps.
        **kwargs: as `keras.layers.Layer`.
    """

    def __init__(self, maps, **kwargs):
        super().__init__(**kwargs)
        self.maps = maps

    def build(self, features_shape, channels_shape):
        # As Conv2DTranspose has it: rows, columns, out, in.
        self.kernel = self.add_weight(
            shape=(2, 2, self.maps, features_shape[-1]), name="kernel",
            initializer=keras.initializers.RandomNormal(stddev=0.01))

    def call(self, features, channels):
        """Make heatmaps.

        Args:
            features: [batch, regions, height, width, in].
            channels: int32 [batch, regions, M], which of the maps.

        Returns:
            [batch, regions, M, 2 * height, 2 * width].
        """
        _, regions, height, width, depth = features.shape
        most = channels.shape[2]
        table = ops.transpose(self.kernel, (2, 0, 1, 3))  # [maps, 2, 2, in]
        own = ops.take(table, channels, axis=0)  # [batch, regions, M, 2, 2, in]
        own = ops.reshape(own, (-1, regions, most * 4, depth))
        cells = ops.reshape(features, (-1, regions, height * width, depth))
        maps = ops.matmul(own, ops.transpose(cells, (0, 1, 3, 2)))  # [.., M * 4, h * w]
        maps = ops.reshape(maps, (-1, most, 2, 2, height, width))
        maps = ops.transpose(maps, (0, 1, 4, 2, 5, 3))  # [.., M, h, 2, w, 2]
        return ops.reshape(maps, (-1, regions, most, 2 * height, 2 * width))

    def compute_output_shape(self, features_shape, channels_shape):
        batch, regions, height, width, _ = features_shape
        return batch, regions, channels_shape[2], 2 * height, 2 * width

    def get_config(self):
        return {**super().get_config(), "maps": self.maps}
