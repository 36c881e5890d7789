"""Pictures from NumPy: detections on a photo, truth beside prediction, contact sheets.

Nothing here imports Keras. Coordinates are continuous pixels as everywhere in this package: a box
edge at x = 10.0 runs between the pixels 9 and 10, and is drawn there.
"""

import functools
import itertools

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mrcnn.masks import paste_crop
from mrcnn.outlines import level_lines, outlines, window

# One colour per category, chosen for the greatest least distance between any two of them (CIELAB,
# at least 24) as seen with usual, red-, green- and blue-blind eyes.
COLORS = (
    "#dd1199", "#bbff00", "#1100ff", "#664400", "#ffbb99", "#33ffff", "#aa55ee",
    "#889900", "#bb6666", "#88aaee", "#880044", "#eeee77", "#661199",
)
_FILL = 0.4  # share of the colour in a mask's area
_SUBPIXEL_BITS = 4  # OpenCV draws at fractions of a pixel given as integers with these many bits


def class_color(class_id):
    """The fixed RGB colour, 0 to 255, of a class id (1 is the first category)."""
    text = COLORS[(int(class_id) - 1) % len(COLORS)]
    return tuple(int(text[i:i + 2], 16) for i in (1, 3, 5))


def draw_detections(image, boxes, class_ids, scores=None, masks=None, class_names=None, *,
                    mask_probs=None, labels=None, colors=None, show_boxes=True,
                    under_labels=None):
    """Draws objects on a photo: tinted masks with outlines, boxes, and labels clear of each other.

    Args:
        image: [H, W, 3] uint8 RGB; not changed.
        boxes: [N, (y1, x1, y2, x2)] px.
        class_ids: [N] int, 1 for the first category.
        scores: [N] 0 to 1, written in the label; None leaves them out (ground truth).
        masks: [H, W, N] bool, or None.
        class_names: names by class id, background first; None leaves them out.
        mask_probs: [N, h, w] 0 to 1, each over its box, instead of masks: drawn sooner than the
            bitmaps that they become, with outlines at fractions of a pixel.
        labels: [N] texts instead of name and score.
        colors: [N] RGB, 0 to 255, instead of each category's own.
        show_boxes: False draws masks and labels only.
        under_labels: function of the picture that draws more on it, such as landmarks, and
            returns it; labels are written over that.

    Returns:
        [H, W, 3] uint8, a new picture.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    picture = np.array(image, dtype=np.uint8, order="C")
    _check_counts(picture, boxes, class_ids, scores, masks, mask_probs)
    if colors is None:
        colors = [class_color(class_id) for class_id in class_ids]
    if labels is None:
        labels = _labels(class_ids, scores, class_names)
    thickness = max(1, round(min(picture.shape[:2]) / 400))
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for i in np.argsort(-areas, kind="stable"):  # large ones first: small ones stay in sight
        if mask_probs is not None:
            _draw_mask_probs(picture, mask_probs[i], boxes[i], colors[i], thickness)
        elif masks is not None:
            _draw_mask(picture, masks[:, :, i], colors[i], thickness)
        if show_boxes:
            _draw_box(picture, boxes[i], colors[i], thickness)
    if under_labels is not None:
        picture = under_labels(picture)
    importance = -areas if scores is None else np.asarray(scores)
    order = np.argsort(-importance, kind="stable")
    _draw_labels(picture, [(labels[i], boxes[i], colors[i]) for i in order])
    return picture


def draw_box(image, box, color):
    """Draws a box of two pixels' width on an array, in place, as Matterport's notebooks do.

    Args:
        image: [H, W, 3] of any type.
        box: (y1, x1, y2, x2) px, rounded.
        color: (r, g, b), in the image's range.

    Returns:
        image, the same array.
    """
    y1, x1, y2, x2 = (round(float(value)) for value in box)
    image[y1:y1 + 2, x1:x2] = color
    image[y2:y2 + 2, x1:x2] = color
    image[y1:y2, x1:x1 + 2] = color
    image[y1:y2, x2:x2 + 2] = color
    return image


def apply_mask(image, mask, color, alpha=0.5):
    """Tints the pixels where the mask is 1, in place.

    Args:
        image: [H, W, 3] of any type, 0 to 255.
        mask: [H, W]; True and 1 count, other values do not.
        color: (r, g, b), 0 to 1.
        alpha: share of the colour.

    Returns:
        image, the same array.
    """
    selected = np.asarray(mask) == 1
    tint = np.array([alpha * value * 255 for value in color[:3]])
    image[selected, :3] = image[selected, :3] * (1 - alpha) + tint
    return image


def side_by_side(truth, prediction, captions=("truth", "prediction")):
    """Puts two pictures next to each other under their captions.

    Args:
        truth, prediction: [H, W, 3] uint8; the heights may differ.
        captions: two texts.

    Returns:
        [H, W, 3] uint8.
    """
    pictures = [caption(picture, text)
                for picture, text in zip((truth, prediction), captions, strict=True)]
    height = max(len(picture) for picture in pictures)
    gap = np.full((height, max(2, height // 100), 3), 255, np.uint8)
    left, right = (_pad_to(picture, height, picture.shape[1]) for picture in pictures)
    return np.concatenate([left, gap, right], axis=1)


def caption(picture, text, size=None):
    """Adds a white line with a text above a picture [H, W, 3]; size px high, None to suit it."""
    font = _font(size or max(12, picture.shape[1] // 30))
    bar = Image.new("RGB", (picture.shape[1], font.size + font.size // 2), "white")
    ImageDraw.Draw(bar).text((font.size // 4, 0), text, fill="black", font=font)
    return np.concatenate([np.asarray(bar), picture], axis=0)


def contact_sheet(pictures, columns=None, width=1600):
    """Lays pictures of any sizes out in a grid on white, each scaled to fit its cell.

    Args:
        pictures: list of [H, W, 3] uint8.
        columns: cells in a row; None makes the sheet about as wide as it is high.
        width: of the sheet, px.

    Returns:
        [H, width, 3] uint8.

    Raises:
        ValueError: no pictures.
    """
    if not pictures:
        raise ValueError("A contact sheet needs at least one picture, got none.")
    aspect = float(np.median([picture.shape[0] / picture.shape[1] for picture in pictures]))
    columns = min(columns or max(1, round(np.sqrt(len(pictures) * aspect))), len(pictures))
    gap = max(2, width // 200)
    cell_width = (width - gap * (columns + 1)) // columns
    cell_height = round(cell_width * aspect)
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * (cell_height + gap) + gap, width, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        top = gap + (i // columns) * (cell_height + gap)
        left = gap + (i % columns) * (cell_width + gap)
        small = _fit(picture, cell_height, cell_width)
        sheet[top:top + len(small), left:left + small.shape[1]] = small
    return sheet


def _check_counts(picture, boxes, class_ids, scores, masks, mask_probs):
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"Expected an RGB picture [H, W, 3], got shape {list(picture.shape)}.")
    counts = {"boxes": len(boxes), "class_ids": len(class_ids)}
    if scores is not None:
        counts["scores"] = len(scores)
    if mask_probs is not None:
        counts["mask_probs"] = len(mask_probs)
    if masks is not None:
        counts["masks"] = masks.shape[2]
        if masks.shape[:2] != picture.shape[:2]:
            raise ValueError(f"Masks of {list(masks.shape[:2])} px do not fit a picture of "
                             f"{list(picture.shape[:2])} px; they must have its size.")
    if len(set(counts.values())) > 1:
        raise ValueError(f"Every object needs a box, a class and a mask, got {counts}.")


def _labels(class_ids, scores, class_names):
    names = [class_names[class_id] if class_names else "" for class_id in class_ids]
    if scores is None:
        return names
    return [f"{name} {score:.2f}".strip() for name, score in zip(names, scores, strict=True)]


def _draw_mask(picture, mask, color, thickness):
    """Tints a bitmap's pixels and draws its outline, in place."""
    top, left, inside = window(np.ascontiguousarray(mask, bool))
    _tint(picture[top:top + inside.shape[0], left:left + inside.shape[1]], inside, color)
    for line in outlines(inside):
        _draw_polygon(picture, line + (left, top), color, thickness)


