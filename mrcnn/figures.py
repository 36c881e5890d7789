"""Figures for notebooks, by Matplotlib, under the names and arguments of Matterport's `visualize`.

Boxes are (y1, x1, y2, x2) in continuous pixels, as everywhere in this package. `imshow` puts the
centre of the first pixel at 0, where it is 0.5 here: every line is moved by that half pixel, so
that a box's edge at x = 10.0 is seen between the pixels 9 and 10.

Where a function makes its own figure, `display_*` also shows it, and `draw_*` leaves that to
`plt.show()` or `plt.savefig()`. No figure is closed here: who makes many calls `plt.close()`.
Matplotlib is imported when the first one is made. `mrcnn.drawing` makes pictures without it.
"""

import colorsys
import random

import numpy as np

from mrcnn.drawing import apply_mask
from mrcnn.masks import paste
from mrcnn.outlines import outlines

# How `draw_boxes` draws a box, by its visibility.
_MANNERS = {0: {"linestyle": "dotted", "alpha": 0.5}, 1: {"linestyle": "dotted"}, 2: {}}


def display_images(images, titles=None, cols=4, cmap=None, norm=None, interpolation=None):
    """Shows pictures in a grid.

    Args:
        images: list or array of [H, W, 3], 0 to 255, or [H, W] of any range.
        titles: a text for each picture.
        cols: pictures in a row.
        cmap, norm, interpolation: of `imshow`; the first two are for [H, W].
    """
    import matplotlib.pyplot as plt

    titles = [""] * len(images) if titles is None else titles
    rows = max(1, -(-len(images) // cols))
    plt.figure(figsize=(14, 14 * rows / cols))
    for i, (image, title) in enumerate(zip(images, titles, strict=False)):
        axes = plt.subplot(rows, cols, i + 1)
        axes.set_title(title, fontsize=9)
        axes.axis("off")
        is_colored = np.ndim(image) == 3 and np.shape(image)[2] >= 3
        axes.imshow(_canvas(image) if is_colored else image, cmap=cmap, norm=norm,
                    interpolation=interpolation)
    plt.show()


def random_colors(N, bright=True):
    """N colours (r, g, b), 0 to 1, of hues evenly apart, in the order of Python's `random`."""
    colors = [colorsys.hsv_to_rgb(i / N, 1, 1.0 if bright else 0.7) for i in range(N)]
    random.shuffle(colors)
    return colors


def display_instances(image, boxes, masks, class_ids, class_names, scores=None, title="",
                      figsize=(16, 16), ax=None, show_mask=True, show_bbox=True, colors=None,
                      captions=None):
    """Shows objects on a picture: boxes dashed, masks tinted and outlined, names and scores.

    Args:
        image: [H, W, 3], 0 to 255; not changed.
        boxes: [N, (y1, x1, y2, x2)] px. An object whose box is all zero is left out.
        masks: [H, W, N] bool, or None. Their outlines are drawn even without `show_mask`.
        class_ids: [N] int.
        class_names: names by class id, background first.
        scores: [N] 0 to 1, or None; a score of 0 is not written.
        title: of the figure.
        figsize: of the figure, inches.
        ax: Matplotlib axes to draw on; None makes a figure and shows it.
        show_mask, show_bbox: False leaves out tints, boxes.
        colors: [N] RGB or RGBA, 0 to 1; None draws lots.
        captions: [N] texts instead of names and scores.

    Raises:
        ValueError: not as many masks or class ids as boxes.
    """
    import matplotlib.pyplot as plt

    boxes = _boxes(boxes)
    if not len(boxes):
        print("\n*** No instances to display *** \n")
    _check_counts(boxes, masks, class_ids)
    axes = _axes(ax, figsize)
    _frame(axes, image, 10, 10, title)
    colors = random_colors(len(boxes)) if colors is None else colors
    canvas = _canvas(image)
    for i in np.flatnonzero(boxes.any(axis=1)):
        if show_bbox:
            _box(axes, boxes[i], colors[i], alpha=0.7, linestyle="dashed")
        text = _label(i, class_ids, class_names, scores) if captions is None else captions[i]
        _write(axes, boxes[i, 1], boxes[i, 0] + 8, text)
        if masks is not None:
            _mask(axes, canvas if show_mask else None, masks[:, :, i], colors[i])
    axes.imshow(canvas)
    if ax is None:
        plt.show()


def display_differences(image, gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score,
                        pred_mask, class_names, title="", ax=None, show_mask=True, show_box=True,
                        iou_threshold=0.5, score_threshold=0.5):
    """Shows truth (green) and predictions (red) on one picture, with score / IoU.

    The IoU is that with the object the prediction is matched to, else the greatest.

    Args:
        image: [H, W, 3], 0 to 255.
        gt_box: [G, (y1, x1, y2, x2)] px.   gt_class_id: [G].   gt_mask: [H, W, G] bool.
        pred_box: [N, (y1, x1, y2, x2)] px.   pred_class_id, pred_score: [N].
        pred_mask: [H, W, N] bool.
        class_names, title, ax, show_mask: as in `display_instances`; show_box is its show_bbox.
        iou_threshold, score_threshold: what a match needs.
    """
    from mrcnn.matterport.metrics import compute_matches

    gt_box, gt_mask, gt_class_id = _without_padding(gt_box, gt_mask, gt_class_id)
    pred_box, pred_mask, pred_class_id, pred_score = _without_padding(
        pred_box, pred_mask, pred_class_id, pred_score)
    _, pred_match, overlaps = compute_matches(
        gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask,
        iou_threshold=iou_threshold, score_threshold=score_threshold)
    order = np.argsort(pred_score)[::-1]  # that of the answers: scores fall
    ious = [row[int(match)] if match > -1 else row.max(initial=0)
            for row, match in zip(overlaps, pred_match, strict=True)]
    captions = [f"{score:.2f} / {iou:.2f}"
                for score, iou in zip(pred_score[order], ious, strict=True)]
    display_instances(
        image, np.concatenate([gt_box, pred_box[order]]),
        np.concatenate([gt_mask, pred_mask[..., order]], axis=-1),
        np.concatenate([gt_class_id, pred_class_id[order]]), class_names, ax=ax,
        show_bbox=show_box, show_mask=show_mask, captions=[""] * len(gt_box) + captions,
        colors=[(0, 1, 0, 0.8)] * len(gt_box) + [(1, 0, 0, 1)] * len(pred_box),
        title=title or "Ground Truth and Detections\n GT=green, pred=red, captions: score/IoU")


def draw_rois(image, rois, refined_rois, mask, class_ids, class_names, limit=10):
    """Draws regions of interest and what becomes of them, and prints how many are positive.

    Dashed the region, grey where it is background; solid the refined box, tied to it by a line.

    Args:
        image: [H, W, 3], 0 to 255.
        rois, refined_rois: [N, (y1, x1, y2, x2)] px.
        mask: [N, h, w] 0 to 1, over the region.
        class_ids: [N] int, 0 for background.
        class_names: names by class id.
        limit: draws so many regions, by NumPy's lot, where there are more.
    """
    rois, refined_rois, class_ids = _boxes(rois), _boxes(refined_rois), np.asarray(class_ids)
    drawn = np.arange(len(rois))
    title = f"{len(rois)} ROIs"
    if len(rois) > limit:
        drawn = np.random.choice(drawn, limit, replace=False)
        title = f"Showing {limit} random ROIs out of {len(rois)}"
    axes = _axes(None, (12, 12))
    _frame(axes, image, 50, 20, title)
    canvas = _canvas(image)
    for i in drawn:
        color = np.random.rand(3)
        _box(axes, rois[i], color if class_ids[i] else "gray", linestyle="dashed")
        if class_ids[i]:
            _refined_box(axes, refined_rois[i], color, rois[i])
            _write(axes, refined_rois[i, 1], refined_rois[i, 0] + 8, class_names[class_ids[i]])
            bitmap = paste(mask[i], rois[i], canvas.shape[:2])
            apply_mask(canvas, bitmap, color)
    axes.imshow(canvas)
    positives = int((class_ids > 0).sum())
    print("Positive ROIs: ", positives)
    print("Negative ROIs: ", int((class_ids == 0).sum()))
    print(f"Positive Ratio: {positives / max(1, len(class_ids)):.2f}")


def display_top_masks(image, mask, class_ids, class_names, limit=4):
    """Shows a picture and, beside it, the masks of the classes that cover most of it.

    Args:
        image: [H, W, 3], 0 to 255.
        mask: [H, W, N] bool.
        class_ids: [N] int.
        class_names: names by class id.
        limit: so many classes; each object of one has its own shade.
    """
    mask, class_ids = np.asarray(mask), np.asarray(class_ids)
    areas = {i: mask[:, :, class_ids == i].sum() for i in np.unique(class_ids)}
    top = sorted((i for i in areas if areas[i]), key=areas.get, reverse=True)[:limit]
    shades = [mask[:, :, class_ids == i] @ np.arange(1, (class_ids == i).sum() + 1) for i in top]
    missing = limit - len(top)
    display_images([image, *shades, *[np.zeros(mask.shape[:2])] * missing],
                   [f"H x W={image.shape[0]}x{image.shape[1]}",
                    *(class_names[i] for i in top), *["-"] * missing],
                   cols=limit + 1, cmap="Blues_r")


def draw_boxes(image, boxes=None, refined_boxes=None, masks=None, captions=None,
               visibilities=None, title="", ax=None):
    """Draws boxes in several manners, to follow what a stage does to them.

    Args:
        image: [H, W, 3], 0 to 255; not changed.
        boxes: [N, (y1, x1, y2, x2)] px, or None. One that is all zero is left out.
        refined_boxes: [N, (y1, x1, y2, x2)] px, or None: what boxes became; drawn solid and tied
            to them by a line.
        masks: [H, W, N] bool, or None.
        captions: [N] texts, or None.
        visibilities: [N] 0 (grey and dotted, its refined box left out), 1 (coloured, dotted) or
            2 (coloured, solid); None is 1 for all.
        title: of the figure.
        ax: Matplotlib axes to draw on; None makes a figure.

    Raises:
        ValueError: neither boxes nor refined boxes; a visibility that is none of those.
    """
    if boxes is None and refined_boxes is None:
        raise ValueError("draw_boxes needs boxes, refined_boxes or both, got neither.")
    before = _boxes(refined_boxes if boxes is None else boxes)
    after = None if refined_boxes is None else _boxes(refined_boxes)
    axes = _axes(ax, (12, 12))
    _frame(axes, image, len(image) // 10, len(image) // 10, title)
    canvas = _canvas(image)
    for i, color in enumerate(random_colors(len(before))):
        visibility = 1 if visibilities is None else visibilities[i]
        if visibility not in _MANNERS:
            raise ValueError(f"visibilities are 0, 1 or 2, got {visibility} for box {i}.")
        if visibility == 0:
            color = "gray"
        if boxes is not None:
            if not before[i].any():
                continue
            _box(axes, before[i], color, **_MANNERS[visibility])
        is_refined = after is not None and visibility > 0
        if is_refined:
            _refined_box(axes, after[i], color, None if boxes is None else before[i])
        if captions is not None:
            y, x = (after if is_refined else before)[i, :2]
            _write(axes, x, y, captions[i], verticalalignment="top",
                   bbox={"facecolor": color, "alpha": 0.5, "pad": 2, "edgecolor": "none"})
        if masks is not None:
            _mask(axes, canvas, masks[:, :, i], color)
    axes.imshow(canvas)


def _boxes(boxes):
    """Boxes as [N, 4] float, an empty list too; what follows the four numbers is left out."""
    boxes = np.asarray(boxes, np.float64)
    return boxes[:, :4] if boxes.size else np.zeros((0, 4))


def _without_padding(boxes, masks, *values):
    """Boxes, masks [H, W, N] and values [N] of the objects whose box is not all zero."""
    boxes = _boxes(boxes)
    kept = boxes.any(axis=1)
    return boxes[kept], np.asarray(masks)[:, :, kept], *(np.asarray(each)[kept] for each in values)


def _check_counts(boxes, masks, class_ids):
    counts = {"boxes": len(boxes), "class_ids": len(class_ids)}
    if masks is not None:
        counts["masks"] = np.shape(masks)[-1]
    if len(boxes) and len(set(counts.values())) > 1:
        raise ValueError(f"Every object needs a box, a class and a mask, got {counts}; masks are "
                         "[height, width, objects].")


def _label(i, class_ids, class_names, scores):
    name = class_names[class_ids[i]]
    return f"{name} {scores[i]:.3f}" if scores is not None and scores[i] else name


def _axes(ax, figsize):
    """The axes given, or those of a new figure."""
    import matplotlib.pyplot as plt

    return plt.subplots(1, figsize=figsize)[1] if ax is None else ax


def _frame(axes, image, left, margin, title):
    """Turns axes to a picture with a margin, px, where boxes that leave the picture are seen."""
    height, width = image.shape[:2]
    axes.set_ylim(height + margin, -margin)
    axes.set_xlim(-left, width + margin)
    axes.axis("off")
    axes.set_title(title)


def _canvas(image):
    """A copy [H, W, 3 or 4] uint8 of a picture of any type; values are cut to 0 to 255."""
    image = np.atleast_3d(image)
    if image.shape[2] == 1:
        image = np.repeat(image, 3, axis=2)
    return np.clip(image, 0, 255).astype(np.uint8)


def _write(axes, x, y, text, **style):
    """White letters with a dark rim, to be read on white photos too."""
    from matplotlib.patheffects import withStroke

    axes.text(x, y, text, color="w", size=11,
              path_effects=[withStroke(linewidth=2, foreground="black")], **style)


def _box(axes, box, color, **style):
    from matplotlib.patches import Rectangle

    y1, x1, y2, x2 = box
    axes.add_patch(Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, linewidth=2,
                             edgecolor=color, facecolor="none", **style))


def _refined_box(axes, box, color, before):
    """A solid box, its first corner tied to that of the box it was before, or None."""
    from matplotlib.lines import Line2D

    _box(axes, box, color)
    if before is not None:
        axes.add_line(Line2D([before[1] - 0.5, box[1] - 0.5], [before[0] - 0.5, box[0] - 0.5],
                             color=color))


def _mask(axes, canvas, mask, color):
    """Outlines a mask [H, W] on the axes and tints it on the canvas, where there is one."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Polygon

    mask = np.asarray(mask, bool)
    if canvas is not None:
        apply_mask(canvas, mask, to_rgb(color))
    for outline in outlines(mask):
        axes.add_patch(Polygon(outline - 0.5, facecolor="none", edgecolor=color))
