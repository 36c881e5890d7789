"""The network, its losses and a training step under JAX, without TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SCRIPT = """
import sys
sys.modules["tensorflow"] = None  # importing it fails, as where it is not installed
import keras
import numpy as np
from keras import ops
from mrcnn.network import Network
from tests.mrcnn.small_network import SmallConfig, small_batch


class Total(keras.Model):
    def __init__(self, graph):
        super().__init__()
        self.graph = graph

    def call(self, inputs, training=None):
        return self.graph(inputs, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(sum(y_pred.values()))


assert keras.backend.backend() == "jax"
config = SmallConfig().override({
    "TRAIN_BN": None, "HEADS": ("box", "mask", "keypoint"), "NUM_KEYPOINTS": 6,
    "KEYPOINTS_OF_CLASS": [(0, 2), (2, 4), (0, 0), (3, 3)], "KEYPOINT_MAX_INSTANCES": 3})
network = Network(config)
model = Total(network.training_graph())
model.compile(optimizer=keras.optimizers.SGD(1e-3), jit_compile=True)
before = [layer.get_weights()[0] for layer in network.layers_by_name().values()]
loss = model.train_on_batch(small_batch(config))
assert np.isfinite(loss), loss
after = [layer.get_weights()[0] for layer in network.layers_by_name().values()]
assert sum(not np.array_equal(a, b) for a, b in zip(before, after)) > 20
side = int(config.IMAGE_SHAPE[0])
found = network.inference_graph().predict({
    "input_image": np.zeros((2, side, side, 3), "uint8"),
    "input_window": np.float32([[0, 0, side, side]] * 2)}, verbose=0)
assert found["detections"].shape == (2, 10, 6) and found["masks"].shape == (2, 10, 28, 28)
assert found["keypoints"].shape == (2, 3, 4, 3) and np.isfinite(found["keypoints"]).all()
print("trained and detected")
"""


def test_a_training_step_and_a_detection_under_jax():
    pytest.importorskip("jax", reason="JAX is an optional backend")
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT),
                                "JAX_PLATFORMS": "cpu"}
    run = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, cwd=ROOT,
                         capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    assert "trained and detected" in run.stdout
