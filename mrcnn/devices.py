"""The machine below: one device or several, seeds and operations that repeat, memory."""

import contextlib

import keras
import numpy as np


def make_deterministic(seed):
    """Make everything after this call repeatable: seeds, and TensorFlow's operations."""
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def make_strategy(gpu_count):
    """Return what spreads a step over several devices, or None for one device.

    Under TensorFlow a `MirroredStrategy`. Under JAX Keras spreads the batch by itself, from now
    on and for the whole process.

    Raises:
        ValueError: there are fewer devices, or the backend knows no way.
    """
    if gpu_count == 1:
        return None
    devices = keras.distribution.list_devices()
    if len(devices) < gpu_count:
        raise ValueError(
            f"GPU_COUNT is {gpu_count}, but {keras.backend.backend()} sees {len(devices)} "
            f"devices: {devices}.")
    if keras.backend.backend() == "jax":
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(devices=devices[:gpu_count]))
        return None
    if keras.backend.backend() != "tensorflow":
        raise ValueError("Several GPUs need the tensorflow or the jax backend of Keras.")
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(devices[:gpu_count])


def scope(strategy):
    """Context in which models and optimizers for a strategy are made."""
    return strategy.scope() if strategy else contextlib.nullcontext()


def share(batch, strategy):
    """Split a batch over the replicas, in equal parts."""
    if strategy is None:
        return batch
    replicas = strategy.num_replicas_in_sync
    parts = {name: np.split(value, replicas) for name, value in batch.items()}
    return {name: strategy.experimental_distribute_values_from_function(
        lambda context, part=part: part[context.replica_id_in_sync_group])
        for name, part in parts.items()}


def sum_over_replicas(tensors):
    """Add up tensors over all replicas, within a step."""
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, list(tensors))


def peak_gpu_memory_mb():
    """The most memory that the first GPU has held so far, MB; None without one, or if untold."""
    if not any(name.startswith("gpu") for name in keras.distribution.list_devices()):
        return None
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e6
    if keras.backend.backend() == "jax":
        import jax

        peak = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
        return None if peak is None else peak / 1e6
    return None
