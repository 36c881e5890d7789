"""Pictures of keypoints: points and the lines between them, and what the heatmaps show.

Nothing here imports Keras. Coordinates are continuous pixels, drawn at fractions of a pixel.
"""

import cv2
import numpy as np

from mrcnn.drawing import caption, class_color

# A keypoint that was found with less than this probability is drawn as unsure.
SURE_SCORE = 0.3
_ABSENT, _HOLLOW, _FILLED = range(3)
_SUBPIXEL_BITS = 4  # OpenCV draws at fractions of a pixel given as integers with these many bits
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_MARKER = (51, 255, 255)  # a colour that heat does not have


def visibility_marks(keypoints):
    """How true keypoints [N, K, (x, y, v)] are drawn: covered ones hollow, absent ones not at all.

    Returns:
        [N, K] int, 0 not drawn, 1 hollow, 2 filled.
    """
    keypoints = np.asarray(keypoints)
    marks = np.clip(np.nan_to_num(keypoints[..., 2]), _ABSENT, _FILLED).astype(int)
    return np.where(np.isfinite(keypoints).all(axis=-1), marks, _ABSENT)


def score_marks(keypoints, sure=SURE_SCORE):
    """How found keypoints [N, K, (x, y, score)] are drawn: those below `sure` hollow.

    Returns:
        [N, K] int, 0 not drawn, where the score is 0; 1 hollow; 2 filled.
    """
    scores = np.asarray(keypoints)[..., 2]
    marks = np.where(scores >= sure, _FILLED, _HOLLOW)
    return np.where(np.isfinite(keypoints).all(axis=-1) & (scores > 0), marks, _ABSENT)


def draw_keypoints(image, keypoints, marks, edges=None, colors=None):
    """Draws keypoints of objects as discs or rings, and the lines between them.

    A line with an end that is hollow is thin; one with an end that is not there is left out. All
    have thin rims, so that they stand out from a mask of their own colour.

    Args:
        image: [H, W, 3] uint8 RGB; not changed.
        keypoints: [N, K, (x, y, ...)] px.
        marks: [N, K], see `visibility_marks` and `score_marks`.
        edges: for each object its lines [E, 2], as places among the K; None draws points only.
        colors: [N] RGB, 0 to 255; by default a different one for each object.

    Returns:
        [H, W, 3] uint8, a new picture.
    """
    picture = np.array(image, dtype=np.uint8, order="C")
    colors = [class_color(i + 1) for i in range(len(keypoints))] if colors is None else colors
    edges = [()] * len(keypoints) if edges is None else edges
    radius = max(2.5, min(picture.shape[:2]) / 150)
    for points, own_marks, lines, color in zip(keypoints, marks, edges, colors, strict=True):
        fixed = _fixed(np.where((np.asarray(own_marks) > _ABSENT)[:, None], points[:, :2], 0))
        _draw_lines(picture, fixed, own_marks, lines, color, radius)
        for point, mark in zip(fixed, own_marks, strict=True):
            if mark > _ABSENT:
                _draw_point(picture, point, mark, color, radius)
    return picture


def _rim(color):
    """Black around a bright colour, white around a dark one."""
    return _BLACK if np.dot(color, (0.299, 0.587, 0.114)) > 80 else _WHITE


def _draw_lines(picture, fixed, marks, lines, color, radius):
    weakest = [min(marks[start], marks[end]) for start, end in lines]
    # The rims of all lines first: where lines meet none is cut.
    for wider, shade in (2, _rim(color)), (0, color):
        for (start, end), mark in zip(lines, weakest, strict=True):
            if mark > _ABSENT:
                thickness = max(1, round(radius / 2)) if mark == _FILLED else 1
                cv2.line(picture, fixed[start], fixed[end], shade, thickness + wider, cv2.LINE_AA,
                         _SUBPIXEL_BITS)


def _draw_point(picture, center, mark, color, radius):
    """A disc, or a ring filled with white."""
    circles = [(radius + 1, _rim(color)), (radius, color)]
    if mark == _HOLLOW:
        circles.append((radius - 1.2, _WHITE))
    for size, shade in circles:
        cv2.circle(picture, center, round(size * 2 ** _SUBPIXEL_BITS), shade, cv2.FILLED,
                   cv2.LINE_AA, _SUBPIXEL_BITS)


