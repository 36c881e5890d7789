"""Pictures of garments with their landmarks: what is annotated, and what was found."""

import numpy as np

from fashion.categories import NUM_LANDMARKS, by_id
from mrcnn import drawing, masks, skeletons


def landmark_edges(class_ids):
    """The lines of each garment's skeleton as places among the 294 landmarks: list of [E, 2]."""
    return [by_id(int(class_id)).start + np.array(by_id(int(class_id)).edges)
            for class_id in class_ids]


def draw_found(image, found, class_names):
    """Draws what was found on a photo: masks, boxes, labels and landmarks.

    Args:
        image: [H, W, 3] uint8 RGB.
        found: `mrcnn.detection.Raw`.
        class_names: by class id, background first.

    Returns:
        [H, W, 3] uint8, a new picture.
    """
    return drawing.draw_detections(
        image, found.boxes_px, found.class_ids, found.scores, class_names=class_names,
        mask_probs=found.mask_probs, under_labels=_landmarks(
            found.keypoints, skeletons.score_marks, found.class_ids))


def draw_truth(dataset, image_id, image):
    """Draws what is annotated on a photo likewise; covered landmarks are hollow.

    Args:
        dataset: prepared `Dataset`.
        image_id: the data set's.
        image: [H, W, 3] uint8 RGB.

    Returns:
        [H, W, 3] uint8, a new picture.
    """
    bitmaps, class_ids = dataset.load_mask(image_id)
    boxes = dataset.load_boxes(image_id)
    return drawing.draw_detections(
        image, masks.extents(bitmaps) if boxes is None else boxes, abs(class_ids), masks=bitmaps,
        class_names=dataset.class_names, under_labels=_landmarks(
            dataset.load_keypoints(image_id), skeletons.visibility_marks, abs(class_ids)))


def _landmarks(keypoints, marks_of, class_ids):
    """A function that draws keypoints on a picture; None where there are none.

    Other keypoints than the 294 are drawn without lines between them.
    """
    if keypoints is None:
        return None
    edges = landmark_edges(class_ids) if keypoints.shape[1] == NUM_LANDMARKS else None
    colors = [drawing.class_color(class_id) for class_id in class_ids]
    return lambda picture: skeletons.draw_keypoints(
        picture, keypoints, marks_of(keypoints), edges, colors)
