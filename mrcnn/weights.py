"""Weights in the HDF5 layout that Matterport's users know, and an honest report of what fitted.

A file holds one group a layer (the RPN's three layers share `rpn_model`), each with its tensors
under names such as `conv1/kernel:0`. One root attribute of ours, `mask_rcnn`, says in JSON where
the weights come from. Keras 2 reads these files; we read those of Keras 1, 2 and 3, weights alone
or whole models, whatever wrote them: tensors are found by layer name and weight name at any depth.
"""

import hashlib
import json
import logging
from pathlib import Path

import numpy as np

import mrcnn
from mrcnn import keras_layout, matterport_layout, weights_file
from mrcnn.weights_file import METADATA, WeightsError, create_file, reading
from mrcnn.weights_report import Report, layers_of, shorten

logger = logging.getLogger(__name__)

# Forks of Matterport kept the anchors, which are constants, as a weight.
CONSTANTS = {"anchors"}
CONV1 = ("conv1", "kernel")
VGG_CONV1 = ("block1_conv1", "kernel")
KEYPOINT_MAPS = ("mrcnn_keypoint", "kernel")
LOGITS_BIAS = ("mrcnn_class_logits", "bias")


def load_weights(network, path, by_name=False, exclude=None):
    """Load a file into a network.

    Nothing is assigned unless everything that is to be assigned fits and is finite.

    Args:
        network: anything with `layers_by_name()`.
        path: HDF5 file with Matterport's layer names, of Keras 1 or 2 or a `.weights.h5` of
            Keras 3, weights or a whole model (also `.keras`). Keras' ImageNet ResNet-50 and VGG16
            expect blue, green, red: their first kernel is turned round. Heatmaps that keypoints of
            several classes shared (LANDMARK_GROUPS) become one for each, where this network has as
            many.
        by_name: whether weights without a counterpart are allowed, on either side.
        exclude: names of layers that keep their values. Implies `by_name`, as in Matterport.

    Returns:
        A `Report`.

    Raises:
        WeightsError: no such weights file, another architecture, other shapes, numbers that are
            not finite, nothing matched, or, unless `by_name`, anything unmatched.
    """
    path, exclude = Path(path), {exclude} if isinstance(exclude, str) else set(exclude or ())
    variables = _variables(network)
    known = _names_by_layer(variables)
    with reading(path) as file:
        datasets, saved = weights_file.tensors(file, known), weights_file.metadata(file)
        theirs = {layer for layer, _ in datasets}
        _ungroup(datasets, variables, saved)
        _check_backbone(path, saved, set(known) - exclude, theirs)
        report = _compare(path, variables, datasets, exclude)
        _check(report, by_name or exclude, _class_counts(variables, datasets))
        values = _read(report, datasets)
        is_matterports = not saved and not keras_layout.is_keras3(file)
    if is_matterports:
        _turn_colours(values, theirs)
    for key, value in values.items():
        variables[key].assign(value)
    unknown = exclude - set(known) - matterport_layout.NAMES
    _tell(report, unknown, None if saved or is_matterports else network)
    return report


def _turn_colours(values, theirs):
    """Turns round the first kernel of Keras' ImageNet networks, which expect blue first; exact."""
    if VGG_CONV1 in values:
        values[VGG_CONV1] = values[VGG_CONV1][:, :, ::-1]
    if CONV1 in values and matterport_layout.is_keras_resnet50(theirs):
        values[CONV1] = values[CONV1][:, :, ::-1]


def save_weights(network, path, metadata=None, dtype=None):
    """Write a network's weights in Matterport's layout.

    The file takes its name only when it is whole.

    Args:
        network: anything with `layers_by_name()`.
        path: of the file.
        metadata: dict for the `mask_rcnn` attribute.
        dtype: of the stored numbers; None keeps float32, "float16" halves the file but for tensors
            too large for it, such as variances of features.
    """
    with create_file(path) as file:
        write_layers(file, network, metadata, dtype)


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
                group[f"{layer}/{name}:0"] = _stored(variable.numpy(), dtype)
    if metadata is not None:
        file.attrs[METADATA] = json.dumps(metadata, default=str)


