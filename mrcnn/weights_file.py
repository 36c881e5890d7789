"""Files of weights: opened whoever wrote them, and refused with a reason when they are none."""

import contextlib
import io
import json
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np

from mrcnn import keras_layout, matterport_layout
from mrcnn.files import atomic_path, kind_of

# Root attribute of ours: JSON that says where the weights come from.
METADATA = "mask_rcnn"
# Groups of a file that hold no weights of layers: what an optimizer remembers, ours and Keras'.
RESUME_GROUP = "resume_state"
_NOT_WEIGHTS = (RESUME_GROUP, "optimizer_weights")


class WeightsError(ValueError):
    """A weights file that cannot be used; the message says what it is and what to do."""


def open_weights(path):
    """Open a file of weights for reading.

    Args:
        path: of an HDF5 file, or of a `.keras` archive, which holds one.

    Returns:
        `h5py.File`.

    Raises:
        WeightsError: it is missing, truncated, or no such file; what it is instead is said.
    """
    path = Path(path)
    if not path.is_file():
        found = "it is a folder" if path.is_dir() else "there is no such file"
        raise WeightsError(f"Cannot read weights from {path}: {found}. Name a .h5 or .keras file.")
    with path.open("rb") as file:
        is_archive = file.read(2) == b"PK"
    if not is_archive and not h5py.is_hdf5(path):
        raise WeightsError(f"{path} holds no weights: {kind_of(path)} Expected an HDF5 file (.h5) "
                           "or a Keras model (.keras).")
    try:
        return h5py.File(_member(path) if is_archive else path, "r")
    except (OSError, zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(path, error) from error


@contextlib.contextmanager
def reading(path):
    """Open a file of weights and call it damaged if it cannot be read; see `open_weights`.

    h5py meets broken bytes with many kinds of exceptions, some only once a group is looked into.
    """
    with open_weights(path) as file:
        try:
            yield file
        except WeightsError:
            raise
        except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
            raise _damaged(path, error) from error


@contextlib.contextmanager
def create_file(path):
    """Open an HDF5 file to write, which is at `path` once the block has ended well.

    HDF5 writes through a Python file: when the disk is full it could not close its own, whose
    space would stay taken until the process ends.
    """
    with (atomic_path(path) as temporary, temporary.open("wb+") as raw,
          h5py.File(raw, "w") as file):
        yield file


def metadata(file):
    """Return the dict that an open file was given by `weights.save_weights`, or None."""
    text = file.attrs.get(METADATA)
    return None if text is None else json.loads(text)


def tensors(file, known):
    """Find the weights of layers in an open file.

    Args:
        file: `h5py.File`.
        known: names of weights by layer, of the network they are for. Of several layers around a
            tensor the innermost known one owns it.

    Returns:
        {(layer, weight): dataset}.

    Raises:
        WeightsError: two tensors claim the same weight of a known layer, or the file names none.
    """
    found = {}
    for path, key, dataset in _walk(file, known):
        if key in found and key[0] in known:
            raise WeightsError(
                f"{file.filename} holds {'/'.join(key)} twice, at {found[key].name} and "
                f"{dataset.name}: it is unclear which is meant. Save the detector alone.")
        found[tuple(path.rsplit("/", 1)) if key in found else key] = dataset
    return found


def read(dataset):
    """Return a dataset, or an array that was made of one, as an array of numbers."""
    if isinstance(dataset, np.ndarray):
        return dataset
    value = np.asarray(dataset)
    if dataset.attrs.get("dtype") == "bfloat16":  # HDF5 has none; Keras 3 stores the two bytes
        return (value.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return value


def _damaged(path, error):
    return WeightsError(
        f"{path} is truncated or damaged ({Path(path).stat().st_size:,} bytes): {error}. "
        f"Download or copy it again.")


def _member(path):
    """The weights inside a `.keras` archive, in memory."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if keras_layout.ARCHIVE_MEMBER not in names:
            raise WeightsError(
                f"{path} holds no weights: it is a zip archive of {', '.join(names[:3]) or 'none'}"
                f"; a Keras model (.keras) has {keras_layout.ARCHIVE_MEMBER}. Expected such a "
                "file, or an HDF5 file (.h5).")
        return io.BytesIO(archive.read(keras_layout.ARCHIVE_MEMBER))


def _walk(file, known):
    """(path, (layer, weight), dataset) of every weight."""
    if keras_layout.is_layout_of(file):
        if not keras_layout.names_layers(file):
            raise WeightsError(
                f"{file.filename} does not say what its layers are called: an early version of "
                "this layout. Load it with the program that wrote it, and save it as x.h5.")
        return keras_layout.tensors(file, known)
    found = []

    def visit(path, item):
        if isinstance(item, h5py.Dataset) and not path.startswith(_NOT_WEIGHTS):
            found.append((path, matterport_layout.identify(path, known), item))

    file.get("model_weights", file).visititems(visit)
    return found
