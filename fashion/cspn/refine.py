"""CSPN behind a detector of DeepFashion2's garments: it looks for their landmarks once more.

The detector's landmark head sees a garment through a few cells of its feature pyramid. The refiner
sees it cut out of the photo and enlarged, and answers for the category that the detector names.
"""

import dataclasses
from collections import deque

import numpy as np

# Weaker detections keep the detector's own landmarks: they are many, and each costs as much.
LEAST_SCORE = 0.2


def with_images(detector, images, batch_size=None):
    """Yields (image, `Raw`) of what a detector finds on an iterable of images, one by one."""
    running = deque()

    def noted():
        for image in images:
            running.append(image)
            yield image

    for raw in detector.predict(noted(), batch_size):
        yield np.asarray(running.popleft()), raw


class RefinedDetector:
    """A detector whose landmarks are those of a landmark network. To be used as a `Detector`.

    Args:
        detector: `mrcnn.detection.Detector`.
        refiner: `fashion.cspn.model.CSPN` of the same classes and landmarks.
        least_score: detections from this score on are refined.

    Attributes:
        network, config: the detector's.

    Raises:
        ValueError: the two networks speak of different landmarks or classes, or the detector has
            none to refine.
    """

    def __init__(self, detector, refiner, least_score=LEAST_SCORE):
        self.network, self.config = detector.network, detector.config
        self._detector, self._refiner, self._least_score = detector, refiner, least_score
        if "keypoint" not in self.config.HEADS:
            raise ValueError("The detector has no keypoint head: there are no landmarks to refine.")
        theirs, ours = ((config.NUM_KEYPOINTS, tuple(config.CLASS_NAMES or ()))
                        for config in (refiner.config, self.config))
        if theirs != ours:
            raise ValueError(
                f"The detector looks for {ours[0]} landmarks of {len(ours[1]) - 1} classes, the "
                f"refiner for {theirs[0]} of {len(theirs[1]) - 1}: give a refiner that was trained "
                "on the detector's data set.")

    def predict(self, images, batch_size=None):
        """As `Detector.predict`, with the refiner's landmarks and scores of landmarks."""
        for image, raw in with_images(self._detector, images, batch_size):
            yield self._refined(image, raw)

    def _refined(self, image, raw):
        has_some = raw.keypoints.any(axis=(1, 2))
        rows = np.flatnonzero(has_some & (raw.scores >= self._least_score))
        if not len(rows):
            return raw
        points = raw.keypoints.copy()
        points[rows] = self._refiner.find(image, raw.boxes_px[rows], raw.class_ids[rows])
        height, width = raw.shape
        points[..., :2] = np.clip(points[..., :2], 0, (width, height))
        return dataclasses.replace(raw, keypoints=points)