def _stored(value, dtype):
    """A tensor in the type of a file; as it is where it would not fit."""
    with np.errstate(over="ignore"):
        small = value.astype(dtype or value.dtype)
    return small if np.isfinite(small).all() else value


def read_metadata(path):
    """Return the dict that `save_weights` was given, or None for a file of another writer.

    Raises:
        WeightsError: no such weights file.
    """
    with reading(path) as file:
        return weights_file.metadata(file)


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
    """Return the RoIAlign that a file was trained with, None if it has seen none or does not say.

    Files of ours say so in their metadata. Others that have an RPN are Matterport's, trained with
    "corners", if Keras 1 or 2 wrote them. What Keras 3 wrote without metadata comes from a graph
    of this project or of another one, never from Matterport's: it does not say, and the network
    pools as its ROI_ALIGN tells.
    """
    with reading(path) as file:
        saved = weights_file.metadata(file)
        if saved or keras_layout.is_keras3(file):
            return (saved or {}).get("roi_align")
        rpn = dict.fromkeys(matterport_layout.RPN_LAYERS, ())
        return "corners" if any(layer in rpn for layer, _ in weights_file.tensors(file, rpn)) \
            else None


def layer_names(path):
    """Return the set of names of the layers that a file has weights for."""
    with reading(path) as file:
        return {layer for layer, _ in weights_file.tensors(file, {})}


def num_classes(path):
    """Return how many classes a file's box head knows, background and all; None without one."""
    with reading(path) as file:
        datasets = weights_file.tensors(file, {LOGITS_BIAS[0]: ("kernel", "bias")})
        return datasets[LOGITS_BIAS].size if LOGITS_BIAS in datasets else None


def fingerprint(source):
    """Return a short digest of weights: of a file, or of a network; equal for equal numbers."""
    if hasattr(source, "layers_by_name"):
        return _digest(_variables(source))
    with reading(source) as file:
        return _digest(weights_file.tensors(file, {}), weights_file.read)


def _variables(network):
    """Return {(layer, weight): variable} in the order of the layers."""
    return {(name, variable.name): variable
            for name, layer in network.layers_by_name().items() for variable in layer.weights}


def _names_by_layer(variables):
    """Return {layer: names of its weights in order}."""
    names = {}
    for layer, name in variables:
        names.setdefault(layer, []).append(name)
    return names


def _ungroup(datasets, variables, saved):
    """Repeat the shared heatmaps of a file in place, for a network in which none are shared.

    The second step of Lin et al. (arXiv 2005.00419): trained together, fine-tuned each by itself.
    """
    groups = (saved or {}).get("config", {}).get("LANDMARK_GROUPS")
    if groups and KEYPOINT_MAPS in datasets and KEYPOINT_MAPS in variables:
        is_own = variables[KEYPOINT_MAPS].shape[2] == len(groups)
        if is_own and datasets[KEYPOINT_MAPS].shape[2] == max(groups) + 1 < len(groups):
            datasets[KEYPOINT_MAPS] = weights_file.read(datasets[KEYPOINT_MAPS])[:, :, groups]


def _compare(path, variables, datasets, exclude):
    """Sort every weight of both sides into a `Report`."""
    report = Report(path, capacity=sum(map(_size, variables.values())))
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
            report.parameters += _size(variable)
    report.left_over = ["/".join(key) for key in datasets if key not in variables]
    return report


