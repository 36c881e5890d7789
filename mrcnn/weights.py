"""Weights in the HDF5 layout that Matterport's users know, and an honest report of what fitted.

A file holds one group a layer (the RPN's three layers share `rpn_model`), each with its tensors
under names such as `conv1/kernel:0`. One root attribute of ours, `mask_rcnn`, says in JSON where
the weights come from. Keras 2 reads these files; we read those of Keras 1 and 2, whatever wrote
them: tensors are found by layer name and weight name at any depth.
"""

import contextlib
import hashlib
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

import mrcnn
from mrcnn import matterport_layout
from mrcnn.files import atomic_path, kind_of

logger = logging.getLogger(__name__)

METADATA = "mask_rcnn"
# Groups of a file that hold no weights of layers: what an optimizer remembers, ours and Keras'.
RESUME_GROUP = "resume_state"
NOT_WEIGHTS = (RESUME_GROUP, "optimizer_weights")
# Forks of Matterport kept the anchors, which are constants, as a weight.
CONSTANTS = {"anchors"}
CONV1 = ("conv1", "kernel")


class WeightsError(ValueError):
    """A weights file that cannot be used; the message says what it is and what to do."""


@dataclass
class Report:
    """What came of loading a file. Weights are named `layer/weight`, such as `conv1/kernel`.

    Attributes:
        path: the file.
        loaded: weights that were assigned.
        excluded: weights of the network left out on request.
        missing: weights of the network that the file lacks; they keep their values.
        left_over: weights of the file that the network has no place for.
        mismatched: (weight, shape in the file, shape in the network).
        parameters: numbers loaded.
    """

    path: Path
    loaded: list = field(default_factory=list)
    excluded: list = field(default_factory=list)
    missing: list = field(default_factory=list)
    left_over: list = field(default_factory=list)
    mismatched: list = field(default_factory=list)
    parameters: int = 0

    @property
    def new_layers(self):
        """Layers of the network that did not come from the file."""
        return set(_layers_of(self.excluded + self.missing))

    def summary(self):
        """Return a few lines: counts, and the layers behind every count that is not `loaded`."""
        lines = [f"{self.path.name}: loaded {len(self.loaded)} weights of "
                 f"{len(_layers_of(self.loaded))} layers, {self.parameters / 1e6:.1f} million "
                 f"numbers."]
        for title, names in (
                ("excluded, new", self.excluded),
                ("not in the file, new", self.missing),
                ("in the file only", self.left_over)):
            if names:
                lines.append(f"  {title}: {_shorten(_layers_of(names))}")
        lines += [f"  {name}: {_shape(ours)} here, {_shape(theirs)} in the file"
                  for name, theirs, ours in self.mismatched]
        return "\n".join(lines)


def load_weights(network, path, by_name=False, exclude=None):
    """Load a file into a network.

    Nothing is assigned unless everything that is to be assigned fits.

    Args:
        network: anything with `layers_by_name()`.
        path: HDF5 file of Matterport's layout, or any of Keras 1 or 2 with the same layer names.
            Keras' ImageNet ResNet-50 expects blue, green, red: its first kernel is turned round.
        by_name: whether weights without a counterpart are allowed, on either side.
        exclude: names of layers that keep their values. Implies `by_name`, as in Matterport.

    Returns:
        A `Report`.

    Raises:
        WeightsError: no such weights file, another architecture, other shapes, nothing matched,
            or, unless `by_name`, anything unmatched.
    """
    path, exclude = Path(path), set(exclude or ())
    variables = _variables(network)
    layers = {layer for layer, _ in variables}
    with open_weights(path) as file:
        datasets, metadata = _datasets(file, layers), _metadata(file)
        theirs = {name for name, _ in datasets}
        _check_backbone(path, metadata, layers - exclude, theirs)
        report = _compare(path, variables, datasets, exclude)
        _check(report, by_name or exclude)
        values = {key: np.asarray(datasets[key]) for key in variables
                  if key in datasets and key[0] not in exclude}
    if CONV1 in values and not metadata and matterport_layout.is_keras_resnet50(theirs):
        values[CONV1] = values[CONV1][:, :, ::-1]  # it expects blue first; exact
    for key, value in values.items():
        variables[key].assign(value)
    unknown = exclude - layers
    if unknown:
        logger.warning("Excluded layers that this network does not have: %s", sorted(unknown))
    logger.info("%s", report.summary())
    logger.debug("excluded %s, missing %s, left over %s",
                 report.excluded, report.missing, report.left_over)
    return report


