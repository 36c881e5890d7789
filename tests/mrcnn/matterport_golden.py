"""What the original's utils gave, as recorded."""

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[1] / "golden"
golden = np.load(FOLDER / "utils.npz")


def bitmaps(name):
    """Bool array that was recorded as bits: `name` is what stands before bits and shape."""
    shape = golden[f"{name}shape"]
    return np.unpackbits(golden[f"{name}bits"], count=shape.prod()).reshape(shape).astype(bool)
