"""Pictures of what was found again: a garment beside its hits, and garments joined by lines."""

import functools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mrcnn.data.images import ImageError, read_image
from mrcnn.drawing import class_color, draw_detections

# From this probability on two garments are called the same.
SAME = 0.5
_INK, _FAINT, _PALE = "#1f2328", "#6e7781", "#eff1f3"
_SAME_COLOR = "#1a7f37"
_LONE = (140, 140, 140)  # colour of a garment that has no partner
_MARGIN = 0.12  # of a garment's box, shown around it
_SIDE = 900  # of a photo in the picture of two, at most, px
# Contact sheet, px.
_GAP, _COLUMNS = 20, 5
_QUERY, _HIT = (380, 500), (216, 264)  # (width, height) of the pictures


@dataclass(frozen=True)
class Tile:
    """A garment on a contact sheet.

    Attributes:
        photo: path of its photo; one that cannot be read is said to be so.
        box: (y1, x1, y2, x2) px.
        class_id: its category, which gives the colour.
        lines: what is written below, the first line large.
        probability: that it is the garment in question, drawn as a bar; None draws none.
    """

    photo: Path | str
    box: np.ndarray
    class_id: int
    lines: tuple[str, ...]
    probability: float | None = None


def check_target(path: Path) -> None:
    """Refuses what `save` cannot write, before the work is done.

    Raises:
        IsADirectoryError: a folder.
        ValueError: a name that ends in no kind of picture.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, expected the name of a picture in it, such "
                                f"as {path / 'match.jpg'}.")
    if Image.registered_extensions().get(path.suffix.lower()) not in Image.SAVE:
        raise ValueError(f"{path} does not end as a picture that can be written. Expected such "
                         "as .jpg, .png or .webp.")


def save(path: Path, picture: np.ndarray) -> None:
    """Writes a picture [H, W, 3] uint8 into a folder that is made if need be; texts stay crisp."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Full resolution for colours, too: coloured texts and lines would blur. PNG takes neither.
    Image.fromarray(picture).save(path, quality=93, subsampling=0)


