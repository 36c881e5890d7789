"""Molding: bring a photo of any size to the shape the network takes, and back.

A `Mold` is the plan of that for one photo. Image and labels are moved by the same numbers, and
the way back stands in the same file. Coordinates are continuous px: pixel i covers [i, i + 1].
"""

import dataclasses

import cv2
import numpy as np

MODES = ("square", "pad64", "none", "crop", "shortest")
FILTERS = ("area", "bilinear")

# The pyramid halves the image six times; every level must come out whole.
MULTIPLE = 64


@dataclasses.dataclass(frozen=True)
class Mold:
    """How one photo is molded. All sizes in px.

    Attributes:
        original_shape: (height, width) of the photo.
        scaled_shape: (height, width) after scaling, before padding or cropping.
        shape: (height, width) of the molded image.
        scale: the factor asked for; a side is rounded to whole pixels, see `matrix`.
        window: (y1, x1, y2, x2), where the photo lies on the molded image.
        padding: [(top, bottom), (left, right), (0, 0)].
        crop: (y, x, height, width) cut from the scaled photo, or None.
    """

    original_shape: tuple
    scaled_shape: tuple
    shape: tuple
    scale: float
    window: tuple
    padding: list
    crop: tuple | None

    @property
    def matrix(self):
        """[2, 3] float64: molded (x, y) = matrix @ (x, y, 1). The exact scale of each axis."""
        scale_y = self.scaled_shape[0] / self.original_shape[0]
        scale_x = self.scaled_shape[1] / self.original_shape[1]
        crop_y, crop_x = self.crop[:2] if self.crop else (0, 0)
        top, left = self.padding[0][0], self.padding[1][0]
        return np.array([[scale_x, 0, left - crop_x], [0, scale_y, top - crop_y]], np.float64)


def plan(image_shape, mode="square", min_dim=None, max_dim=None, min_scale=None, rng=None):
    """Plan the molding of a photo.

    Modes, the first four Matterport's:
      * square: scaled up until the shorter side is `min_dim`, but the longer at most `max_dim`;
        padded to [max_dim, max_dim].
      * pad64: scaled up to `min_dim`, padded to multiples of 64.
      * none: as it is.
      * crop: scaled up to `min_dim`, then a [min_dim, min_dim] piece: a random one when `rng` is
        given (training), the middle otherwise, so that two looks at a photo see the same.
      * shortest: the papers' rule. The shorter side becomes `min_dim`, up or down, unless the
        longer would exceed `max_dim`, which then decides; padded to multiples of 64.

    Padding is split evenly; an odd pixel goes to the bottom and the right.

    Args:
        image_shape: (height, width, ...) of the photo.
        mode: one of MODES.
        min_dim: px, see above.
        max_dim: px, see above.
        min_scale: scale by at least this much, within `max_dim` in mode square.
        rng: numpy Generator for mode crop.

    Returns:
        Mold.

    Raises:
        ValueError: an unknown mode, an empty image, or a `min_dim` that does not suit the mode.
    """
    height, width = (int(side) for side in image_shape[:2])
    _check(mode, height, width, min_dim, max_dim)
    scale = _scale(mode, height, width, min_dim, max_dim, min_scale)
    scaled = (round(height * scale), round(width * scale))
    scaled = (max(scaled[0], 1), max(scaled[1], 1))
    if mode == "crop":
        return _cropped((height, width), scaled, scale, min_dim, rng)
    shape = _padded_shape(mode, scaled, max_dim)
    top, left = (shape[0] - scaled[0]) // 2, (shape[1] - scaled[1]) // 2
    window = (top, left, top + scaled[0], left + scaled[1])
    padding = [(top, shape[0] - window[2]), (left, shape[1] - window[3]), (0, 0)]
    return Mold((height, width), scaled, shape, scale, window, padding, None)


def plan_for(config, image_shape, rng=None):
    """The plan that a configuration's IMAGE_RESIZE_MODE, _MIN_DIM, _MAX_DIM, _MIN_SCALE ask for."""
    return plan(
        image_shape,
        mode=config.IMAGE_RESIZE_MODE,
        min_dim=config.IMAGE_MIN_DIM,
        max_dim=config.IMAGE_MAX_DIM,
        min_scale=config.IMAGE_MIN_SCALE,
        rng=rng,
    )


