"""Files that tests of several commands need."""

import json

import numpy as np
from PIL import Image

from mrcnn import weights


def weights_file(path, **metadata):
    """A file of weights that says what it is, without any weight."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs[weights.METADATA] = json.dumps(metadata)
    return path


def photo_folder(folder):
    """Photos of all kinds, and some files that are none."""
    (folder / "deep").mkdir(parents=True)
    rgb = np.zeros((40, 60, 3), np.uint8)
    Image.fromarray(rgb).save(folder / "rgb.jpg")
    Image.fromarray(rgb[..., 0]).save(folder / "deep" / "gray.png")
    Image.fromarray(np.zeros((40, 60, 4), np.uint8)).save(folder / "rgba.png")
    Image.fromarray(np.full((40, 60), 40000, np.uint16)).save(folder / "sixteen.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter to look at it
    Image.fromarray(rgb).save(folder / "turned.jpg", exif=exif)
    Image.fromarray(rgb).save(folder / "deep" / "rgb.png")
    (folder / "cut.jpg").write_bytes((folder / "rgb.jpg").read_bytes()[:200])
    (folder / "notes.txt").write_text("no photo")
    return folder
