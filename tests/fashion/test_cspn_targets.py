"""Heatmaps there and back, and the losses of the stages against plain NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from fashion.cspn import losses, targets

SIZE, SIGMA = 64, 2.0


def random_points(seed=0, shape=(50, 8)):
    """Anywhere on a map, its border too."""
    return np.random.default_rng(seed).uniform(0, SIZE, (*shape, 2)).astype("float32")


def test_a_gaussian_stands_on_its_point():
    [drawn] = targets.gaussians(np.array([[10.5, 20.5]]), SIZE, SIGMA)
    assert np.unravel_index(drawn.argmax(), drawn.shape) == (20, 10) and drawn[20, 10] == 1
    np.testing.assert_allclose(drawn[20, 12], np.exp(-0.5), rtol=1e-6)
    np.testing.assert_allclose((drawn**2).sum(), targets.energy(SIGMA), rtol=1e-3)


def found_by(xp, maps, sigma=SIGMA):
    """`targets.peaks` computed by NumPy or by keras.ops, as an array."""
    maps = maps.astype("float32")
    return np.asarray(targets.peaks(
        maps if xp is np else ops.convert_to_tensor(maps), sigma, xp=xp))


@pytest.mark.parametrize("xp", [np, ops])
@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
def test_there_and_back(xp, sigma):
    points = random_points()
    found = found_by(xp, targets.gaussians(points, SIZE, sigma), sigma)
    assert np.abs(found[..., :2] - points).max() < 0.02
    assert found[..., 2].min() > 0.75 and found[..., 2].max() <= 1


def test_both_libraries_agree_on_noise():
    maps = np.random.default_rng(1).normal(0, 1, (3, 8, SIZE, SIZE))
    ours, theirs = found_by(np, maps), found_by(ops, maps)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    highest = maps.reshape(3, 8, -1).argmax(-1)
    cells = np.stack([highest % SIZE, highest // SIZE], -1) + 0.5
    assert np.abs(ours[..., :2] - cells).max() <= 1, "no further than the neighbours"


def test_noise_moves_a_peak_by_a_fraction_of_a_cell():
    points = np.clip(random_points(2), 4, SIZE - 4)
    noise = np.random.default_rng(3).normal(0, 0.03, (50, 8, SIZE, SIZE))
    found = found_by(np, targets.gaussians(points, SIZE, SIGMA) + noise)
    assert np.sqrt(((found[..., :2] - points) ** 2).mean()) < 0.25


def numpy_hardest(errors, counted, hardest):
    """One garment after the other."""
    result = []
    for row, there in zip(errors, counted, strict=True):
        worst = sorted(row[there > 0], reverse=True)[:hardest]
        result.append(np.mean(worst) if worst else 0.0)
    return result


def random_errors():
    """[6, 8] errors and which of them count; of the last garment none does."""
    rng = np.random.default_rng(4)
    errors = rng.uniform(0, 2, (6, 8)).astype("float32")
    counted = (rng.uniform(size=(6, 8)) < np.linspace(1, 0, 6)[:, None]).astype("float32")
    assert {int(n) for n in counted.sum(axis=1)} >= {0, 8} and (counted.sum(axis=1) == 2).any()
    return errors, counted


@pytest.mark.parametrize("hardest", [1, 4, 8, 20])
def test_the_hardest_landmarks_are_those_of_a_plain_loop(hardest):
    errors, counted = random_errors()
    found = losses.hardest_landmarks(ops.convert_to_tensor(errors), counted, hardest)
    np.testing.assert_allclose(found, numpy_hardest(errors, counted, hardest), rtol=1e-5)


def test_the_first_stage_takes_all_landmarks():
    errors, counted = random_errors()
    expected = (errors * counted).sum(1) / np.maximum(counted.sum(1), 1)
    np.testing.assert_allclose(losses.all_landmarks(errors, counted), expected, rtol=1e-5)


def test_an_empty_map_has_the_error_1_and_the_right_one_0():
    drawn = targets.gaussians(np.full((1, 1, 2), 31.3), SIZE, SIGMA).astype("float32")
    np.testing.assert_allclose(losses.map_errors(0 * drawn, drawn, SIGMA), 1, rtol=1e-3)
    np.testing.assert_allclose(losses.map_errors(drawn, drawn, SIGMA), 0)


def test_gradient_reaches_the_worst_visible_landmarks_only():
    rng = np.random.default_rng(5)
    drawn = targets.gaussians(random_points(6, (4, 8)), SIZE, SIGMA).astype("float32")
    maps = tf.Variable(drawn + rng.normal(0, 0.3, drawn.shape).astype("float32"))
    counted = np.ones((4, 8), "float32")
    counted[0, :6] = counted[1, 3] = 0
    with tf.GradientTape() as tape:
        errors = losses.map_errors(maps, drawn, SIGMA)
        loss = tf.reduce_sum(losses.hardest_landmarks(errors, counted, 4))
    touched = np.abs(tape.gradient(loss, maps)).max(axis=(2, 3)) > 0
    order = np.argsort(np.where(counted > 0, -errors, 1), axis=1)
    expected = np.zeros((4, 8), bool)
    np.put_along_axis(expected, order[:, :4], True, axis=1)
    np.testing.assert_array_equal(touched, expected & (counted > 0))
    assert touched.sum(axis=1).tolist() == [2, 4, 4, 4]