def resize_filter(config, convention="aligned"):
    """The filter that a configuration asks for.

    Args:
        config: RESIZE_FILTER, of which "auto" is what the network's weights were trained with.
        convention: of the network. "corners" means weights of Matterport, or some that began so.

    Returns:
        "area" or "bilinear", see `mold_image`.
    """
    if config.RESIZE_FILTER != "auto":
        return config.RESIZE_FILTER
    return "bilinear" if convention == "corners" else "area"


def _check(mode, height, width, min_dim, max_dim):
    if mode not in MODES:
        raise ValueError(f"IMAGE_RESIZE_MODE {mode!r}: expected one of {', '.join(MODES)}")
    if height < 1 or width < 1:
        raise ValueError(f"an image of {height}x{width} px has nothing to mold")
    if mode == "pad64" and min_dim and min_dim % MULTIPLE:
        raise ValueError(f"pad64 needs an IMAGE_MIN_DIM that {MULTIPLE} divides, got {min_dim}")
    if mode in ("square", "shortest") and not max_dim:
        raise ValueError(f"mode {mode} needs an IMAGE_MAX_DIM, got {max_dim}")
    if mode in ("crop", "shortest") and not min_dim:
        raise ValueError(f"mode {mode} needs an IMAGE_MIN_DIM, got {min_dim}")


def _scale(mode, height, width, min_dim, max_dim, min_scale):
    """The factor by which the photo is scaled."""
    if mode == "none":
        return 1.0
    if mode == "shortest":
        return min(min_dim / min(height, width), max_dim / max(height, width))
    scale = max(1.0, min_dim / min(height, width)) if min_dim else 1.0
    scale = max(scale, min_scale or 0.0)
    if mode == "square" and round(max(height, width) * scale) > max_dim:
        scale = max_dim / max(height, width)
    return scale


