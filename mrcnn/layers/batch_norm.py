"""Batch normalisation with the three modes of `Config.TRAIN_BN`."""

import keras
from keras import ops

_Base = keras.layers.BatchNormalization


@keras.saving.register_keras_serializable(package="mrcnn")
class BatchNorm(_Base):
    """Keras' batch normalisation, plus a freeze that cannot be lifted by accident.

    Detectors train with one or two images a device, too few for useful batch statistics, so
    pretrained backbones keep the statistics they come with.

    Matterport's `TRAIN_BN = False` froze the moving statistics only: gamma and beta went on
    training, against statistics that could not follow. Here all four stay as they were loaded.

    Args:
        train_bn: False freezes gamma, beta and the moving statistics for good: `trainable` stays
            False whatever this layer or a layer above it is told. None is Keras' usual behaviour:
            batch statistics in training, moving ones in inference and while not trainable. True
            normalises by the batch's own statistics always, in inference and while not trainable
            too; the moving ones still change in training only.
        **kwargs: as `keras.layers.BatchNormalization`.
    """

    def __init__(self, train_bn=None, **kwargs):
        if train_bn is False:
            kwargs["trainable"] = False
        super().__init__(**kwargs)
        self.train_bn = train_bn

    def build(self, input_shape):
        super().build(input_shape)
        # Variables are made trainable whatever the layer is, and models collect them one by one.
        self.trainable = self.trainable

    @property
    def trainable(self):
        return _Base.trainable.fget(self)

    @trainable.setter
    def trainable(self, value):
        _Base.trainable.fset(self, value and self.train_bn is not False)

    def call(self, inputs, training=None, mask=None):
        if self.train_bn and not (training and self.trainable):
            return self._normalise_by_batch(inputs)
        return super().call(inputs, training=training, mask=mask)

    def compute_mask(self, inputs, previous_mask):
        """None: a mask says which rows make the statistics, later layers have no use for it."""
        return None

    def _normalise_by_batch(self, inputs):
        """Uses the batch's statistics and leaves the moving ones alone."""
        inputs = ops.cast(inputs, "float32")
        axes = [axis for axis in range(inputs.ndim) if axis != self.axis % inputs.ndim]
        mean, variance = ops.moments(inputs, axes=axes)
        outputs = ops.batch_normalization(
            inputs,
            mean,
            variance,
            axis=self.axis,
            offset=self.beta,
            scale=self.gamma,
            epsilon=self.epsilon,
        )
        return ops.cast(outputs, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "train_bn": self.train_bn}
