"""Matterport's `ParallelModel`, which split a batch over GPUs by hand."""


class ParallelModel:
    """Importable still, and of no use: training on several GPUs needs no wrapper any more.

    Raises:
        NotImplementedError: always; it says what to do instead.
    """

    def __init__(self, keras_model, gpu_count):
        raise NotImplementedError(
            f"ParallelModel is gone. Set GPU_COUNT = {gpu_count} in your Config: MaskRCNN.train "
            "then runs under tf.distribute.MirroredStrategy.")
