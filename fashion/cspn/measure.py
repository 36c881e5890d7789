"""Runs a landmark network over a landmark benchmark and measures its normalised error by stage."""

from collections import Counter

import numpy as np

from fashion.cspn.crops import uncrop
from fashion.datasets.landmark_benchmark import TYPE_OF_CATEGORY, TYPES
from fashion.datasets.problems import Problems
from fashion.datasets.read_ahead import read_ahead
from fashion.evaluation.normalised_error import NormalisedError
from mrcnn.data.images import ImageError

BROKEN_PHOTO = "photo cannot be read: left out"
OTHER_TYPE = "photos on which the detector found other types of clothes only: its best box is taken"
NOTHING = "photos on which the detector found nothing: the whole photo is taken"


def measure(predict, crops, batch_size=32):
    """Measures the normalised error.

    Args:
        predict: function of crops [B, S, S, 3] uint8 and class ids [B] that gives by stage's name
            the landmarks [B, 8, (x, y, score)] crop px: `CSPN.predict`.
        crops: `Crops` of a `LandmarkBenchmarkDataset`.
        batch_size: B at most.

    Returns:
        {stage: NormalisedError}, and `Problems` with the photos that cannot be read.

    Raises:
        ValueError: no photo can be read.
    """
    errors, skipped = {}, Problems()
    for index, found in predict_all(predict, crops, batch_size, skipped):
        image_id = crops.image_ids[index]
        for stage, points in found.items():
            errors.setdefault(stage, NormalisedError()).add(
                crops.class_ids[index], crops.truth(index), points,
                crops.dataset.load_boxes(image_id)[crops.items[index]],
                crops.dataset.variations[image_id])
    if not errors:
        raise ValueError(f"None of {len(crops)} photos can be read.\n{skipped.summary()}")
    return errors, skipped


def predict_all(predict, crops, batch_size, skipped):
    """Yields (index, {stage: [K, (x, y, score)] photo px}) of each of the `Crops`, in order.

    Args:
        predict, crops, batch_size: see `measure`.
        skipped: `Problems`, gets the photos that cannot be read.
    """

    def load(index):
        try:
            return index, crops.load(index)
        except ImageError as error:
            skipped.add(BROKEN_PHOTO, str(error))
            return index, None

    waiting = []
    for index, row in read_ahead(load, range(len(crops))):
        if row is not None:
            waiting.append((index, row))
        if waiting and (len(waiting) == batch_size or index == len(crops) - 1):
            yield from _predicted(predict, waiting)
            waiting = []


def _predicted(predict, rows):
    found = predict(np.stack([row["image"] for _, row in rows]),
                    np.stack([row["class_id"] for _, row in rows]))
    for place, (index, row) in enumerate(rows):
        yield index, {stage: uncrop(np.asarray(points[place]), row["matrix"])
                      for stage, points in found.items()}


def detected_boxes(detector, dataset, image_ids=None):
    """The garments' boxes as a detector finds them, for `Crops(boxes_of=)`.

    Of a photo's detections the best scored one of the annotated clothes type is taken: the
    benchmark annotates one garment, and says its type. DeepFashion2's categories count as the
    types they belong to.

    Args:
        detector: `mrcnn.detection.Detector` of the 13 categories, or of the 3 clothes types.
        dataset: prepared `LandmarkBenchmarkDataset`.
        image_ids: which photos; all by default.

    Returns:
        Function of an image id that gives [1, (y1, x1, y2, x2)] px, NaN where the whole photo is
        to be taken; and a `Counter` of what was found instead of a box of the right type.

    Raises:
        ValueError: the detector knows other classes.
    """
    image_ids = list(dataset.image_ids if image_ids is None else image_ids)
    types, counts, boxes = clothes_types(detector.config), Counter(), {}

    def load(image_id):
        try:
            return dataset.load_image(image_id)
        except ImageError:
            return np.zeros((64, 64, 3), np.uint8)  # its crop cannot be read either

    images = read_ahead(load, image_ids)
    for image_id, raw in zip(image_ids, detector.predict(images), strict=True):
        wanted = int(dataset.image_class_ids(image_id)[0])
        boxes[image_id] = _best(raw, types, wanted, counts)[None]
    return boxes.__getitem__, counts


def clothes_types(config):
    """[C] clothes type, 1 to 3, of each class of a detector; the background's is 0.

    Args:
        config: a detector's of DeepFashion2's 13 categories, or of the 3 clothes types.

    Raises:
        ValueError: it knows other classes.
    """
    if config.NUM_CLASSES == len(TYPES) + 1:
        return np.arange(config.NUM_CLASSES)
    if config.NUM_CLASSES == len(TYPE_OF_CATEGORY) + 1:
        return np.array([0, *TYPE_OF_CATEGORY])
    raise ValueError(f"The detector knows {config.NUM_CLASSES - 1} classes: expected "
                     f"DeepFashion2's 13 categories or the {len(TYPES)} clothes types "
                     f"({', '.join(TYPES)}).")


def _best(raw, types, wanted, counts):
    """(y1, x1, y2, x2) px of the detection that stands for the garment, NaN without any."""
    if not len(raw.scores):
        counts[NOTHING] += 1
        return np.full(4, np.nan)
    fits = types[np.asarray(raw.class_ids)] == wanted
    if not fits.any():
        counts[OTHER_TYPE] += 1
        fits = np.ones_like(fits)
    return np.asarray(raw.boxes_px)[np.argmax(np.where(fits, raw.scores, -1))]
