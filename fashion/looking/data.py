"""What notebook 01 asks of a data set: who overlaps whom, and pictures of what is annotated."""

import cv2
import numpy as np

from fashion.categories import by_id
from fashion.evaluation.pictures import landmark_edges
from mrcnn import drawing, masks, skeletons
from mrcnn.boxes import area
from mrcnn.data import mold
from mrcnn.data.examples import load_example

_MARGIN = 0.15  # of a garment's longer side, shown around it
_SIDES = {-1: (255, 120, 0), 0: (150, 150, 150), 1: (0, 90, 255)}  # left of the axis, on it, right


def overlap(boxes):
    """How much two objects of a photo lie in one another's box: the two that do so most.

    Args:
        boxes: [N, (y1, x1, y2, x2)] px.

    Returns:
        What they share as a share of the smaller box, 0 to 1, and which two; (0.0, None) where no
        two meet.
    """
    if len(boxes) < 2:
        return 0.0, None
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    both, areas = np.prod(np.maximum(high - low, 0), axis=2), area(boxes)
    shares = np.triu(both / np.minimum(areas[:, None], areas), k=1)
    first, second = np.unravel_index(shares.argmax(), shares.shape)
    return float(shares.max()), (int(first), int(second)) if shares.any() else None


def most_overlapping(dataset, image_ids, count):
    """Images where two objects overlap most: a list of (share, image id, the two objects)."""
    found = []
    for image_id in image_ids:
        share, pair = overlap(dataset.load_boxes(image_id))
        if pair is not None:
            found.append((share, int(image_id), pair))
    return sorted(found, reverse=True)[:count]


def one_of_each(dataset, image_ids):
    """For each category the garment with most visible landmarks: {class id: (image id, which)}."""
    best = {}
    for image_id in image_ids:
        visible = (dataset.load_keypoints(image_id)[..., 2] == 2).sum(axis=1)
        for which, class_id in enumerate(dataset.image_class_ids(image_id).tolist()):
            best[class_id] = max(best.get(class_id, (-1,)), (int(visible[which]), int(image_id),
                                                             which))
    return {class_id: best[class_id][1:] for class_id in sorted(best)}


def garment_picture(dataset, image_id, which, side=360):
    """One garment with its landmarks, their numbers and its skeleton, [side, side, 3] uint8."""
    category = by_id(int(dataset.image_class_ids(image_id)[which]))
    points = dataset.load_keypoints(image_id)[which, category.landmarks]
    matrix = frame(square_around(dataset.load_boxes(image_id)[which]), side)
    crop = mold.warp(dataset.load_image(image_id), matrix, (side, side))
    points = np.column_stack([mold.transform_points(points[:, :2], matrix), points[:, 2]])
    color = drawing.class_color(category.id)
    picture = skeletons.draw_keypoints(crop, points[None], skeletons.visibility_marks(points[None]),
                                       [np.array(category.edges)], [color])
    for number, (x, y, v) in enumerate(points, start=1):
        if v > 0:
            place = (round(float(x)) + 4, round(float(y)) - 3)
            for shade, width in ((0, 0, 0), 3), ((255, 255, 255), 1):
                cv2.putText(picture, str(number), place, cv2.FONT_HERSHEY_SIMPLEX, 0.38, shade,
                            width, cv2.LINE_AA)
    return drawing.caption(picture, f"{category.id} {category.name}: {category.count}")


def frame(window, side):
    """The map [2, 3] px that brings a window (y1, x1, y2, x2) px to a picture [side, side]."""
    y1, x1, y2, x2 = (float(value) for value in window)
    scale_x, scale_y = side / (x2 - x1), side / (y2 - y1)
    return np.array([[scale_x, 0, -scale_x * x1], [0, scale_y, -scale_y * y1]])


def square_around(box, margin=_MARGIN):
    """The square window (y1, x1, y2, x2) px around a box, with a margin."""
    y1, x1, y2, x2 = (float(value) for value in box)
    half = max(y2 - y1, x2 - x1) * (0.5 + margin)
    y, x = (y1 + y2) / 2, (x1 + x2) / 2
    return y - half, x - half, y + half, x + half