def save_weights(network, path, metadata=None, dtype=None):
    """Write a network's weights in Matterport's layout.

    The file takes its name only when it is whole.

    Args:
        network: anything with `layers_by_name()`.
        path: of the file.
        metadata: dict for the `mask_rcnn` attribute.
        dtype: of the stored numbers; None keeps float32, "float16" halves the file.
    """
    with create_file(path) as file:
        write_layers(file, network, metadata, dtype)


@contextlib.contextmanager
def create_file(path):
    """Open an HDF5 file to write, which is at `path` once the block has ended well.

    HDF5 writes through a Python file: when the disk is full it could not close its own, whose
    space would stay taken until the process ends.
    """
    with (atomic_path(path) as temporary, temporary.open("wb+") as raw,
          h5py.File(raw, "w") as file):
        yield file


def write_layers(file, network, metadata=None, dtype=None):
    """Write weights and metadata into an open, empty HDF5 file; see `save_weights`."""
    weights = {}
    for (layer, name), variable in _variables(network).items():
        weights.setdefault(layer, {})[name] = variable
    groups = matterport_layout.groups(list(weights))
    file.attrs["backend"] = b"tensorflow"
    file.attrs["keras_version"] = matterport_layout.KERAS_VERSION
    # Keras 2 splits lists of names above 64 KB, HDF5's limit for an attribute; these are 10 KB.
    file.attrs["layer_names"] = np.array([name.encode() for name in groups])
    for group_name, layers in groups.items():
        group = file.create_group(group_name)
        names = [f"{layer}/{name}" for layer in layers for name in weights[layer]]
        group.attrs["weight_names"] = np.array([f"{name}:0".encode() for name in names])
        for layer in layers:
            for name, variable in weights[layer].items():
                value = variable.numpy()
                group[f"{layer}/{name}:0"] = value.astype(dtype) if dtype else value
    if metadata is not None:
        file.attrs[METADATA] = json.dumps(metadata, default=str)


def read_metadata(path):
    """Return the dict that `save_weights` was given, or None for a file of another writer.

    Raises:
        WeightsError: no such weights file.
    """
    with open_weights(path) as file:
        return _metadata(file)


def network_metadata(network):
    """Return what a network's weights need to be understood, for `save_weights`."""
    config = network.config
    return {
        "version": mrcnn.__version__,
        "name": config.NAME,
        "backbone": getattr(config.BACKBONE, "__name__", config.BACKBONE),
        "width": config.BACKBONE_WIDTH,
        "heads": list(config.HEADS),
        "num_classes": config.NUM_CLASSES,
        "class_names": list(config.CLASS_NAMES or ()),
        "roi_align": network.convention,
        "config": config.to_dict(),
    }


def convention(path):
    """Return the RoIAlign that a file was trained with, None if it has seen none.

    Files that do not say so and have an RPN are Matterport's, trained with "corners".
    """
    with open_weights(path) as file:
        metadata = _metadata(file)
        if metadata:
            return metadata.get("roi_align")
        layers = {layer for layer, _ in _datasets(file, set(matterport_layout.RPN_LAYERS))}
        return "corners" if layers & set(matterport_layout.RPN_LAYERS) else None


def fingerprint(source):
    """Return a short digest of weights: of a file, or of a network; equal for equal numbers."""
    if hasattr(source, "layers_by_name"):
        return _digest(_variables(source))
    with open_weights(source) as file:
        return _digest(_datasets(file, ()))


