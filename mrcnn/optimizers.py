"""SGD and Adam as detectors are trained: clipped by global norm, decayed, with layerwise rates.

Only kernels decay, neither biases nor batch normalisation. SGD adds the decay to the gradient,
where momentum carries it along (Detectron's L2 penalty); Adam shrinks the weights apart from the
gradient (AdamW, arXiv 1711.05101), since its step does not know the size of the gradient.
"""

import keras
from keras import ops


class _DetectorOptimizer:
    """What both optimizers share: clipping after everything is summed, and rates by layer.

    Args:
        multipliers: dict of variable path -> multiple of the learning rate; others have 1.
        clip_norm: largest norm of all gradients together; None does not clip.
        decay: weight decay of the kernels.
        sum_gradients: list of gradients -> their sums over all replicas; None where there is one.
        **kwargs: of the Keras optimizer.

    Attributes:
        gradient_norm: variable, the norm of all gradients of the last step together, unclipped.
    """

    def __init__(self, *args, multipliers=None, clip_norm=None, decay=0.0, sum_gradients=None,
                 **kwargs):
        super().__init__(*args, **kwargs)
        self.multipliers = dict(multipliers or {})
        self.clip_norm = clip_norm
        self.decay = decay
        self.sum_gradients = sum_gradients
        self.gradient_norm = self.add_variable(
            (), dtype="float32", aggregation="only_first_replica", name="gradient_norm")

    def _rate(self, variable, learning_rate):
        """Learning rate of one variable."""
        return learning_rate * self.multipliers.get(self._reference(variable).path, 1.0)

    def _decay(self, variable):
        """Weight decay of one variable."""
        return self.decay if self._reference(variable).name.endswith("kernel") else 0.0

    def _reference(self, variable):
        """The Keras variable behind the backend's, which carries the path."""
        return self._trainable_variables[self._get_variable_index(variable)]

    def _clip_gradients(self, grads):
        """Note the norm of the whole gradient, and clip by it.

        Keras' own `global_clipnorm` sees one replica's gradients before they are summed, and so
        clips at another norm with several GPUs than with one.
        """
        whole = self.sum_gradients(grads) if self.sum_gradients else grads
        norm = ops.sqrt(sum(ops.sum(ops.square(ops.cast(g, "float32"))) for g in whole))
        self.gradient_norm.assign(norm)
        if not self.clip_norm:
            return grads
        scale = self.clip_norm / ops.maximum(norm, self.clip_norm)
        return [gradient * ops.cast(scale, gradient.dtype) for gradient in grads]


class SGD(_DetectorOptimizer, keras.optimizers.SGD):
    """Momentum SGD with L2 decay; see the module."""

    def update_step(self, gradient, variable, learning_rate):
        gradient = gradient + self._decay(variable) * variable
        super().update_step(gradient, variable, self._rate(variable, learning_rate))


class Adam(_DetectorOptimizer, keras.optimizers.Adam):
    """Adam with decoupled decay; see the module."""

    def update_step(self, gradient, variable, learning_rate):
        rate = self._rate(variable, learning_rate)
        if self._decay(variable):
            self.assign_sub(variable, variable * (rate * self._decay(variable)))
        super().update_step(gradient, variable, rate)


def make_optimizer(config, new_variables=(), sum_gradients=None):
    """Make the optimizer that a configuration asks for.

    Its learning rate is a plain variable, which the training loop sets before every step.

    Args:
        config: `Config`; OPTIMIZER, LEARNING_RATE, LEARNING_MOMENTUM, WEIGHT_DECAY,
            GRADIENT_CLIP_NORM, ACCUMULATION_STEPS, HEAD_LEARNING_RATE_MULTIPLIER and PRECISION.
        new_variables: paths of variables that did not come from trained weights; their rate is
            HEAD_LEARNING_RATE_MULTIPLIER times the others'.
        sum_gradients: adds up a list of gradients over replicas, for more than one GPU.

    Returns:
        A Keras optimizer; for mixed_float16 one that scales the loss.

    Raises:
        ValueError: unknown OPTIMIZER, or accumulation over several GPUs or in mixed_float16.
    """
    if config.ACCUMULATION_STEPS > 1 and sum_gradients:
        raise ValueError(
            f"ACCUMULATION_STEPS = {config.ACCUMULATION_STEPS} does not go with GPU_COUNT = "
            f"{config.GPU_COUNT} under TensorFlow: Keras cannot do both. Set one of them to 1, or "
            f"take the JAX backend (KERAS_BACKEND=jax).")
    if config.ACCUMULATION_STEPS > 1 and config.PRECISION == "mixed_float16":
        # Keras leaves out an overflowing batch without counting it, and from then on the weights
        # move in the middle of our steps.
        raise ValueError(
            f"ACCUMULATION_STEPS = {config.ACCUMULATION_STEPS} does not go with PRECISION = "
            f"'mixed_float16'. Set PRECISION to 'mixed_bfloat16', or ACCUMULATION_STEPS to 1.")
    common = {
        "learning_rate": float(config.LEARNING_RATE),
        "multipliers": dict.fromkeys(new_variables, config.HEAD_LEARNING_RATE_MULTIPLIER),
        "clip_norm": config.GRADIENT_CLIP_NORM,
        "decay": config.WEIGHT_DECAY,
        "sum_gradients": sum_gradients,
        "gradient_accumulation_steps":
            config.ACCUMULATION_STEPS if config.ACCUMULATION_STEPS > 1 else None,
    }
    if config.OPTIMIZER == "sgd":
        optimizer = SGD(momentum=float(config.LEARNING_MOMENTUM), **common)
    elif config.OPTIMIZER == "adam":
        optimizer = Adam(**common)
    else:
        raise ValueError(f"OPTIMIZER is 'sgd' or 'adam', got {config.OPTIMIZER!r}.")
    if config.PRECISION == "mixed_float16":
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer

