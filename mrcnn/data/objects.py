"""The objects on one image, in whichever frame the image is at the moment: read and moved."""

import dataclasses

import numpy as np

from mrcnn import boxes, keypoints, masks
from mrcnn.data import mold

# Fewer vertices enclose nothing.
MIN_VERTICES = 3
# What may be left out of an image.
WITHOUT_AREA = "objects without a usable outline"
BROKEN_KEYPOINTS = "keypoints that are no numbers"
KEYPOINTS_BEYOND = "keypoints beyond the photo"
# Coverage from which a pixel of a bitmap counts for the box around it.
HALF = 128


@dataclasses.dataclass
class Objects:
    """N objects. What the dataset does not have is None; it has polygons or bitmaps.

    Attributes:
        class_ids: [N] int32, negative for crowds.
        boxes_px: [N, (y1, x1, y2, x2)] float32.
        polygons: per object a list of [vertices, (x, y)] px.
        bitmaps: per object a [height, width] uint8 coverage 0..255.
        keypoints: [N, K, (x, y, v)] float32 px.
        identities: [N] int32.
        flips: per object the keypoints' permutation in a mirrored image, or None.
    """

    class_ids: np.ndarray
    boxes_px: np.ndarray
    polygons: list | None = None
    bitmaps: list | None = None
    keypoints: np.ndarray | None = None
    identities: np.ndarray | None = None
    flips: list | None = None

    def __len__(self):
        return len(self.class_ids)

    def take(self, indices):
        """The objects at these indices, in this order."""
        taken = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):
                taken[field.name] = [value[i] for i in indices]
            else:
                taken[field.name] = None if value is None else value[indices]
        return Objects(**taken)

    def moved(self, matrix, shape):
        """The objects on the image moved by an affine map [2, 3] onto a (height, width) canvas.

        A map that keeps the axes moves the annotated boxes; after one that turns, the boxes
        around the moved outlines are tighter than those around the moved boxes' corners.
        """
        moved = dataclasses.replace(self, boxes_px=mold.transform_boxes(self.boxes_px, matrix))
        if self.polygons is not None:
            moved.polygons = [
                [mold.transform_points(part, matrix) for part in parts] for parts in self.polygons
            ]
        else:
            moved.bitmaps = [mold.warp(bitmap, matrix, shape) for bitmap in self.bitmaps]
        if self.keypoints is not None:
            moved.keypoints = keypoints.move(self.keypoints, matrix)
        if matrix[0, 1] or matrix[1, 0]:
            moved.boxes_px = moved.extents()
        return moved.mirrored() if np.linalg.det(matrix[:, :2]) < 0 else moved

    def mirrored(self):
        """The same places, left and right exchanged in the keypoints' names."""
        if self.keypoints is None:
            return self
        swapped = [
            points if flip is None else keypoints.swap(points, flip)
            for points, flip in zip(self.keypoints, self.flips, strict=True)
        ]
        return dataclasses.replace(self, keypoints=np.reshape(swapped, self.keypoints.shape))

    def extents(self):
        """Boxes [N, (y1, x1, y2, x2)] px around the outlines or bitmaps."""
        if not len(self):
            return np.zeros((0, 4), np.float32)
        if self.polygons is not None:
            return np.stack([masks.polygon_extents(parts) for parts in self.polygons])
        return masks.extents(np.stack(self.bitmaps, axis=-1) >= HALF)

    def coverage(self, index, box_px, shape):
        """Mask of one object in the (h, w) cells of a box, [h, w] 0..255 uint8."""
        if self.polygons is not None:
            mask = 255 * masks.rasterise(self.polygons[index], box_px, shape)
        else:
            mask = masks.minimize(self.bitmaps[index], box_px, shape)
        return np.round(mask).astype(np.uint8)


