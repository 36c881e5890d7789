"""Results and weights as curves, grids and tables, under the names of Matterport's `visualize`.

Plots are shown, saved and closed by the caller, with `plt.show()`, `plt.savefig()`, `plt.close()`.
Tables are HTML in a notebook and plain text elsewhere. Matplotlib and IPython are imported when
they are needed.
"""

import itertools
import re

import numpy as np


def plot_precision_recall(AP, precisions, recalls):
    """Draws a precision-recall curve.

    Args:
        AP: average precision, for the title.
        precisions, recalls: [n] 0 to 1, as `utils.compute_ap` returns them.
    """
    import matplotlib.pyplot as plt

    axes = plt.subplots()[1]
    axes.set_title(f"Precision-Recall Curve. AP@50 = {AP:.3f}")
    axes.set_ylim(0, 1.1)
    axes.set_xlim(0, 1.1)
    axes.plot(recalls, precisions)


def plot_overlaps(gt_class_ids, pred_class_ids, pred_scores, overlaps, class_names, threshold=0.5):
    """Draws a grid of the overlaps of predictions (rows) and objects (columns).

    Args:
        gt_class_ids: [G] int, 0 for padding.
        pred_class_ids: [N] int, 0 for padding, in the order of falling scores.
        pred_scores: [N] 0 to 1.
        overlaps: [N, G] IoU, as `utils.compute_matches` and `compute_ap` return them.
        class_names: names by class id.
        threshold: cells of a greater IoU say whether the classes match.
    """
    import matplotlib.pyplot as plt

    gt_class_ids, pred_class_ids = ([int(class_id) for class_id in ids if class_id != 0]
                                    for ids in (gt_class_ids, pred_class_ids))
    overlaps = np.asarray(overlaps)[:len(pred_class_ids), :len(gt_class_ids)]
    greatest = overlaps.max(initial=0)
    axes = plt.subplots(figsize=(12, 10))[1]
    if overlaps.size:
        axes.imshow(overlaps, interpolation="nearest", cmap="Blues")
    axes.set_yticks(np.arange(len(pred_class_ids)),
                    [f"{class_names[class_id]} ({score:.2f})"
                     for class_id, score in zip(pred_class_ids, pred_scores, strict=False)])
    axes.set_xticks(np.arange(len(gt_class_ids)), [class_names[i] for i in gt_class_ids],
                    rotation=90)
    for (row, column), iou in np.ndenumerate(overlaps):
        match = "match" if gt_class_ids[column] == pred_class_ids[row] else "wrong"
        color = "white" if iou > greatest / 2 else "black" if iou > 0 else "grey"
        axes.text(column, row, f"{iou:.3f}\n{match if iou > threshold else ''}", color=color,
                  horizontalalignment="center", verticalalignment="center", fontsize=9)
    axes.set_xlabel("Ground Truth")
    axes.set_ylabel("Predictions")
    axes.figure.tight_layout()


def display_table(table):
    """Shows rows of values (they may hold HTML) in a notebook, or prints them elsewhere."""
    try:
        from IPython.display import display
    except ImportError:
        display = print
    display(_Table(table))


def display_weight_stats(model):
    """Shows name, shape, least, greatest and spread of a model's weights, and alerts.

    Args:
        model: `MaskRCNN`, or anything with `get_trainable_layers()`.
    """
    table = [["WEIGHT NAME", "SHAPE", "MIN", "MAX", "STD"]]
    for layer in model.get_trainable_layers():
        for i, (variable, values) in enumerate(zip(layer.weights, layer.get_weights(),
                                                   strict=True)):
            # The bias of a convolution may well be all zero: batch normalisation has its own.
            may_be_flat = type(layer).__name__ == "Conv2D" and i == 1
            table.append([variable.path + _alerts(values, may_be_flat), str(values.shape),
                          f"{values.min():+9.4f}", f"{values.max():+10.4f}",
                          f"{values.std():+9.4f}"])
    display_table(table)


def _alerts(values, may_be_flat):
    alerts = []
    if values.min() == values.max() and not may_be_flat:
        alerts.append("dead?")
    if not np.abs(values).max() <= 1000:  # not a number counts as well
        alerts.append("Overflow?")
    return "".join(f"<span style='color:red'>*** {alert}</span>" for alert in alerts)


class _Table:
    """Rows of values, as HTML for a notebook and as text for everything else."""

    def __init__(self, rows):
        self.rows = [[str(value) for value in row] for row in rows]

    def _repr_html_(self):
        return "<table>" + "".join(
            "<tr>" + "".join(f"<td>{value:40}</td>" for value in row) + "</tr>"
            for row in self.rows) + "</table>"

    def __repr__(self):
        rows = [[re.sub("</?span[^>]*>", " ", value) for value in row] for row in self.rows]
        widths = [max(map(len, column)) for column in itertools.zip_longest(*rows, fillvalue="")]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
