"""Optimizer steps against hand calculation."""

import keras
import numpy as np
import pytest

from mrcnn.optimizers import make_optimizer
from tests.mrcnn.stand_in import StandInConfig


def optimizer(new=(), **knobs):
    return make_optimizer(StandInConfig().override({"LEARNING_RATE": 0.1, **knobs}), new)


def variables(*names, value=2.0):
    """Variables of one number each, in layers of their own."""
    made = []
    for name in names:
        with keras.name_scope(f"layer_{len(made)}"):
            made.append(keras.Variable(np.float32([value]), name=name))
    return made


def step(made, trained, *gradients):
    made.apply([np.float32([g]) for g in gradients], trained)
    return [float(v.numpy()[0]) for v in trained]


def test_sgd_with_momentum():
    made, trained = optimizer(LEARNING_MOMENTUM=0.5), variables("kernel")
    assert step(made, trained, 1.0) == pytest.approx([1.9])
    assert step(made, trained, 1.0) == pytest.approx([1.9 - 0.15])


def test_sgd_decays_kernels_only_and_by_the_gradient():
    made = optimizer(WEIGHT_DECAY=0.5)
    trained = variables("kernel", "bias", "gamma", "beta")
    assert step(made, trained, 0.0, 0.0, 0.0, 0.0) == pytest.approx([1.9, 2, 2, 2])
    # The second step has the first one's momentum: 0.9 * 0.1 more.
    assert step(made, trained, 0.0, 0.0, 0.0, 0.0)[0] == pytest.approx(1.9 - 0.095 - 0.09)


def test_adam_decays_apart_from_the_gradient():
    made = optimizer(OPTIMIZER="adam", WEIGHT_DECAY=0.5)
    trained = variables("kernel", "bias")
    # Adam's first step is the rate, whatever the gradient: 2 * (1 - 0.1 * 0.5) - 0.1.
    assert step(made, trained, 7.0, 7.0) == pytest.approx([1.8, 1.9], rel=1e-5)


def test_gradients_are_clipped_by_their_common_norm():
    made, trained = optimizer(GRADIENT_CLIP_NORM=1.0), variables("kernel", "bias")
    assert step(made, trained, 3.0, 4.0) == pytest.approx([2 - 0.06, 2 - 0.08])
    made, trained = optimizer(GRADIENT_CLIP_NORM=10.0), variables("kernel", "bias")
    assert step(made, trained, 3.0, 4.0) == pytest.approx([2 - 0.3, 2 - 0.4])


@pytest.mark.parametrize("clip", [None, 1.0, 10.0])
def test_the_norm_of_the_gradient_is_kept_as_it_was_before_clipping(clip):
    made, trained = optimizer(GRADIENT_CLIP_NORM=clip), variables("kernel", "bias")
    step(made, trained, 3.0, 4.0)
    assert float(made.gradient_norm.numpy()) == pytest.approx(5)
    step(made, trained, 0.0, -2.0)
    assert float(made.gradient_norm.numpy()) == pytest.approx(2)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_new_layers_have_a_rate_of_their_own(name):
    trained = variables("kernel", "kernel")
    made = optimizer([trained[1].path], OPTIMIZER=name, HEAD_LEARNING_RATE_MULTIPLIER=10.0)
    known, new = step(made, trained, 1.0, 1.0)
    assert 2 - known == pytest.approx(0.1, rel=1e-4)
    assert 2 - new == pytest.approx(1.0, rel=1e-4)
    # Nothing more to remember: iterations, rate, norm of the gradient, and what each weight has.
    assert len(made.variables) == {"sgd": 3 + 2, "adam": 3 + 4}[name]


def test_half_precision_scales_the_loss():
    made = optimizer(PRECISION="mixed_float16")
    assert isinstance(made, keras.optimizers.LossScaleOptimizer)
    trained = variables("kernel")
    made.build(trained)
    scale = float(made.scale_loss(1.0))
    assert scale > 1
    assert step(made, trained, scale) == pytest.approx([1.9])
    made.learning_rate = 0.01
    assert float(made.inner_optimizer.learning_rate.numpy()) == pytest.approx(0.01)


def test_accumulation_over_several_gpus_is_refused():
    config = StandInConfig().override({"ACCUMULATION_STEPS": 2, "GPU_COUNT": 4})
    with pytest.raises(ValueError, match="ACCUMULATION_STEPS = 2 .* GPU_COUNT = 4"):
        make_optimizer(config, sum_gradients=sum)


def test_accumulation_in_half_precision_is_refused():
    with pytest.raises(ValueError, match="ACCUMULATION_STEPS = 2 .*mixed_bfloat16"):
        optimizer(ACCUMULATION_STEPS=2, PRECISION="mixed_float16")
    optimizer(ACCUMULATION_STEPS=2, PRECISION="mixed_bfloat16")


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(ValueError, match="'sgd' or 'adam', got 'lamb'"):
        optimizer(OPTIMIZER="lamb")
