"""What stands behind the figures, and what a camera does to a photograph."""

import cv2
import numpy as np

from fashion.datasets.sample.textures import random_cloth, random_colour, tile

_SIZES = (
    ((468, 624), 0.30), ((480, 640), 0.14), ((500, 667), 0.10), ((534, 712), 0.08),
    ((600, 600), 0.10), ((600, 750), 0.08), ((600, 800), 0.08), ((640, 640), 0.05),
    ((624, 468), 0.03), ((800, 800), 0.04),
)  # fmt: skip


def random_size(rng):
    """(width, height) px."""
    return _SIZES[rng.choice(len(_SIZES), p=[odds for _, odds in _SIZES])][0]


def _field(rng, size, cells, low, high):
    """[height, width] smooth random brightness, about `low` to `high`."""
    grid = rng.uniform(low, high, (cells, cells)).astype(np.float32)
    return cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC)


def shop(rng, size):
    """A clean, evenly lit ground."""
    width, height = size
    grounds = ((246, 246, 246), (228, 230, 232), (206, 210, 214), (216, 226, 236), (232, 222, 214))
    colour = np.array(grounds[rng.choice(5, p=[0.45, 0.2, 0.13, 0.12, 0.1])])
    image = np.empty((height, width, 3), np.uint8)
    image[:] = np.clip(colour + rng.normal(0, 3, 3), 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        floor = int(height * rng.uniform(0.75, 0.9))
        image[floor:] = (image[floor, 0] * rng.uniform(0.86, 0.95)).astype(np.uint8)
        image = cv2.blur(image, (1, 31))
    return _lit(image, _field(rng, size, 3, 0.95, 1.03))


def _lit(image, light):
    return cv2.multiply(image, cv2.merge([light] * 3), dtype=cv2.CV_8U)


def floor(rng, size):
    """Boards, a sheet or a rug, for garments laid flat by their owners."""
    width, height = size
    cloth = random_cloth(rng)
    picture = tile(cloth, rng.uniform(500, 1400))
    turn = cv2.getRotationMatrix2D((0, 0), rng.uniform(0, 180), rng.uniform(1.0, 3.0))
    ground = cv2.warpAffine(picture, turn, size, borderMode=cv2.BORDER_WRAP)
    pale = np.full_like(ground, rng.integers(120, 230, 3).astype(np.uint8))
    ground = cv2.addWeighted(ground, rng.uniform(0.15, 0.5), pale, 0.6, 0)
    return _lit(ground, _field(rng, size, 3, 0.8, 1.1))


def room(rng, size):
    """A wall and a floor with doors, shelves, plants and pictures."""
    width, height = size
    image = np.empty((height, width, 3), np.uint8)
    image[:] = _muted(rng)
    line = int(height * rng.uniform(0.6, 0.95))
    image[line:] = _muted(rng)
    cv2.line(image, (0, line), (width, line), _muted(rng), int(rng.integers(2, 9)))
    for _ in range(rng.integers(3, 9)):
        _thing(rng, image)
    image = cv2.blur(image, (int(rng.integers(1, 7)),) * 2)
    return _lit(image, _field(rng, size, 4, 0.65, 1.15))


def _muted(rng):
    colour = np.array(random_colour(rng)) * 0.35 + rng.uniform(40, 150)
    return tuple(np.clip(colour, 0, 255).astype(int).tolist())


def _thing(rng, image):
    """One piece of clutter."""
    height, width = image.shape[:2]
    x, y = rng.integers(-width // 5, width), rng.integers(-height // 5, height)
    w, h = int(width * rng.uniform(0.08, 0.45)), int(height * rng.uniform(0.05, 0.6))
    kind = rng.integers(4)
    if kind == 0:
        cv2.rectangle(image, (x, y), (x + w, y + h), _muted(rng), -1)
        cv2.rectangle(image, (x, y), (x + w, y + h), _muted(rng), int(rng.integers(2, 10)))
    elif kind == 1:
        for step in range(rng.integers(3, 8)):
            top = y + step * h // 4
            cv2.rectangle(image, (x, top), (x + w, top + h // 7 + 1), _muted(rng), -1)
    elif kind == 2:
        colour = _muted(rng)
        for _ in range(rng.integers(8, 22)):
            centre = (x + int(rng.normal(0, w / 3)), y + int(rng.normal(0, w / 3)))
            axes = (int(rng.integers(4, 6 + w // 5)), int(rng.integers(3, 14)))
            tone = tuple(float(c * rng.uniform(0.6, 1.3)) for c in colour)
            cv2.ellipse(image, centre, axes, float(rng.uniform(0, 180)), 0, 360, tone, -1)
    else:
        points = np.array([x, y]) + rng.integers(0, [w + 1, h + 1], (int(rng.integers(3, 7)), 2))
        cv2.fillPoly(image, [points.astype(np.int32)], _muted(rng), cv2.LINE_AA)


def photograph(rng, image, source):
    """The finished picture as its camera gives it back: cast, contrast, blur, noise."""
    if source == "shop":
        return _toned(rng, image, cast=0.02, contrast=0.05)
    image = _toned(rng, image, cast=0.07, contrast=0.16)
    blur = rng.random()
    if blur < 0.25:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 1.6))
    elif blur < 0.37:
        image = cv2.filter2D(image, -1, _motion(rng))
    noise = rng.integers(0, int(rng.integers(4, 22)), (128, 128, 3), dtype=np.uint8)
    rows, columns = (-(-side // 128) for side in image.shape[:2])
    noise = np.tile(noise, (rows, columns, 1))[: image.shape[0], : image.shape[1]]
    return cv2.add(image, noise)


def _toned(rng, image, cast, contrast):
    """Brightness curves of the three channels."""
    x = np.arange(256) / 255
    gamma = np.exp(rng.normal(0, contrast))
    gains = np.exp(rng.normal(0, cast, 3) + rng.normal(0, contrast / 2))
    lift = rng.uniform(0, 0.4 * contrast)
    table = np.clip((lift + (1 - lift) * x[:, None] ** gamma) * gains, 0, 1) * 255
    return cv2.LUT(image, table.round().astype(np.uint8)[None])


def _motion(rng):
    """Kernel of a small movement of the camera."""
    size = int(rng.integers(3, 8))
    kernel = np.zeros((size, size), np.float32)
    angle = rng.uniform(0, np.pi)
    reach = size / 2 * np.array([np.cos(angle), np.sin(angle)])
    middle = np.array([size // 2] * 2)
    start, end = (tuple((middle + s * reach).astype(int).tolist()) for s in (-1, 1))
    cv2.line(kernel, start, end, 1.0)
    return kernel / max(kernel.sum(), 1e-6)