def _draw_mask_probs(picture, probs, box, color, thickness):
    """Tints the pixels of a mask [h, w] over its box and draws its outline, in place."""
    values, (top, left) = paste_crop(probs, box, picture.shape[:2])
    inside = values >= 0.5
    _tint(picture[top:top + inside.shape[0], left:left + inside.shape[1]], inside, color)
    for line in level_lines(values):
        _draw_polygon(picture, line + (left, top), color, thickness)


def _tint(area, inside, color):
    """Tints the pixels of a part [h, w, 3] of a picture that are inside, in place."""
    if area.size:
        tints = np.arange(256)[:, None] * (1 - _FILL) + np.array(color) * _FILL
        tinted = cv2.LUT(area, tints.astype(np.uint8)[None])
        cv2.copyTo(tinted, inside.view(np.uint8), area)


def _draw_box(picture, box, color, thickness):
    y1, x1, y2, x2 = box
    corners = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
    _draw_polygon(picture, corners, color, thickness)


def _draw_polygon(picture, points, color, thickness):
    """Draws a closed line through continuous points [V, (x, y)] px, smooth, in place."""
    # OpenCV's whole coordinates are pixel centres, which lie at 0.5 here.
    fixed = np.round((points - 0.5) * 2 ** _SUBPIXEL_BITS).astype(np.int32)
    # Points less than an eighth of a pixel off the line cost much time and show nothing.
    fixed = cv2.approxPolyDP(fixed, 2 ** _SUBPIXEL_BITS / 8, True)
    cv2.polylines(picture, [fixed], True, color, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)


