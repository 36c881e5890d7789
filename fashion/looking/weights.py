"""What notebook 06 asks of a network's weights: how they are spread, what has gone wrong."""

import re

import cv2
import numpy as np

from mrcnn import drawing

# A batch normalisation's gamma below this lets nothing of its channel through.
DEAD_GAMMA = 1e-3
# No weight of a sound network is so large; running means and variances may be.
HUGE = 1000.0


def tensors(face, pattern=""):
    """Weights whose name, such as "fpn_p2/kernel", has this regular expression in it.

    Args:
        face: `mrcnn.model.MaskRCNN`.
        pattern: regular expression.

    Returns:
        A dict name -> array, from the image to the heads.
    """
    found = {f"{layer.name}/{weight.name}": np.asarray(weight.numpy(), np.float32)
             for layer in face.get_trainable_layers() for weight in layer.weights}
    return {name: values for name, values in found.items() if re.search(pattern, name)}


def plot_histograms(values, columns=5):
    """A histogram of each of some weights, at most so many in a row.

    Args:
        values: dict name -> array.
        columns: of the figure.
    """
    import matplotlib.pyplot as plt

    rows = -(-len(values) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(3 * columns, 1.9 * rows), squeeze=False,
                                layout="constrained")
    for ax in axes.flat[len(values):]:
        ax.set_visible(False)
    for ax, (name, array) in zip(axes.flat, values.items(), strict=False):
        ax.hist(array.ravel(), 50)
        ax.set_title(name, fontsize=8)
        ax.set_yticks([])
    return figure


def spreads(values):
    """How wide kernels are spread, beside what they began with.

    A convolution starts with a standard deviation of sqrt(2 / fan in) (He et al., arXiv
    1502.01852). A ratio of 1 is a layer that has hardly learned, or one that had not to.

    Args:
        values: dict name -> kernel [..., in, out].

    Returns:
        A dict name -> ratio.
    """
    return {name: float(array.std() / np.sqrt(2 / max(1, array[..., 0].size)))
            for name, array in values.items()}


def dead_channels(face):
    """By batch normalisation the share of channels whose gamma is next to nothing; those with any.
    """
    gammas = tensors(face, "/gamma$")
    shares = {name: float((np.abs(array) < DEAD_GAMMA).mean()) for name, array in gammas.items()}
    return {name: share for name, share in shares.items() if share}


def suspicious(face):
    """What is wrong with weights, a text each; an empty list is what one hopes for."""
    found = []
    for name, array in tensors(face).items():
        if not np.isfinite(array).all():
            found.append(f"{name}: not finite")
        elif "moving_" not in name and np.abs(array).max() > HUGE:
            found.append(f"{name}: {np.abs(array).max():.0f} is huge")
        elif name.endswith("kernel") and array.std() == 0:
            found.append(f"{name}: all the same")
        elif name.endswith("variance") and (array <= 0).any():
            found.append(f"{name}: no variance, the channel is dead")
    return found


def draw_filters(kernel, side=64):
    """The filters of a first convolution as pictures, each stretched to its own range.

    Args:
        kernel: [height, width, 3, filters].
        side: of a picture, px.

    Returns:
        [H, W, 3] uint8.
    """
    pictures = []
    for weights in np.moveaxis(kernel, -1, 0):
        span = max(float(np.ptp(weights)), 1e-9)
        small = (255 * (weights - weights.min()) / span).astype(np.uint8)
        pictures.append(cv2.resize(small, (side, side), interpolation=cv2.INTER_NEAREST))
    return drawing.contact_sheet(pictures, columns=16, width=16 * (side + 4))