def draw_search(query: Tile, hits: list[Tile]) -> np.ndarray:
    """Draws a contact sheet: the garment in question on the left, its hits by rank on the right.

    Args:
        query: the garment that was looked for.
        hits: those found, the best first.

    Returns:
        [H, W, 3] uint8.
    """
    columns = max(1, min(_COLUMNS, len(hits)))
    rows = -(-len(hits) // columns)
    cell = (_HIT[0] + _GAP, _HIT[1] + 84)
    left = 3 * _GAP + _QUERY[0]
    size = (left + columns * cell[0], 2 * _GAP + max(_QUERY[1] + 110, rows * cell[1] - _GAP))
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    _draw_tile(sheet, query, (_GAP, _GAP), _QUERY, 26)
    pen.line([(left - 1.5 * _GAP, _GAP), (left - 1.5 * _GAP, size[1] - _GAP)], fill=_PALE, width=2)
    for i, hit in enumerate(hits):
        place = (left + i % columns * cell[0], _GAP + i // columns * cell[1])
        _draw_tile(sheet, hit, place, _HIT, 19)
        _draw_rank(pen, i + 1, place)
    return np.asarray(sheet)


def _draw_tile(sheet, tile, place, size, font_size):
    """Pastes a tile at (x, y), its picture in `size` (w, h), its texts and bar below."""
    (x, y), (width, height), pen = place, size, ImageDraw.Draw(sheet)
    pen.rectangle((x, y, x + width - 1, y + height - 1), fill=_PALE)
    try:
        crop = Image.fromarray(_crop(read_image(tile.photo, exif=True), tile, size))
        sheet.paste(crop, (x + (width - crop.width) // 2, y + (height - crop.height) // 2))
    except ImageError:  # gone or damaged since it was indexed
        pen.text((x + width / 2, y + height / 2), "photo cannot be read", fill=_FAINT,
                 font=_font(15), anchor="mm")
    y += height
    if tile.probability is not None:
        pen.rectangle((x, y, x + width - 1, y + 4), fill=_PALE)
        pen.rectangle((x, y, x + round((width - 1) * float(tile.probability)), y + 4),
                      fill=_SAME_COLOR if tile.probability >= SAME else _FAINT)
    y += 10
    for i, line in enumerate(tile.lines):
        font = _font(font_size if i == 0 else round(0.75 * font_size))
        pen.text((x, y), _shortened(line, font, width), fill=_FAINT if i else _INK, font=font)
        y += round(1.25 * font.size)


def _crop(image, tile, size):
    """The garment with its box and so much around it as fills (width, height), where there is."""
    box, limits = np.asarray(tile.box, np.float64), np.array(image.shape[:2])
    sides = (box[2:] - box[:2]) * (1 + 2 * _MARGIN)
    aspect = size[1] / size[0]
    sides = np.maximum(sides, (sides[1] * aspect, sides[0] / aspect))
    low = np.clip((box[:2] + box[2:] - sides) / 2, 0, np.maximum(limits - sides, 0))
    low, high = np.floor(low).astype(int), np.ceil(np.minimum(low + sides, limits)).astype(int)
    part = image[low[0]:high[0], low[1]:high[1]]
    scale = min(size[0] / part.shape[1], size[1] / part.shape[0])
    return draw_detections(_scaled(part, scale), [(box - np.tile(low, 2)) * scale],
                           [tile.class_id])


def _draw_rank(pen, rank, place):
    """Writes a rank on a dark plate in the corner of a tile at (x, y)."""
    font, (x, y) = _font(17), place
    width = round(font.getlength(str(rank))) + 16
    pen.rectangle((x, y, x + width, y + 25), fill=_INK)
    pen.text((x + width / 2, y + 13), str(rank), fill="white", font=font, anchor="mm")


def draw_matches(images, tables, partners, probabilities, class_names, captions) -> np.ndarray:
    """Draws two photos side by side, garments that are the same joined by lines.

    Args:
        images: two of [H, W, 3] uint8.
        tables: `Garments` of each.
        partners: [N] int, for each garment of the first its own garment of the second, -1 for
            none.
        probabilities: [N], that these two are the same.
        class_names: by class id, background first.
        captions: two texts, above the photos.

    Returns:
        [H, W, 3] uint8.
    """
    colors = _pair_colors(partners, len(tables[1]))
    sides = [_draw_numbered(image, garments, own, class_names)
             for image, garments, own in zip(images, tables, colors, strict=True)]
    shift = np.array([sides[0][0].shape[1] + _GAP, 0])
    size = (shift[0] + sides[1][0].shape[1], max(len(picture) for picture, _ in sides))
    sheet = np.full((size[1], size[0], 3), 255, np.uint8)
    for (picture, _), left in zip(sides, (0, shift[0]), strict=True):
        sheet[:len(picture), left:left + picture.shape[1]] = picture
    pairs = [(i, partner) for i, partner in enumerate(partners) if partner >= 0]
    ends = [(sides[0][1][i], sides[1][1][partner] + shift) for i, partner in pairs]
    for (i, _), (start, end) in zip(pairs, ends, strict=True):
        _draw_link(sheet, start, end, class_color(i + 1))
    sheet = Image.fromarray(sheet)
    for (i, _), (start, end) in zip(pairs, ends, strict=True):
        _draw_plate(sheet, (start + end) / 2, f"{probabilities[i]:.1%}", class_color(i + 1))
    return _with_captions(sheet, captions, shift[0])


def _pair_colors(partners, count):
    """Colours of the garments of both photos: partners share one, the others are gray."""
    first = [class_color(i + 1) if partner >= 0 else _LONE for i, partner in enumerate(partners)]
    second = [_LONE] * count
    for partner, color in zip(partners, first, strict=True):
        if partner >= 0:
            second[partner] = color
    return first, second


def _draw_numbered(image, garments, colors, class_names):
    """A photo scaled to fit, with its numbered garments, and their centres [N, (x, y)] px."""
    scale = min(_SIDE / image.shape[0], _SIDE / image.shape[1])
    boxes = garments.boxes_px * scale
    labels = [f"{i + 1} {class_names[class_id]}" for i, class_id in enumerate(garments.class_ids)]
    picture = draw_detections(_scaled(image, scale), boxes, garments.class_ids, labels=labels,
                              colors=colors)
    return picture, (boxes[:, 1::-1] + boxes[:, :1:-1]) / 2


def _draw_link(picture, start, end, color):
    """Draws a line between two points (x, y) with a white rim and round ends, in place."""
    start, end = (tuple(int(round(value)) for value in point) for point in (start, end))
    for tint, rim in (((255, 255, 255), 2), (color, 0)):
        cv2.line(picture, start, end, tint, 3 + 2 * rim, cv2.LINE_AA)
        for point in (start, end):
            cv2.circle(picture, point, 8 + rim, tint, -1, cv2.LINE_AA)


def _draw_plate(sheet, place, text, color):
    """Writes a text on a white plate with a coloured rim around (x, y)."""
    font, (x, y) = _font(20), (float(value) for value in place)
    half = font.getlength(text) / 2 + 10
    pen = ImageDraw.Draw(sheet)
    pen.rounded_rectangle((x - half, y - 16, x + half, y + 16), 8, "white", color, 3)
    pen.text((x, y), text, fill=_INK, font=font, anchor="mm")


def _with_captions(sheet, captions, left):
    """The sheet [H, W, 3] below a line with two texts, the second from x = left on."""
    font = _font(20)
    picture = Image.new("RGB", (sheet.width, sheet.height + 36), "white")
    picture.paste(sheet, (0, 36))
    pen = ImageDraw.Draw(picture)
    for text, start, end in zip(captions, (0, left), (left - _GAP, sheet.width), strict=True):
        pen.text((start + 8, 18), _shortened(text, font, end - start - 16), fill=_INK, font=font,
                 anchor="lm")
    return np.asarray(picture)


def _scaled(image, scale):
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    return cv2.resize(image, size,
                      interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def _shortened(text, font, width):
    """The text, its middle left out where it is wider than so many px."""
    if font.getlength(text) <= width:
        return text
    kept = next((count for count in range(len(text) - 1, 0, -1)
                 if font.getlength(_without_middle(text, count)) <= width), 0)
    return _without_middle(text, kept)


def _without_middle(text, kept):
    start = kept // 2
    return f"{text[:start]}...{text[len(text) - kept + start:]}"


@functools.lru_cache(maxsize=8)
def _font(size):
    return ImageFont.load_default(size)
