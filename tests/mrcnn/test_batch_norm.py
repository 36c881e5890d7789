import keras
import numpy as np
import pytest

from mrcnn.layers.batch_norm import BatchNorm
from tests.mrcnn.layer_harness import check_layer

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(3.0, 2.0, (4, 5, 6, 3)).astype("float32")
WEIGHTS = np.float32([[1, 2, 3], [0, 1, 2], [1, 2, 4], [4, 1, 9]])  # gamma, beta, mean, variance
BY_BATCH = (INPUTS - INPUTS.mean((0, 1, 2))) / np.sqrt(INPUTS.var((0, 1, 2)) + 1e-3)


def built(train_bn):
    layer = BatchNorm(train_bn)
    layer.build(INPUTS.shape)
    layer.set_weights(list(WEIGHTS))
    return layer


def by_moving_statistics():
    gamma, beta, mean, variance = WEIGHTS
    return gamma * (INPUTS - mean) / np.sqrt(variance + 1e-3) + beta


@pytest.mark.parametrize("train_bn", [False, None])
def test_as_a_layer(train_bn):
    check_layer(lambda: BatchNorm(train_bn), INPUTS)


def test_as_a_layer_on_batch_statistics():
    layer = BatchNorm(True)
    assert BatchNorm.from_config(layer.get_config()).train_bn is True
    model = keras.Sequential([keras.Input(INPUTS.shape[1:]), layer])
    np.testing.assert_allclose(model.predict_on_batch(INPUTS), BY_BATCH, atol=1e-4)


def test_frozen_stays_frozen_whatever_it_is_told():
    layer = built(False)
    model = keras.Sequential([keras.Input(INPUTS.shape[1:]), layer, keras.layers.Dense(2)])
    layer.trainable = True
    model.trainable = True
    assert not layer.trainable
    assert not layer.trainable_variables
    assert len(model.trainable_variables) == 2, "the dense layer's, not gamma and beta"


@pytest.mark.parametrize("train_bn", [False, None, True])
def test_one_training_step(train_bn):
    layer = built(train_bn)
    before = layer.get_weights()
    model = keras.Sequential([keras.Input(INPUTS.shape[1:]), layer])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.train_on_batch(INPUTS, np.zeros_like(INPUTS))
    moved = [not np.array_equal(a, b) for a, b in zip(before, layer.get_weights(), strict=True)]
    assert moved == [train_bn is not False] * 4  # gamma, beta, moving mean, moving variance


def test_frozen_uses_the_moving_statistics_in_training_too():
    outputs = built(False)(INPUTS, training=True)
    np.testing.assert_allclose(outputs, by_moving_statistics(), rtol=1e-4, atol=1e-4)


def test_usual_mode_is_keras_own():
    layer = built(None)
    np.testing.assert_allclose(layer(INPUTS), by_moving_statistics(), rtol=1e-4, atol=1e-4)
    expected = BY_BATCH * [1, 2, 3] + [0, 1, 2]
    np.testing.assert_allclose(layer(INPUTS, training=True), expected, atol=1e-4)


@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_true_always_uses_the_batch(trainable, training):
    layer = built(True)
    layer.trainable = trainable
    before = layer.get_weights()
    outputs = layer(INPUTS, training=training)
    np.testing.assert_allclose(outputs, BY_BATCH * [1, 2, 3] + [0, 1, 2], atol=1e-4)
    moved = not np.array_equal(before[2], layer.get_weights()[2])
    assert moved == (trainable and training)


def test_frozen_survives_saving(tmp_path):
    model = keras.Sequential([keras.Input(INPUTS.shape[1:]), built(False)])
    model.save(tmp_path / "model.keras")
    layer = keras.saving.load_model(tmp_path / "model.keras").layers[-1]
    assert layer.train_bn is False
    assert not layer.trainable_variables
    np.testing.assert_allclose(layer(INPUTS), by_moving_statistics(), rtol=1e-4, atol=1e-4)


def test_reduced_precision_output_with_float32_statistics():
    layer = BatchNorm(True, dtype="mixed_bfloat16")
    outputs = layer(INPUTS)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    assert keras.backend.standardize_dtype(layer.moving_mean.dtype) == "float32"