def _check(report, by_name, class_counts):
    """Refuse what does not fit."""
    if report.mismatched:
        theirs, ours = class_counts
        reason = (f"was made for {theirs} classes, this network has {ours} (NUM_CLASSES)"
                  if theirs != ours else "has other shapes than this network")
        layers = layers_of([name for name, *_ in report.mismatched])
        raise WeightsError(f"{report.path} {reason}.\n{report.summary('would fit')}\n"
                           f"To keep these layers as they are and train them: exclude={layers}.")
    left_over = [name for name in report.left_over if name.split("/")[0] not in CONSTANTS]
    if not report.loaded:
        raise WeightsError(
            f"No weight of {report.path} has a place in this network; the file's layers: "
            f"{shorten(layers_of(report.left_over)) or 'none'}. Take weights of a Mask R-CNN or "
            "of its backbone.")
    if not by_name and (report.missing or left_over):
        raise WeightsError(
            f"{report.path} and this network have different layers.\n"
            f"{report.summary('would fit')}\n"
            f"To load what matches: by_name=True.")


def _class_counts(variables, datasets):
    """(classes in the file, classes of the network), equal where either has no box head."""
    if LOGITS_BIAS not in variables or LOGITS_BIAS not in datasets:
        return 0, 0
    return datasets[LOGITS_BIAS].size, _size(variables[LOGITS_BIAS])


def _read(report, datasets):
    """Return {(layer, weight): array} of what is to be loaded; refuse what are no numbers."""
    keys = [tuple(name.rsplit("/", 1)) for name in report.loaded]
    values = {key: weights_file.read(datasets[key]) for key in keys}
    bad = layers_of(["/".join(key) for key, value in values.items() if not _is_finite(value)])
    if bad:
        raise WeightsError(
            f"{report.path} holds values that are no finite numbers, in {shorten(bad)}: the "
            f"training that wrote it had diverged. Take an earlier file, or exclude={bad}.")
    return values


def _is_finite(value):
    return value.dtype.kind in "fiu" and bool(np.isfinite(value).all())


def _tell(report, unknown, silent_for):
    """Log what was loaded: a line for everyone, every name for those who debug.

    Args:
        report: `Report`.
        unknown: names to exclude that are no layers of the network.
        silent_for: the network, if the file does not tell its RoIAlign.
    """
    if unknown:
        logger.warning("Excluded layers that this network does not have: %s", sorted(unknown))
    config = getattr(silent_for, "config", None)
    if getattr(config, "ROI_ALIGN", None) == "auto" and "rpn_class_raw/kernel" in report.loaded:
        logger.warning(
            "%s does not say how it pools (Keras' own files have no place for it); ROI_ALIGN is "
            "%r here. Set it to 'corners' if these weights started from Matterport's.",
            report.path.name, silent_for.convention)
    logger.info("%s", report.line)
    logger.debug("%s", report.details())


def _check_backbone(path, saved, ours, theirs):
    """Refuse the residual network of another depth, of which many layers would fit."""
    here, there = (matterport_layout.backbone_layers(names) for names in (ours, theirs))
    if here and there and here != there:
        described = f" ({describe(saved)})" if saved else ""
        knob = matterport_layout.backbone_knob(there)
        other = f", or set BACKBONE = {knob!r}" if knob else ""
        raise WeightsError(
            f"{path} holds a {matterport_layout.backbone_name(there)}{described}, this network "
            f"is a {matterport_layout.backbone_name(here)}. Take other weights{other}.")


def describe(metadata):
    """One line about the weights that carry this metadata."""
    parts = [f"configuration {metadata['name']}"] if metadata.get("name") else []
    parts += [f"{title} {metadata[key]}" for key, title in (
        ("backbone", "backbone"), ("width", "width"), ("num_classes", "classes"),
        ("roi_align", "RoIAlign"), ("epoch", "epoch"), ("step", "step"),
    ) if metadata.get(key) is not None]
    return ", ".join(parts)


def _digest(tensors, read=np.asarray):
    """Digest of {(layer, weight): array-like}, whatever the order and the stored precision."""
    digest = hashlib.sha256()
    for key in sorted(tensors):
        digest.update("/".join(key).encode())
        digest.update(np.ascontiguousarray(read(tensors[key]), np.float32).tobytes())
    return digest.hexdigest()[:12]


def _size(variable):
    return int(np.prod(variable.shape))
