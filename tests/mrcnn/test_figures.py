"""Matterport's figures: called as its notebooks call them, and looked at pixel by pixel."""

import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from mrcnn import visualize

NAMES = ["BG", "shirt", "skirt"]
SCALE = 10  # screen pixels for a pixel of the picture
RED, GREEN, BLUE = (1, 0, 0), (0, 1, 0), (0, 0, 1)


@pytest.fixture(autouse=True)
def no_window():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


@pytest.fixture
def shown(monkeypatch):
    """Counts the calls of plt.show()."""
    calls = []
    monkeypatch.setattr(plt, "show", lambda: calls.append(1))
    return calls


def gray(height=30, width=40):
    return np.full((height, width, 3), 100, np.uint8)


def bitmaps(*boxes, shape=(30, 40)):
    """Masks [H, W, N] that fill their boxes."""
    masks = np.zeros((*shape, len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
    return masks


def exact_axes(height=30, width=40):
    """Axes on which a picture's pixel covers SCALE x SCALE screen pixels exactly."""
    figure = plt.figure(figsize=(width * SCALE / 100, height * SCALE / 100), dpi=100)
    return figure.add_axes((0, 0, 1, 1))


def screen(axes, height=30, width=40):
    """What the axes show of the picture: [H * SCALE, W * SCALE, 3] int."""
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    axes.set_title("")
    axes.figure.canvas.draw()
    return np.asarray(axes.figure.canvas.buffer_rgba())[..., :3].astype(int)


def is_like(pixels, color, tolerance=40):
    return np.abs(pixels - 255 * np.array(color)).max(-1) <= tolerance


def line_box(selected, points):
    """(y1, x1, y2, x2), in picture pixels, that selected lines of a width in points run along."""
    rows, columns = np.nonzero(selected)
    half = points * 100 / 72 / 2
    return np.array([rows.min() + half, columns.min() + half,
                     rows.max() + 1 - half, columns.max() + 1 - half]) / SCALE


@pytest.mark.parametrize("box", [(5, 8, 20, 30), (5.5, 8.25, 20.5, 29.75)])
def test_a_box_is_drawn_at_its_edges(box):
    axes = exact_axes()
    visualize.draw_boxes(gray(), refined_boxes=np.array([box]), ax=axes)
    found = line_box(is_like(screen(axes), RED), 2)
    np.testing.assert_allclose(found, box, atol=0.15)


def test_a_mask_is_tinted_and_outlined_at_the_borders_of_its_pixels():
    axes = exact_axes()
    boxes = [(5, 8, 20, 30)]
    visualize.display_instances(
        gray(), np.array(boxes), bitmaps(*boxes), np.array([1]), NAMES, ax=axes,
        show_bbox=False, colors=[GREEN], captions=[""])
    picture = screen(axes)
    tint = np.array([50, 177, 50])
    tinted = np.abs(picture - tint).max(-1) <= 1
    assert tinted[65:185, 95:285].all()
    assert (picture[:40] == 100).all() and (picture[:, :70] == 100).all()
    assert (picture[210:] == 100).all() and (picture[:, 310:] == 100).all()
    np.testing.assert_allclose(line_box(is_like(picture, GREEN), 1), boxes[0], atol=0.15)


def test_the_outline_of_a_mask_lies_on_its_box_at_the_pictures_border():
    axes = exact_axes()
    whole = [(0, 0, 30, 40)]
    visualize.display_instances(gray(), np.array(whole), bitmaps(*whole), [1], NAMES, ax=axes)
    box, outline = axes.patches
    assert box.get_bbox().extents.tolist() == [-0.5, -0.5, 39.5, 29.5]
    assert outline.get_xy().min(0).tolist() == [-0.5, -0.5]
    assert outline.get_xy().max(0).tolist() == [39.5, 29.5]


def test_display_instances_says_names_and_scores_and_leaves_the_photo_alone(shown):
    photo, boxes = gray(), np.array([[2, 3, 12, 13], [15, 20, 29, 39], [0, 0, 0, 0]])
    visualize.display_instances(photo, boxes, bitmaps(*boxes), np.array([1, 2, 1]), NAMES,
                                np.array([0.98765, 0.5, 0.4]), title="found", figsize=(4, 4))
    axes = plt.gca()
    assert [text.get_text() for text in axes.texts] == ["shirt 0.988", "skirt 0.500"]
    assert axes.get_title() == "found" and shown == [1]
    assert axes.get_xlim() == (-10, 50) and axes.get_ylim() == (40, -10)
    assert (photo == 100).all()


@pytest.mark.parametrize("show_mask, show_bbox, patches", [
    (True, True, 2), (True, False, 1), (False, True, 2), (False, False, 1)])
def test_masks_and_boxes_can_be_left_out_and_outlines_stay(show_mask, show_bbox, patches):
    axes = exact_axes()
    boxes = [(5, 8, 20, 30)]
    visualize.display_instances(gray(), np.array(boxes), bitmaps(*boxes), np.array([1]), NAMES,
                                ax=axes, show_mask=show_mask, show_bbox=show_bbox)
    assert len(axes.patches) == patches
    assert (axes.images[0].get_array() != 100).any() == show_mask


@pytest.mark.parametrize("image", [
    np.full((30, 40), 100, np.uint8), np.full((30, 40, 1), 100.0, np.float32),
    np.full((30, 40, 3), 300.7)])
def test_gray_and_float_photos(image):
    axes = exact_axes()
    visualize.display_instances(image, np.array([[1, 1, 5, 5]]), bitmaps((1, 1, 5, 5)), [1], NAMES,
                                ax=axes)
    assert (axes.images[0].get_array()[20, 20] == min(255, int(image.max()))).all()


def test_given_axes_are_not_shown(shown):
    axes, nothing = exact_axes(), np.zeros((0, 4), np.int32)
    visualize.display_instances(gray(), nothing, np.zeros((30, 40, 0)), nothing[:, 0], NAMES,
                                np.zeros(0), ax=axes)
    visualize.draw_boxes(gray(), boxes=nothing, ax=axes)
    assert shown == [] and plt.get_fignums() == [1]


def test_no_instances_are_announced(capsys):
    visualize.display_instances(gray(), np.zeros((0, 4)), np.zeros((30, 40, 0)), np.zeros(0, int),
                                NAMES)
    assert capsys.readouterr().out == "\n*** No instances to display *** \n\n"
    assert (plt.gca().images[0].get_array() == 100).all()


def test_counts_that_differ_are_named():
    with pytest.raises(ValueError, match="'boxes': 1, 'class_ids': 1, 'masks': 2"):
        visualize.display_instances(gray(), [[0, 0, 1, 1]], np.zeros((30, 40, 2)), [1], NAMES)


def test_random_colors_are_the_hues_in_any_order():
    bright, dark = visualize.random_colors(3), visualize.random_colors(3, bright=False)
    np.testing.assert_allclose(sorted(bright), [BLUE, GREEN, RED], atol=1e-9)
    np.testing.assert_allclose(sorted(dark), np.array([BLUE, GREEN, RED]) * 0.7, atol=1e-9)
    assert visualize.random_colors(0) == []


def test_display_images_keeps_the_range_of_single_channels(shown):
    activation = np.linspace(-3, 700, 12).reshape(3, 4)
    visualize.display_images([gray(), activation, bitmaps((1, 1, 3, 3))[..., 0], gray()[..., :1]],
                             titles=["photo", "activation", "mask", "gray"], cols=3, cmap="Blues",
                             interpolation="none")
    axes = plt.gcf().axes
    assert [ax.get_title() for ax in axes] == ["photo", "activation", "mask", "gray"]
    assert axes[1].images[0].get_clim() == (-3, 700)
    assert shown == [1] and tuple(plt.gcf().get_size_inches()) == (14, 14 * 2 / 3)
    plt.gcf().canvas.draw()


def test_display_images_in_one_long_row():
    visualize.display_images(np.zeros((30, 2, 2, 3)), cols=30)
    visualize.display_images([])
    assert len(plt.figure(1).axes) == 30


def test_display_top_masks_orders_classes_by_area():
    masks = bitmaps((0, 0, 5, 5), (6, 6, 9, 9), (10, 10, 30, 30))
    visualize.display_top_masks(gray(), masks, np.array([1, 1, 2]), NAMES)
    axes = plt.gcf().axes
    assert [ax.get_title() for ax in axes] == ["H x W=30x40", "skirt", "shirt", "-", "-"]
    shirts = axes[2].images[0].get_array()
    assert shirts[2, 2] == 1 and shirts[7, 7] == 2 and shirts[20, 20] == 0


def test_display_differences_says_score_and_iou():
    truth, found = [(2, 2, 12, 12), (15, 20, 25, 30)], [(15, 20, 25, 25), (2, 2, 12, 12)]
    padded = np.array([*found, (0, 0, 0, 0)])
    axes = exact_axes()
    visualize.display_differences(
        gray(), np.array(truth), np.array([1, 2]), bitmaps(*truth),
        padded, np.array([2, 1, 0]), np.array([0.6, 0.9, 0.0]), bitmaps(*padded), NAMES, ax=axes,
        show_box=False, show_mask=False)
    assert [text.get_text() for text in axes.texts] == ["", "", "0.90 / 1.00", "0.60 / 0.50"]
    assert axes.texts[2].get_position() == (2, 10)
    colors = [patch.get_edgecolor() for patch in axes.patches]
    assert colors == [(0, 1, 0, 0.8)] * 2 + [(1, 0, 0, 1)] * 2
    assert axes.get_title().startswith("Ground Truth and Detections")


@pytest.mark.parametrize("truth, found", [([], [(2, 2, 9, 9)]), ([(2, 2, 9, 9)], []), ([], [])])
def test_display_differences_without_objects(truth, found):
    ones = [np.ones(len(boxes), int) for boxes in (truth, found)]
    axes = exact_axes()
    visualize.display_differences(
        gray(), np.array(truth), ones[0], bitmaps(*truth), np.array(found), ones[1],
        np.full(len(found), 0.9), bitmaps(*found), NAMES, ax=axes)
    assert [text.get_text() for text in axes.texts] == [""] * len(truth) + ["0.90 / 0.00"] * len(
        found)


def test_draw_rois_shows_masks_in_their_regions_and_counts(capsys, shown):
    rois = np.array([[4, 6, 24, 26], [1, 1, 8, 8], [0, 0, 5, 5], [2, 2, 6, 6]])
    masks = np.zeros((4, 28, 28))
    masks[:, :14] = 1
    visualize.draw_rois(gray(), rois, rois + 0.5, masks, np.array([1, 0, 0, 0]), NAMES)
    axes = plt.gca()
    assert capsys.readouterr().out == (
        "Positive ROIs:  1\nNegative ROIs:  3\nPositive Ratio: 0.25\n")
    tinted = (axes.images[0].get_array() != 100).any(-1)
    assert (tinted == bitmaps((4, 6, 14, 26))[..., 0]).all()
    assert axes.get_title() == "4 ROIs" and len(axes.patches) == 5 and shown == []
    assert [text.get_text() for text in axes.texts] == ["shirt"]
    visualize.draw_rois(gray(), rois, rois, masks, np.array([1, 0, 0, 0]), NAMES, limit=2)
    assert plt.gca().get_title() == "Showing 2 random ROIs out of 4"


def test_draw_boxes_follows_visibilities():
    boxes = np.array([[1, 1, 10, 10], [5, 5, 15, 15], [3, 20, 20, 35], [0, 0, 0, 0]])
    axes = exact_axes()
    visualize.draw_boxes(gray(), boxes, boxes + 2.5, bitmaps(*boxes), captions=list("abcd"),
                         visibilities=[0, 1, 2, 1], title="stages", ax=axes)
    rectangles = [patch for patch in axes.patches if hasattr(patch, "get_bbox")]
    styles = [patch.get_linestyle() for patch in rectangles]
    assert styles == ["dotted", "dotted", "solid", "solid", "solid"]
    assert rectangles[0].get_edgecolor()[:3] == to_rgb("gray")
    assert rectangles[2].get_xy() == (7, 7)
    places = {text.get_text(): text.get_position() for text in axes.texts}
    assert places == {"a": (1, 1), "b": (7.5, 7.5), "c": (22.5, 5.5)}
    assert len(axes.lines) == 2 and axes.get_title() == "stages"
    assert axes.get_xlim() == (-3, 43)


@pytest.mark.parametrize("arguments, word", [
    ({}, "got neither"), ({"boxes": np.ones((1, 4)), "visibilities": [3]}, "0, 1 or 2, got 3")])
def test_draw_boxes_says_what_it_needs(arguments, word):
    with pytest.raises(ValueError, match=word):
        visualize.draw_boxes(gray(), **arguments)


def test_plot_precision_recall():
    visualize.plot_precision_recall(0.5, [0, 1, 0.5, 0], [0, 0.5, 1, 1])
    axes = plt.gca()
    assert axes.get_title() == "Precision-Recall Curve. AP@50 = 0.500"
    assert axes.lines[0].get_xydata().tolist() == [[0, 0], [0.5, 1], [1, 0.5], [1, 0]]


def test_plot_overlaps_says_what_matches():
    overlaps = np.array([[0.9, 0.0, 0.6], [0.2, 0.7, 0.0]])
    visualize.plot_overlaps(np.array([1, 1, 2, 0]), np.array([1, 2, 0]), np.array([0.9, 0.8, 0]),
                            overlaps, NAMES)
    axes = plt.gca()
    assert [text.get_text() for text in axes.texts] == [
        "0.900\nmatch", "0.000\n", "0.600\nwrong", "0.200\n", "0.700\nwrong", "0.000\n"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["shirt (0.90)",
                                                                      "skirt (0.80)"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["shirt", "shirt", "skirt"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Ground Truth", "Predictions")
    visualize.plot_overlaps([1], [], [], np.zeros((0, 1)), NAMES)


class Shelf:
    """An IPython that keeps what it is to display."""

    def __init__(self, monkeypatch):
        self.kept = []
        monkeypatch.setitem(sys.modules, "IPython", self)
        monkeypatch.setitem(sys.modules, "IPython.display", self)

    def display(self, shown):
        self.kept.append(shown)


def test_a_table_is_html_in_a_notebook(monkeypatch):
    shelf = Shelf(monkeypatch)
    visualize.display_table([["name", "shape"], ["conv1", (7, 7)]])
    html = shelf.kept[0]._repr_html_()
    assert html.startswith("<table><tr><td>name") and html.count("<tr>") == 2
    assert html.count("<td>") == 4 and "(7, 7)" in html


def test_a_table_is_text_elsewhere(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    visualize.display_table([["name", "shape"], ["a long name", 1.5], ["short"]])
    assert capsys.readouterr().out == "name         shape\na long name  1.5\nshort\n"


class Variable:
    def __init__(self, path):
        self.path = path


class Conv2D:
    """A layer as `get_trainable_layers` returns it: a dead bias is no alert, a dead kernel is."""

    weights = [Variable("conv1/kernel"), Variable("conv1/bias")]

    def __init__(self, kernel):
        self.kernel = np.asarray(kernel, np.float32)

    def get_weights(self):
        return [self.kernel, np.zeros(2, np.float32)]


@pytest.mark.parametrize("kernel, alert", [
    ([[0.5, 0.5]], "*** dead?"), ([[0.5, -2000]], "*** Overflow?"),
    ([[0.5, np.nan]], "*** Overflow?"), ([[0.5, -1]], "")])
def test_weight_stats_raise_alerts(monkeypatch, capsys, kernel, alert):
    class Model:
        def get_trainable_layers(self):
            return [Conv2D(kernel)]

    monkeypatch.setitem(sys.modules, "IPython.display", None)
    visualize.display_weight_stats(Model())
    title, first, bias = capsys.readouterr().out.splitlines()
    assert title.split() == ["WEIGHT", "NAME", "SHAPE", "MIN", "MAX", "STD"]
    assert first.startswith("conv1/kernel") and ("***" in first) == bool(alert) and alert in first
    assert bias.split() == ["conv1/bias", "(2,)", "+0.0000", "+0.0000", "+0.0000"]


def test_the_face_is_light_and_whole():
    code = ("import sys; from mrcnn import visualize\n"
            "assert all(hasattr(visualize, name) for name in visualize.__all__)\n"
            "heavy = {'keras', 'tensorflow', 'matplotlib', 'IPython', 'skimage'}\n"
            "assert not heavy & set(sys.modules), heavy & set(sys.modules)")
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
