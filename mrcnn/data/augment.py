"""Augmentation: our own `Jitter`, or any imgaug pipeline, applied alike to image and labels.

An augmentation is one of
  * an object with `sample(rng, shape) -> (matrix, colour)`, like `Jitter`: an affine map on the
    molded image, which is joined with the molding into one interpolation, and a function of the
    image;
  * an imgaug augmenter, or anything with its `to_deterministic`, `augment_image`,
    `augment_keypoints` and `augment_heatmaps` (and `seed_`, without which it is random beyond
    our control). It is applied to the molded image, as in Matterport's code.
"""

import dataclasses

import cv2
import numpy as np

from mrcnn import keypoints
from mrcnn.data import imgaug_compat, warped_points

# Where an imgaug pipeline is probed, as fractions of the image: off its axes of symmetry.
PROBES = [(x, y) for x in (0.17, 0.48, 0.86) for y in (0.14, 0.53, 0.81)]
# A map that misses the probes by less is affine: as little is invisible in an outline.
AFFINE_TOLERANCE_PX = 0.05


class AugmentationError(RuntimeError):
    """An augmentation that cannot be used. Not a ValueError: no image is to blame."""


def check(augmentation):
    """Raise AugmentationError unless the augmentation is one of the two kinds, or None."""
    known = augmentation is None or is_jitter(augmentation) or is_imgaug(augmentation)
    if not known:
        raise AugmentationError(
            "expected an imgaug augmenter, mrcnn.data.augment.Jitter(...) or None as "
            f"augmentation, got {augmentation!r}"
        )


def is_jitter(augmentation):
    """Whether an augmentation is of the first kind."""
    return hasattr(augmentation, "sample")


def is_imgaug(augmentation):
    """Whether an augmentation is of the second kind."""
    return hasattr(augmentation, "to_deterministic")


class Jitter:
    """Flip, scale, shift, turn and tint: the usual augmentation, nearly for free.

    Args:
        flip: probability of a left-right flip.
        scale: (least, most) factor; drawn evenly on a logarithmic scale.
        translate: at most this fraction of a side, either way.
        rotate: at most this many degrees, either way.
        colour: strength, 0..1, of the changes in brightness, in the balance of the channels and
            in gamma. Black stays black, so that padding stays padding.
    """

    def __init__(self, flip=0.5, scale=(0.8, 1.25), translate=0.1, rotate=0.0, colour=0.2):
        self.flip = flip
        self.scale = scale
        self.translate = translate
        self.rotate = rotate
        self.colour = colour

    def sample(self, rng, shape):
        """Draw one augmentation.

        Args:
            rng: numpy Generator.
            shape: (height, width) px of the molded image.

        Returns:
            matrix: [2, 3], (x, y) px -> matrix @ (x, y, 1).
            colour: function of an image [height, width, 3] uint8.
        """
        mirror = -1.0 if rng.random() < self.flip else 1.0
        scale = np.exp(rng.uniform(*np.log(self.scale)))
        angle = np.deg2rad(rng.uniform(-self.rotate, self.rotate)) if self.rotate else 0.0
        shift = rng.uniform(-self.translate, self.translate, 2) * shape[::-1]
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = scale * turn @ np.diag([mirror, 1.0])
        centre = np.array(shape[::-1]) / 2
        matrix = np.column_stack([linear, centre + shift - linear @ centre])
        return matrix, self._tint(rng)

    def _tint(self, rng):
        """Gain of each channel and gamma of all, as a table of the 256 values."""
        gain = np.exp(self.colour * (rng.uniform(-0.7, 0.7) + rng.uniform(-0.3, 0.3, 3)))
        gamma = np.exp(self.colour * rng.uniform(-1, 1))
        values = 255 * (np.arange(256)[:, None] / 255) ** gamma * gain
        table = np.clip(np.round(values), 0, 255).astype(np.uint8)[None]
        return lambda image: cv2.LUT(image, table)