def _draw_labels(picture, labels):
    """Writes (text, box, color) labels in order, in place; a later one avoids all earlier ones."""
    height, width = picture.shape[:2]
    side = min(height, width)
    font = _font(max(10, min(side // 30, 26), side // 40))
    taken = []
    for text, box, color in labels:
        if not text:
            continue
        size = (int(font.getlength(text)) + font.size // 2, font.size + font.size // 3)
        x, y = _free_spot(box, size, (width, height), taken)
        taken.append((x, y, x + size[0], y + size[1]))
        area = picture[y:y + size[1], x:x + size[0]]  # smaller where the label is too wide
        area[:] = _label(text, size, color, font)[:area.shape[0], :area.shape[1]]


def _label(text, size, color, font):
    """A text [h, w, 3] on its colour, dark on bright and bright on dark ones."""
    is_bright = np.dot(color, (0.299, 0.587, 0.114)) > 140
    label = Image.new("RGB", size, tuple(int(value) for value in color))
    ImageDraw.Draw(label).text((font.size // 4, 0), text, font=font,
                               fill="black" if is_bright else "white")
    return np.asarray(label)


def _free_spot(box, size, limits, taken):
    """Top left corner (x, y) for a label of `size` (w, h): at the box's edges, else near it."""
    y1, x1, y2, x2 = (int(value) for value in box)
    w, h = size
    spots = [(x1, y1 - h), (x1, y1), (x2 - w, y1 - h), (x1, y2 - h), (x1, y2), (x2 - w, y2 - h)]
    spots += [(x1, y) for y in (*range(y1, limits[1], h), *range(y1, 0, -h))]
    spots += sorted(itertools.product(range(0, limits[0], w), range(0, limits[1], h)),
                    key=lambda spot: abs(spot[0] - x1) + abs(spot[1] - y1))
    spots = [(max(0, min(x, limits[0] - w)), max(0, min(y, limits[1] - h))) for x, y in spots]
    free = (spot for spot in spots if not any(_overlap(spot, size, other) for other in taken))
    return next(free, spots[0])


def _overlap(spot, size, other):
    x, y = spot
    return x < other[2] and other[0] < x + size[0] and y < other[3] and other[1] < y + size[1]


@functools.lru_cache(maxsize=16)
def _font(size):
    return ImageFont.load_default(size)


def _fit(picture, height, width):
    scale = min(height / picture.shape[0], width / picture.shape[1])
    size = (max(1, int(picture.shape[1] * scale)), max(1, int(picture.shape[0] * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _pad_to(picture, height, width):
    padding = ((0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0))
    return np.pad(picture, padding, constant_values=255)
