"""The picture being painted, and who owns each of its pixels.

Pieces are painted one over the other. A second map at twice the picture's resolution remembers
which piece lies on top, so that masks and the visibility of landmarks come from what is really
seen.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from fashion.datasets.sample.textures import BARE, TILE, folds, tile

FINE = 2  # resolution of the map of owners, against the picture's
_FOLDS_SPAN = 0.4  # body heights over which the folds repeat
_SHIFT = 4  # bits of fraction in OpenCV's fixed-point coordinates


@dataclass(frozen=True)
class Camera:
    """Where body units fall in the picture: turned by `angle`, scaled to px, then moved."""

    scale: float
    angle: float
    offset: tuple

    def matrix(self):
        """[2, 2] from body units to px."""
        c, s = np.cos(self.angle) * self.scale, np.sin(self.angle) * self.scale
        return np.array([[c, -s], [s, c]])

    def pixels(self, points):
        """Body units [n, 2] to px [n, 2]; pixel i covers i to i + 1."""
        return points @ self.matrix().T + self.offset

    def body(self, pixels):
        """Px [n, 2] back to body units [n, 2]."""
        return (pixels - self.offset) @ np.linalg.inv(self.matrix()).T


@dataclass
class Canvas:
    """A picture [height, width, 3] uint8 under work, (blue, green, red)."""

    image: np.ndarray
    camera: Camera
    owner: np.ndarray = field(init=False)  # [2 height, 2 width] uint8, 0 for the background
    owners: list = field(init=False)  # by id: (garment's number or None, piece's name, counted)

    def __post_init__(self):
        height, width = self.image.shape[:2]
        self.owner = np.zeros((FINE * height, FINE * width), np.uint8)
        self.owners = [(None, "", False)]
        self._tiles = {}
        self._reach = max(int(0.03 * self.camera.scale), 3)  # px over which edges darken

    def ids(self, garment):
        """Ids of the pieces that are counted in a garment's mask."""
        return [
            i for i, (number, _, counted) in enumerate(self.owners) if counted and number == garment
        ]

    def paint(self, piece, cloth, garment=None):
        """Paints a `Piece`, of its own cloth or else of `cloth`, and its strokes.

        Args:
            piece: What to paint.
            cloth: Of the garment.
            garment: Number of the garment it belongs to; None for bodies and things.
        """
        cloth = piece.cloth or cloth
        polygons = [self.camera.pixels(outline) for outline in piece.outlines]
        region = self._region(np.concatenate(polygons))
        if region is None:
            return
        identity = self._identity(garment, piece)
        for polygon in polygons:
            cv2.fillPoly(self.owner, [_fixed(polygon * FINE)], identity, cv2.LINE_8, _SHIFT)
        self._fill(polygons, region, piece, cloth)

    def _region(self, points):
        """(x1, y1, x2, y2) px ints around points and their shadow; None outside the picture."""
        height, width = self.image.shape[:2]
        aside = 2 + self._reach // 2
        low = np.maximum(np.floor(points.min(axis=0)).astype(int) - (aside, 2), 0)
        high = np.ceil(points.max(axis=0)).astype(int) + (aside, 2 + self._reach)
        high = np.minimum(high, (width, height))
        return None if (high - low < 1).any() else (*low.tolist(), *high.tolist())

    def _identity(self, garment, piece):
        key = (garment, piece.name, piece.counted)
        if key not in self.owners:
            self.owners.append(key)
        return self.owners.index(key)

    def _fill(self, polygons, region, piece, cloth):
        x1, y1, x2, y2 = region
        alpha = self._coverage(polygons, region)
        beyond = self._coverage([self.camera.pixels(o) for o in piece.beyond], region)
        self._cast_shadow(alpha, beyond, region)
        shade = cv2.LUT(cv2.blur(cv2.max(alpha, beyond), (self._reach,) * 2), _ROUNDING)
        colours = self._cloth(piece, cloth, region, shade)
        for stroke in piece.strokes:
            self._stroke(stroke, cloth, colours, region[:2])
        window = self.image[y1:y2, x1:x2]
        weight = alpha * np.float32(1 / 255)
        window[:] = cv2.blendLinear(colours, window, weight, 1 - weight)

    def _cast_shadow(self, alpha, beyond, region):
        """Darkens what lies around and below a piece, but not what it goes on into."""
        x1, y1, x2, y2 = region
        reach = self._reach
        soft = cv2.blur(
            alpha, (reach, reach), anchor=(reach // 2, reach - 1), borderType=cv2.BORDER_CONSTANT
        )
        light = cv2.LUT(cv2.subtract(soft, beyond), _SHADOW)
        window = self.image[y1:y2, x1:x2]
        window[:] = cv2.multiply(window, cv2.merge([light] * 3), scale=1 / 255)

    def _coverage(self, polygons, region):
        """[h, w] uint8: 255 where the polygons cover the region."""
        x1, y1, x2, y2 = region
        alpha = np.zeros((y2 - y1, x2 - x1), np.uint8)
        for polygon in polygons:
            cv2.fillPoly(alpha, [_fixed(polygon - (x1, y1))], 255, cv2.LINE_AA, _SHIFT)
        return alpha

    def _cloth(self, piece, cloth, region, shade):
        """The pattern with its folds, darkened by `shade`: [h, w, 3] uint8."""
        size = (region[2] - region[0], region[3] - region[1])
        if cloth.pattern == BARE:
            colours = np.full((*size[::-1], 3), cloth.colours[0], np.uint8)
            return cv2.multiply(colours, cv2.merge([shade] * 3), scale=piece.tone / 250)
        pattern, fold = self._maps(piece.frame, cloth, region)
        colours = _warp(self._tile(cloth), pattern, size)
        shade = cv2.multiply(_warp(folds(), fold, size), shade, scale=1 / 255)
        return cv2.multiply(colours, cv2.merge([shade] * 3), scale=piece.tone / 124)

    def _maps(self, frame, cloth, region):
        """Affine maps [2, 3] from the region's px to the tile of the pattern and of the folds."""
        axes = self.camera.matrix() @ np.stack([frame.x_axis, frame.y_axis], axis=1)
        origin = self.camera.pixels(frame.origin) - region[:2]
        to_body = np.linalg.inv(axes)
        c, s = np.cos(cloth.angle), np.sin(cloth.angle)
        pattern = self.camera.scale * np.array([[c, -s], [s, c]]) @ to_body
        fold = TILE / _FOLDS_SPAN * to_body
        # Every cloth and every piece of it folds elsewhere.
        start = 37.0 * np.array([cloth.seed % 7, cloth.seed % 5]) + 300 * frame.origin
        return (
            np.hstack([pattern, (-pattern @ origin)[:, None]]),
            np.hstack([fold, (start - fold @ origin)[:, None]]),
        )

    def _tile(self, cloth):
        if cloth not in self._tiles:
            self._tiles[cloth] = tile(cloth, self.camera.scale)
        return self._tiles[cloth]

    def _stroke(self, stroke, cloth, colours, corner):
        """Draws a stroke on the piece's own cloth, which ends where the piece does."""
        tone = np.clip(np.multiply(cloth.colours[0], stroke.tone) + 12 * (stroke.tone > 1), 0, 255)
        points = _fixed(self.camera.pixels(stroke.points) - corner)
        width = max(int(round(stroke.width * self.camera.scale)), 1)
        if stroke.dots:
            for point in points:
                cv2.circle(colours, point.tolist(), 10 * width, tone, -1, cv2.LINE_AA, _SHIFT)
        else:
            cv2.polylines(colours, [points], False, tone, width, cv2.LINE_AA, _SHIFT)


# By how much of its surroundings is the piece, half at its very edge: brightness of the piece
# itself, and of what lies below it in its shadow.
_ROUNDING = np.interp(np.arange(256), [0, 100, 230], [180, 180, 255]).astype(np.uint8)
_SHADOW = np.interp(np.arange(256), [0, 255], [255, 165]).astype(np.uint8)


def _warp(picture, matrix, size):
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_WRAP)


def _fixed(points):
    """Continuous px [n, 2] as OpenCV's fixed-point px centres."""
    return np.round((points - 0.5) * (1 << _SHIFT)).astype(np.int32)