def open_weights(path):
    """Open a file of weights for reading.

    Raises:
        WeightsError: it is missing, truncated, or no HDF5; what it is instead is said.
    """
    path = Path(path)
    if not path.is_file():
        found = "it is a folder" if path.is_dir() else "there is no such file"
        raise WeightsError(f"Cannot read weights from {path}: {found}.")
    if not h5py.is_hdf5(path):
        raise WeightsError(
            f"{path} holds no weights: {kind_of(path)}. Expected an HDF5 file (.h5).")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise WeightsError(
            f"{path} is truncated or damaged ({path.stat().st_size:,} bytes): {error}. "
            f"Download or copy it again.") from error


def _variables(network):
    """Return {(layer, weight): variable} in the order of the layers."""
    return {(name, variable.name): variable
            for name, layer in network.layers_by_name().items() for variable in layer.weights}


def _datasets(file, known_layers):
    """Return {(layer, weight): dataset} of a file."""
    found = {}

    def visit(path, item):
        if isinstance(item, h5py.Dataset) and not path.startswith(NOT_WEIGHTS):
            found.setdefault(matterport_layout.identify(path, known_layers), item)

    file.get("model_weights", file).visititems(visit)
    return found


def _compare(path, variables, datasets, exclude):
    """Sort every weight of both sides into a `Report`."""
    report = Report(path)
    for key, variable in variables.items():
        name = "/".join(key)
        if key[0] in exclude:
            report.excluded.append(name)
        elif key not in datasets:
            report.missing.append(name)
        elif tuple(datasets[key].shape) != tuple(variable.shape):
            report.mismatched.append((name, datasets[key].shape, tuple(variable.shape)))
        else:
            report.loaded.append(name)
            report.parameters += int(np.prod(variable.shape))
    report.left_over = ["/".join(key) for key in datasets if key not in variables]
    return report


def _check(report, by_name):
    """Refuse what does not fit."""
    if report.mismatched:
        layers = _layers_of([name for name, *_ in report.mismatched])
        raise WeightsError(
            f"{report.path} has other shapes than this network (another NUM_CLASSES?).\n"
            f"{report.summary()}\nTo start these layers anew: exclude={layers}.")
    left_over = [name for name in report.left_over if name.split("/")[0] not in CONSTANTS]
    if not by_name and (report.missing or left_over):
        raise WeightsError(
            f"{report.path} and this network have different layers.\n{report.summary()}\n"
            f"To load what matches: by_name=True.")
    if not report.loaded:
        raise WeightsError(
            f"No weight of {report.path} has a place in this network; the file's layers: "
            f"{_shorten(_layers_of(report.left_over)) or 'none'}.")


def _check_backbone(path, metadata, ours, theirs):
    """Refuse the residual network of another depth, of which many layers would fit."""
    here, there = (matterport_layout.backbone_layers(names) for names in (ours, theirs))
    if here and there and here != there:
        described = f" ({describe(metadata)})" if metadata else ""
        raise WeightsError(
            f"{path} holds a {matterport_layout.backbone_name(there)}{described}, this network "
            f"is a {matterport_layout.backbone_name(here)}. Change BACKBONE, or take other "
            f"weights.")


def describe(metadata):
    """One line about the weights that carry this metadata."""
    parts = [f"configuration {metadata['name']}"] if metadata.get("name") else []
    parts += [f"{title} {metadata[key]}" for key, title in (
        ("backbone", "backbone"), ("width", "width"), ("num_classes", "classes"),
        ("roi_align", "RoIAlign"), ("epoch", "epoch"), ("step", "step"),
    ) if metadata.get(key) is not None]
    return ", ".join(parts)


def _metadata(file):
    text = file.attrs.get(METADATA)
    return None if text is None else json.loads(text)


def _digest(tensors):
    """Digest of {(layer, weight): array-like}, whatever the order and the stored precision."""
    digest = hashlib.sha256()
    for key in sorted(tensors):
        digest.update("/".join(key).encode())
        digest.update(np.ascontiguousarray(tensors[key], np.float32).tobytes())
    return digest.hexdigest()[:12]


def _layers_of(names):
    """Layer names of `layer/weight` names, once each, in order."""
    return list(dict.fromkeys(name.rsplit("/", 1)[0] for name in names))


def _shape(shape):
    return "x".join(map(str, shape))


def _shorten(names, most=8):
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
