import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

FOLDER = Path(__file__).parent
FILES = ("test_boxes.py", "test_nms.py", "test_roi_align.py", "test_batch_norm.py")
# What differs between backends; the rest is NumPy and would only take time.
CHOSEN = "layer or compiled or keras_ops or papers or gradient or matterports or None-0.3-60"


def test_layers_pass_their_tests_under_jax():
    pytest.importorskip("jax")
    if keras.backend.backend() == "jax":
        pytest.skip("already under JAX")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", CHOSEN, *(FOLDER / name for name in FILES)],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        cwd=FOLDER.parents[1],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