def _padded_shape(mode, scaled, max_dim):
    if mode == "square":
        return (max_dim, max_dim)
    if mode in ("pad64", "shortest"):
        return tuple(-(-side // MULTIPLE) * MULTIPLE for side in scaled)
    return scaled


def _cropped(original, scaled, scale, side, rng):
    """Mold of mode crop: a square piece of the scaled photo."""
    room = (scaled[0] - side, scaled[1] - side)
    if rng is None:
        y, x = room[0] // 2, room[1] // 2
    else:
        y, x = (int(rng.integers(0, r, endpoint=True)) for r in room)
    window, padding = (0, 0, side, side), [(0, 0), (0, 0), (0, 0)]
    return Mold(original, scaled, (side, side), scale, window, padding, (y, x, side, side))


def mold_image(image, mold, filter="area"):
    """Mold a photo.

    Args:
        image: [height, width, 3] uint8.
        mold: its plan.
        filter: "area" averages over what a pixel covers when the photo shrinks; "bilinear" takes
            single points and cuts off fractions, as Matterport's weights saw their photos. Growing
            is bilinear in both.

    Returns:
        [*mold.shape, 3] uint8, zeros around the window.
    """
    return warp(image, mold.matrix, mold.shape, filter)


def warp(image, matrix, shape, filter="area"):
    """Move an image by an affine map.

    One interpolation does it, or one resizing where the map only scales and moves by whole
    pixels; a map that shrinks and turns is a resizing, so that nothing is skipped, and a turn.

    Args:
        image: [height, width, channels <= 4] or [height, width] uint8.
        matrix: [2, 3] px, (x, y) -> matrix @ (x, y, 1).
        shape: (height, width) of the result.
        filter: "area" or "bilinear", see `mold_image`.

    Returns:
        [*shape, channels] uint8, zeros where the image does not reach.

    Raises:
        ValueError: an unknown filter.
    """
    if filter not in FILTERS:
        raise ValueError(f"RESIZE_FILTER {filter!r}: expected one of {', '.join(FILTERS)}")
    matrix = np.asarray(matrix, np.float64)
    height, width = image.shape[:2]
    scale_x, scale_y = np.linalg.norm(matrix[:, 0]), np.linalg.norm(matrix[:, 1])
    size = max(round(width * scale_x), 1), max(round(height * scale_y), 1)
    rest = matrix @ np.diag([width / size[0], height / size[1], 1.0])  # after such a resizing
    if _whole_shift(rest):
        return _placed(_resized(image, size, filter), rest[:, 2], shape)
    if filter == "area" and min(scale_x, scale_y) < 1:
        image, matrix = _resized(image, size, filter), rest
    centred = matrix.copy()
    centred[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5  # OpenCV counts from pixel centres
    return cv2.warpAffine(image, centred, (shape[1], shape[0]), flags=cv2.INTER_LINEAR)


def _resized(image, size, filter):
    """The image at another (width, height)."""
    height, width = image.shape[:2]
    if size == (width, height):
        return image
    if filter == "bilinear":  # in floats, the fractions cut off: to the pixel what Matterport's saw
        return cv2.resize(image.astype(np.float32), size).astype(np.uint8)
    shrinks = size[0] < width or size[1] < height
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _whole_shift(matrix):
    """Whether a map only moves by whole pixels."""
    shift = matrix[:, 2]
    return np.allclose(matrix[:, :2], np.eye(2), atol=1e-9) and np.allclose(
        shift, np.round(shift), atol=1e-6
    )


def _placed(image, corner, shape):
    """The image on a canvas of zeros, its first pixel at (x, y), cut at the canvas' edges."""
    left, top = (round(value) for value in corner)
    canvas = np.zeros((*shape, *image.shape[2:]), image.dtype)
    height, width = image.shape[:2]
    y1, x1 = max(top, 0), max(left, 0)
    y2, x2 = min(top + height, shape[0]), min(left + width, shape[1])
    if y2 > y1 and x2 > x1:
        canvas[y1:y2, x1:x2] = image[y1 - top : y2 - top, x1 - left : x2 - left]
    return canvas


def transform_points(points, matrix):
    """Points [..., (x, y)] moved by a [2, 3] map, float64."""
    matrix = np.asarray(matrix, np.float64)
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def transform_boxes(boxes_px, matrix):
    """Boxes [N, (y1, x1, y2, x2)] moved by a [2, 3] map: what surrounds their moved corners.

    Exact for maps that scale, shift and mirror; too large for a map that turns.
    """
    y1, x1, y2, x2 = np.asarray(boxes_px, np.float64).reshape(-1, 4).T
    corners = np.stack([np.stack([x, y], -1) for x in (x1, x2) for y in (y1, y2)])
    moved = transform_points(corners, matrix)  # [4, N, (x, y)]
    low, high = moved.min(axis=0), moved.max(axis=0)
    return np.stack([low[:, 1], low[:, 0], high[:, 1], high[:, 0]], axis=1).astype(np.float32)


def invert(matrix):
    """The inverse [2, 3] map."""
    return np.linalg.inv(np.vstack([matrix, (0, 0, 1)]))[:2]


def compose(second, first):
    """The [2, 3] map that does `first`, then `second`."""
    return (np.vstack([second, (0, 0, 1)]) @ np.vstack([first, (0, 0, 1)]))[:2]


def mold_points(points, mold):
    """Points [..., (x, y)] px of the photo, on the molded image."""
    return transform_points(points, mold.matrix)


def unmold_points(points, mold):
    """Points [..., (x, y)] px of the molded image, on the photo."""
    return transform_points(points, invert(mold.matrix))


def mold_boxes(boxes_px, mold):
    """Boxes [N, (y1, x1, y2, x2)] px of the photo, on the molded image. Not clipped."""
    return transform_boxes(boxes_px, mold.matrix)


def unmold_boxes(boxes_px, mold):
    """Boxes [N, (y1, x1, y2, x2)] px of the molded image, on the photo. Not clipped."""
    return transform_boxes(boxes_px, invert(mold.matrix))