def draw_row(row, class_names=None, image=None):
    """Draws what a row of a batch says: boxes, masks and landmarks, out of its arrays alone.

    Args:
        row: dict of the arrays of one image, as `mrcnn.data.examples.load_example` makes them,
            masks in the frame of their box.
        class_names: by class id, background first.
        image: [H, W, 3] uint8 to draw on; the row's own by default.

    Returns:
        [H, W, 3] uint8.
    """
    image = row["input_image"] if image is None else image
    objects = np.flatnonzero(row["gt_class_ids"])
    class_ids, boxes = abs(row["gt_class_ids"][objects]), row["gt_boxes"][objects]
    bitmaps = masks.expand(row["gt_masks"][objects] / 255, boxes, image.shape[:2])
    points = row["gt_keypoints"][objects] if "gt_keypoints" in row else None
    colors = [drawing.class_color(class_id) for class_id in class_ids]

    def landmarks(picture):
        if points is None:
            return picture
        return skeletons.draw_keypoints(picture, points, skeletons.visibility_marks(points),
                                        landmark_edges(class_ids), colors)

    return drawing.draw_detections(image, boxes, class_ids, masks=bitmaps, class_names=class_names,
                                   under_labels=landmarks)


def rows(batch):
    """The rows of a batch, each a dict of its arrays."""
    return [{name: array[i] for name, array in batch.items()}
            for i in range(len(batch["input_image"]))]


def draw_sides(row, scale=2):
    """A row's photo, enlarged, with its landmarks: orange those that a front has on the left.

    Blue are those on the right, grey those on the axis. A mirrored front is a front again, so this
    holds for mirrored photos too, if the mirror has exchanged the names of left and right.

    Args:
        row: as for `draw_row`, with gt_keypoints.
        scale: of the picture.

    Returns:
        [scale * H, scale * W, 3] uint8.
    """
    picture = cv2.resize(row["input_image"], None, fx=scale, fy=scale)
    points = row["gt_keypoints"] * (scale, scale, 1)
    return draw_by_side(picture, row["gt_class_ids"], points, skeletons.visibility_marks(points))


def draw_by_side(picture, class_ids, points, marks):
    """Draws landmarks in the colours of `draw_sides`.

    Args:
        picture: [H, W, 3] uint8; not changed.
        class_ids: [N] int, 0 for no garment.
        points: [N, 294, (x, y, ...)] px.
        marks: [N, 294], see `mrcnn.skeletons`.

    Returns:
        [H, W, 3] uint8.
    """
    for class_id, own, shown in zip(class_ids, points, marks, strict=True):
        if class_id > 0:
            category = by_id(int(class_id))
            place = category.landmarks
            colors = [_SIDES[int(np.sign(x))] for x in category.template[:, 0]]
            picture = skeletons.draw_keypoints(picture, own[place, None], shown[place, None],
                                               colors=colors)
    return picture


def augmented(dataset, image_id, config, jitter, count):
    """A photo as it is molded, and `count` times augmented, each by `draw_sides`; a list.

    Args:
        dataset: prepared `Dataset`.
        image_id: its image.
        config: says how photos are molded.
        jitter: `mrcnn.data.augment.Jitter`.
        count: of the augmented pictures.
    """
    row, _ = load_example(dataset, image_id, config)
    pictures = [drawing.caption(draw_sides(row), "as it is")]
    for seed in range(count):
        row, _ = load_example(dataset, image_id, config, jitter, np.random.default_rng(seed))
        matrix, _ = jitter.sample(np.random.default_rng(seed), config.IMAGE_SHAPE[:2])
        mirrored = np.linalg.det(matrix[:, :2]) < 0
        pictures.append(drawing.caption(draw_sides(row), "mirrored" if mirrored else "turned"))
    return pictures