def read_objects(dataset, image_id, image_shape, with_keypoints=True):
    """Read what a dataset says is on an image.

    Boxes are cut at the edges of the photo: beyond them is nothing to see. Objects that cannot be
    taught (no polygon of three vertices, a box without area, a coordinate that is no number)
    are left out. Keypoints that are no numbers, or lie beyond the photo, count as not there.

    Args:
        dataset: a `Dataset`.
        image_id: its image.
        image_shape: (height, width, ...) px of the photo.
        with_keypoints: whether anybody will look at them.

    Returns:
        Objects, and a dict reason -> number of what was left out.

    Raises:
        ValueError: the dataset contradicts itself.
    """
    polygons = dataset.load_polygons(image_id)
    if polygons is None:
        objects = _from_bitmaps(*dataset.load_mask(image_id), image_shape)
    else:
        objects = _from_polygons(polygons, dataset, image_id)
    annotated = dataset.load_boxes(image_id)
    if annotated is None:
        objects.boxes_px = objects.extents()
    else:
        objects.boxes_px = np.asarray(annotated, np.float32).reshape(-1, 4)
    if with_keypoints:
        objects.keypoints = _array(dataset.load_keypoints(image_id), np.float32)
    if objects.keypoints is not None:
        objects.flips = [dataset.keypoint_flip(abs(int(i))) for i in objects.class_ids]
    objects.identities = _array(dataset.load_identities(image_id), np.int32)
    _check(objects, dataset)
    left_out = _forget_keypoints(objects, image_shape)
    window = (0, 0, image_shape[0], image_shape[1])
    good = _teachable(objects)
    objects.boxes_px = boxes.clip(objects.boxes_px, np.array(window, np.float32))
    good &= boxes.valid(objects.boxes_px)
    left_out[WITHOUT_AREA] = int(np.sum(~good))
    return objects.take(np.flatnonzero(good)), left_out


def _from_polygons(polygons, dataset, image_id):
    """Objects of outlines, each without the parts that enclose nothing; boxes still to come."""
    class_ids = dataset.image_class_ids(image_id)
    if class_ids is None:
        raise NotImplementedError(
            f"{type(dataset).__name__} has load_polygons but does not say the objects' classes: "
            "override image_class_ids, or give class_ids= to add_image"
        )
    parts = [[np.asarray(part, np.float64).reshape(-1, 2) for part in item] for item in polygons]
    parts = [[part for part in item if len(part) >= MIN_VERTICES] for item in parts]
    return Objects(np.asarray(class_ids, np.int32), np.zeros((len(parts), 4)), polygons=parts)


def _from_bitmaps(bitmaps, class_ids, image_shape):
    """Objects of bitmaps [height, width, N]; boxes still to come."""
    bitmaps = np.asarray(bitmaps)
    if bitmaps.shape[-1] and bitmaps.shape[:2] != tuple(image_shape[:2]):
        raise ValueError(
            f"load_mask gave bitmaps of {bitmaps.shape[:2]}, the image is {image_shape[:2]} px"
        )
    layers = [bitmaps[..., i].astype(bool).astype(np.uint8) * 255 for i in range(bitmaps.shape[-1])]
    return Objects(np.asarray(class_ids, np.int32), np.zeros((len(layers), 4)), bitmaps=layers)


def _array(values, dtype):
    return None if values is None else np.asarray(values, dtype)


def _check(objects, dataset):
    """Every list speaks of the same objects, every class id is known."""
    count = len(objects)
    for field in dataclasses.fields(objects):
        value = getattr(objects, field.name)
        if value is not None and len(value) != count:
            raise ValueError(f"{count} class ids but {len(value)} {field.name}")
    unknown = [int(i) for i in objects.class_ids if not 0 < abs(i) < dataset.num_classes]
    if unknown:
        raise ValueError(
            f"class ids {unknown}: expected 1..{dataset.num_classes - 1} (negative for a crowd)"
        )
    if objects.keypoints is not None:
        expected = (count, dataset.num_keypoints, 3)
        if count and objects.keypoints.shape != expected:
            raise ValueError(f"keypoints of shape {objects.keypoints.shape}, expected {expected}")


def _forget_keypoints(objects, image_shape):
    """Make keypoints absent that nobody can see: a dict reason -> number of them.

    Here and not on the canvas: where the photo is padded, what lies beyond it still lies on it.
    """
    if objects.keypoints is None or not len(objects):
        return {}
    broken = ~np.isfinite(objects.keypoints).all(axis=2)
    numbers = np.where(broken[..., None], 0, objects.keypoints)
    objects.keypoints = keypoints.hide_outside(numbers, image_shape)
    beyond = (numbers[..., 2] > keypoints.NOT_THERE) & (objects.keypoints[..., 2] == 0)
    return {BROKEN_KEYPOINTS: int(broken.sum()), KEYPOINTS_BEYOND: int(beyond.sum())}


def _teachable(objects):
    """[N] bool: an outline, and nothing but numbers."""
    good = np.isfinite(objects.boxes_px).all(axis=1)
    if objects.polygons is not None:
        good &= np.array([_encloses(parts) for parts in objects.polygons], bool)
    return good


def _encloses(parts):
    """Whether an object has parts, and they are made of numbers."""
    return len(parts) > 0 and all(np.isfinite(part).all() for part in parts)