def apply_imgaug(augmenter, image, objects, rng):
    """Run an imgaug pipeline over a molded image and its objects.

    The pipeline is probed with a few points. Where they follow an affine map, the objects are
    moved by that map: outlines stay outlines, exact. Otherwise their masks go through the
    pipeline as heatmaps, and with them the coordinates of every pixel, by which keypoints find
    their way: imgaug moves points through such warps slowly (PiecewiseAffine 40 ms each) or
    wrongly (Jigsaw, polar warps by 15 px), and maps just as it moves the image. Either way the
    probes tell whether left and right were exchanged, wherever in the pipeline the flip hides.

    Args:
        augmenter: see the head of this file.
        image: [height, width, 3] uint8.
        objects: `Objects` on it.
        rng: numpy Generator that seeds the pipeline.

    Returns:
        image and objects, changed.

    Raises:
        AugmentationError: the pipeline changes the size of the image.
    """
    imgaug_compat.repair_elastic_transformation()
    fixed = augmenter.to_deterministic()
    seed = int(rng.integers(2**31))
    if hasattr(fixed, "seed_"):
        fixed.seed_(seed, deterministic_too=True)
    augmented = np.ascontiguousarray(fixed.augment_image(image))
    if augmented.shape != image.shape:
        raise AugmentationError(
            f"the augmentation turned a {image.shape} image into {augmented.shape}; it must keep "
            "the size (imgaug: keep_size=True)"
        )
    shape = image.shape[:2]
    matrix, error_px = _probe(fixed, shape)
    if error_px < AFFINE_TOLERANCE_PX:
        return augmented, objects.moved(matrix, shape)
    return augmented, _warped(fixed, objects, shape, mirrored=np.linalg.det(matrix[:, :2]) < 0)


def _probe(fixed, shape):
    """The affine map nearest to what a pipeline does to points, and its largest error in px."""
    before = np.array(PROBES) * (shape[1], shape[0])
    after = _move_points(fixed, before, shape)
    rows = np.column_stack([before, np.ones(len(before))])
    solution = np.linalg.lstsq(rows, after, rcond=None)[0]
    matrix = np.where(np.abs(solution.T) < 1e-6, 0, solution.T)
    return matrix, np.abs(rows @ solution - after).max()


def _move_points(fixed, points, shape):
    """Points [N, (x, y)] px through a pipeline."""
    from imgaug.augmentables import KeypointsOnImage  # slow to import, and seldom needed

    on_image = KeypointsOnImage.from_xy_array(points.astype(np.float32), shape=(*shape, 3))
    return fixed.augment_keypoints(on_image).to_xy_array().astype(np.float64)


def _warped(fixed, objects, shape, mirrored):
    """Objects through a pipeline that is not affine: they have bitmaps afterwards."""
    from imgaug.augmentables import HeatmapsOnImage

    warped = dataclasses.replace(objects, polygons=None, bitmaps=[])
    if not len(objects):
        return warped
    whole = (0, 0, *shape)
    layers = [objects.coverage(i, whole, shape) for i in range(len(objects))]
    layers = np.stack(layers, -1).astype(np.float32) / 255
    if objects.keypoints is not None:
        layers = np.concatenate([layers, warped_points.coordinate_maps(shape)], axis=-1)
    moved = fixed.augment_heatmaps(HeatmapsOnImage(layers, shape=(*shape, 3))).get_arr()
    coverage = moved[..., :len(objects)].transpose(2, 0, 1)
    warped.bitmaps = list(np.round(255 * coverage).astype(np.uint8))
    warped.boxes_px = warped.extents()
    if objects.keypoints is not None:
        warped.keypoints = _followed(objects.keypoints, moved[..., len(objects):])
    return warped.mirrored() if mirrored else warped


def _followed(points, maps):
    """Keypoints [N, K, (x, y, v)] after a warp; those that it moved out of the picture are absent.
    """
    moved = points.copy()
    rows = np.nonzero(points[..., 2] > keypoints.NOT_THERE)
    moved[(*rows, slice(2))], there = warped_points.follow(points[(*rows, slice(2))], maps)
    moved[rows] *= there[:, None]
    return moved
