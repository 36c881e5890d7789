"""How Keras 3 lays out the weights of a model: in `.weights.h5`, and inside a `.keras` archive.

Every object has a group named after its class and a count, such as `layers/conv2d_3`, and in it a
group `vars` with its tensors under the numbers 0, 1, ... The layer's own name is an attribute of
`vars`. What Keras 3 writes with `save("x.h5")` is the layout of Keras 2; see `matterport_layout`.
"""

import h5py

# Where a `.keras` archive keeps the weights.
ARCHIVE_MEMBER = "model.weights.h5"
_LAYERS = ("layers", "_layer_checkpoint_dependencies", "vars")
_NORMALISATION = ["gamma", "beta", "moving_mean", "moving_variance"]
# Objects with tensors that are no weights of layers: by their place, and by their name.
_NOT_LAYERS = ("optimizer/", "metrics/")
_RANDOM_STATE = "seed_generator"


def is_layout_of(file):
    """Whether an open HDF5 file has Keras 3's own layout."""
    return any(name in file for name in _LAYERS)


def is_keras3(file):
    """Whether Keras 3 wrote this open HDF5 file, in whatever layout."""
    version = file.get("model_weights", file).attrs.get("keras_version", b"")
    return is_layout_of(file) or str(version).lstrip("b'").startswith("3")


def names_layers(file):
    """Whether the file says what its layers are called; the first Keras of this layout did not."""
    return file.visititems(lambda _, item: "name" in item.attrs or None) is not None


def tensors(file, known):
    """Find the weights of layers.

    Args:
        file: open HDF5 file with this layout.
        known: names of weights by layer, in the layer's order, as the network has them.

    Returns:
        A list of (path, (layer, weight), dataset).
    """
    found = []

    def visit(path, group):
        if not _holds_tensors(path, group):
            return
        layer = _layer(group, known)
        numbers = sorted(group, key=int)
        names = _weight_names([group[number].shape for number in numbers], known.get(layer, ()))
        found.extend((f"{path}/{number}", (layer, name), group[number])
                     for number, name in zip(numbers, names, strict=True))

    file.visititems(visit)
    return found


def _holds_tensors(path, item):
    is_vars = isinstance(item, h5py.Group) and path.rsplit("/", 1)[-1] == "vars"
    return (is_vars and not path.startswith(_NOT_LAYERS)
            and not str(item.attrs.get("name", "")).startswith(_RANDOM_STATE))


def _layer(group, known):
    """Innermost known name of the objects around a `vars`; the innermost if none is known.

    A wrapper such as TimeDistributed bears the name that counts, the layer within any.
    """
    names, owner = [], group.parent
    while owner.name != "/":
        if "vars" in owner and "name" in owner["vars"].attrs:
            names.append(str(owner["vars"].attrs["name"]))
        owner = owner.parent
    return next((name for name in names if name in known), (names or [group.parent.name[1:]])[0])


def _weight_names(shapes, known):
    """Names of a layer's numbered tensors, by the network's layer or else by their shapes.

    A normalisation without gamma or beta has three vectors that could be either: they keep their
    numbers, so that none is taken for another.
    """
    if len(known) == len(shapes):
        return list(known)
    dimensions = [len(shape) for shape in shapes]
    if dimensions == [1] * 4:
        return _NORMALISATION
    if dimensions[:1] > [1] and dimensions[1:] in ([], [1]):
        return ["kernel", "bias"][:len(shapes)]
    return [str(number) for number in range(len(shapes))]