def _fixed(points):
    """Continuous points [..., (x, y)] px as OpenCV takes them."""
    # OpenCV's whole coordinates are pixel centres, which lie at 0.5 here.
    fixed = np.round((np.asarray(points, np.float64) - 0.5) * 2 ** _SUBPIXEL_BITS)
    # Far outside all is the same, and OpenCV counts in 32 bits.
    return np.clip(fixed, -2 ** 24, 2 ** 24).astype(np.int32).tolist()


def heatmap_sheet(photo, windows, heatmaps, points, *, most=6, side=160):
    """A row for each object: its part of the photo with the decoded points, then some heatmaps.

    Heatmaps lie over the photo, as probabilities: black is none, bright the most of the map. The
    decoded point lies in the gap of the cross, whose arms are thin where it is unsure.

    Args:
        photo: [H, W, 3] uint8 RGB.
        windows: [N, (y1, x1, y2, x2)] px, what the heatmaps cover; they may leave the photo.
        heatmaps: [N, n, h, w] logits.
        points: [N, n, (x, y, score)] px; those with score 0 do not exist.
        most: heatmaps of an object, spread over those that exist.
        side: height and width of a picture in the sheet, px.

    Returns:
        [rows, columns, 3] uint8.

    Raises:
        ValueError: no objects.
    """
    if not len(windows):
        raise ValueError("A sheet of heatmaps needs at least one object, got none.")
    rows = [_heatmap_row(photo, *each, most, side)
            for each in zip(windows, heatmaps, points, strict=True)]
    return np.concatenate(rows, axis=0)


def _heatmap_row(photo, window, heatmaps, points, most, side):
    """[side and caption, (1 + most) * side, 3]: white where an object has fewer heatmaps."""
    crop, points = _crop(photo, window, side), _in_window(points, window, side)
    marks = score_marks(points)
    shown = np.flatnonzero(marks > _ABSENT)
    chosen = shown[np.linspace(0, len(shown) - 1, min(most, len(shown))).round().astype(int)]
    decoded = draw_keypoints(crop, points[None], marks[None], colors=[_MARKER])
    cells = [caption(decoded, "decoded")]
    for i in chosen:
        heat = _heat(crop, heatmaps[i])
        _draw_cross(heat, points[i, :2], thickness=2 if marks[i] == _FILLED else 1)
        cells.append(caption(heat, f"{i + 1}: {points[i, 2]:.2f}"))
    white = np.full_like(cells[0], 255)
    return np.concatenate(cells + [white] * (1 + most - len(cells)), axis=1)


def _crop(photo, window, side):
    """What a window shows of a photo, [side, side, 3]; black outside the photo."""
    y1, x1, y2, x2 = np.asarray(window, np.float64)
    scale_x, scale_y = (x2 - x1) / side, (y2 - y1) / side
    # From pixel centres of the crop to those of the photo.
    matrix = np.array([[scale_x, 0, x1 + 0.5 * scale_x - 0.5],
                       [0, scale_y, y1 + 0.5 * scale_y - 0.5]])
    return cv2.warpAffine(photo, matrix, (side, side),
                          flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def _heat(crop, heatmap):
    """A heatmap of logits over a darkened picture of the same place."""
    probs = np.exp(heatmap - np.max(heatmap))
    probs = cv2.resize(probs.astype(np.float32), crop.shape[1::-1],
                       interpolation=cv2.INTER_NEAREST)[..., None]
    glow = cv2.applyColorMap((255 * probs).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    return np.clip(0.5 * crop * (1 - probs) + glow, 0, 255).astype(np.uint8)


def _in_window(points, window, side):
    """Points [n, (x, y, score)] px of the photo, in pixels of a picture of the window."""
    y1, x1, y2, x2 = np.asarray(window, np.float64)
    moved = np.array(points, np.float64)
    moved[:, :2] = (moved[:, :2] - (x1, y1)) * side / (x2 - x1, y2 - y1)
    return moved


def _draw_cross(picture, point, thickness, gap=6, length=9):
    """Four arms around a point (x, y) px, in place; what is at the point stays in sight."""
    for direction in np.array([(1, 0), (-1, 0), (0, 1), (0, -1)]):
        start, end = _fixed(point + direction * [[gap], [gap + length]])
        cv2.line(picture, start, end, _MARKER, int(thickness), cv2.LINE_AA, _SUBPIXEL_BITS)
