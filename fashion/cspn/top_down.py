"""The whole of the paper's model: a detector finds garments, a landmark network their landmarks.

The detector is Faster R-CNN on VGG16 as in the paper (`cspn_detector`), or any other of ours.
"""

import dataclasses

import numpy as np

from fashion.cspn.measure import clothes_types
from fashion.cspn.refine import with_images
from fashion.datasets.landmark_benchmark import LANDMARKS, OF_TYPE, TYPES
from mrcnn.detection import Raw

FULL_BODY = 1 + TYPES.index("full body")


class TopDown:
    """Finds garments and their landmarks on photos. To be used as a `mrcnn.detection.Detector`.

    Args:
        face: `fashion.cspn.model.CSPN` for the landmark benchmark's 8 landmarks.
        detector: `Detector` of the 13 categories or of the 3 clothes types; None takes every photo
            as one garment, of full body.

    Attributes:
        config: whose classes the found garments have.

    Raises:
        ValueError: a landmark network for other landmarks, or a detector of other classes.
    """

    def __init__(self, face, detector=None):
        if face.config.NUM_KEYPOINTS != len(LANDMARKS):
            raise ValueError(
                f"The landmark network looks for {face.config.NUM_KEYPOINTS} landmarks, expected "
                f"the {len(LANDMARKS)} of the landmark benchmark. For DeepFashion2's garments give "
                "it as --refine of a detector.")
        self.face, self.detector = face, detector
        self.config = (detector or face).config.override({"NUM_KEYPOINTS": len(LANDMARKS)})
        self._types = clothes_types(self.config)
        # A photo is not cut wider than it is.
        self._margin = face.config.CSPN_MARGIN if detector else 0.0

    def predict(self, images, batch_size=None):
        """As `Detector.predict`: a `Raw` for each photo, with keypoints [N, 8, (x, y, score)].

        Landmarks that a garment's clothes type does not have are zeros.
        """
        for image, raw in self._garments(images, batch_size):
            points = self.face.find(image, raw.boxes_px, margin=self._margin)
            for row, class_id in zip(points, raw.class_ids, strict=True):
                row[np.setdiff1d(np.arange(len(LANDMARKS)), OF_TYPE[self._types[class_id]])] = 0
            height, width = raw.shape
            points[..., :2] = np.clip(points[..., :2], 0, (width, height))
            yield dataclasses.replace(raw, keypoints=points)

    def _garments(self, images, batch_size):
        """Yields (image, `Raw`)."""
        if self.detector is None:
            yield from ((image, _whole(image)) for image in images)
        else:
            yield from with_images(self.detector, images, batch_size)


def _whole(image):
    """A photo as one garment."""
    height, width = image.shape[:2]
    return Raw((height, width), np.array([[0, 0, height, width]], np.float32),
               np.array([FULL_BODY], np.int32), np.ones(1, np.float32))
