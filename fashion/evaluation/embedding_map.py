"""The map of a network's embeddings, garment by garment, for TensorBoard's projector."""

from collections import deque

import numpy as np

from fashion.datasets.problems import Problems
from fashion.evaluation.retrieval import SHOP
from fashion.evaluation.run import describer_of, first_garments, readable_images
from fashion.evaluation.sampling import images_to_measure
from fashion.evaluation.watching import EveryFewEpochs
from mrcnn.projector import write_projector


class EmbeddingMap(EveryFewEpochs):
    """Writes the vectors of validation garments, by their true boxes, with a picture of each.

    Points can be coloured and searched by category, by garment (the same number on a user's and on
    a shop's photo) and by whose photo it is.

    Args:
        detector: `mrcnn.detection.Detector` on the network that trains.
        dataset: prepared `Dataset`.
        run: `mrcnn.resume.RunFolder`.
        limit: about so many images, see `images_to_measure`.
        every: epochs from one map to the next.
    """

    def __init__(self, detector, dataset, run, limit, every=1):
        super().__init__(every)
        self.describer, self.dataset, self.run = describer_of(detector), dataset, run
        self.image_ids = images_to_measure(dataset, limit, detector.config.HEADS)

    def measure(self, epoch, logs):
        vectors, labels, pictures = [], [], []
        for image_id, image, raw in self._described():
            own = self._labels(image_id)
            for i in np.flatnonzero(raw.embeddings.any(axis=1)):
                vectors.append(raw.embeddings[i])
                labels.append(own[i])
                pictures.append(_crop(image, raw.boxes_px[i]))
        if vectors:
            write_projector(self.run.make() / "validation", vectors, labels, pictures)

    def _described(self):
        """Yields (image id, photo, `Raw` of its true boxes) of the photos that can be read."""
        running, photos, skipped = deque(), deque(), Problems()
        most = self.describer.config.KEYPOINT_MAX_INSTANCES

        def boxes_to_describe():
            for image in readable_images(self.dataset, self.image_ids, running, skipped):
                photos.append(image)
                yield image, *first_garments(self.dataset, running[-1], most, skipped)

        for raw in self.describer.describe(boxes_to_describe()):
            yield running.popleft(), photos.popleft(), raw

    def _labels(self, image_id):
        """What is known of each garment of a photo."""
        names = [self.dataset.class_names[i] for i in self.dataset.image_class_ids(image_id)]
        garments = self.dataset.load_identities(image_id)
        garments = [0] * len(names) if garments is None else garments
        whose = "shop" if self.dataset.image_domain(image_id) == SHOP else "user"
        photo = self.dataset.image_reference(image_id)
        return [{"category": name, "garment": int(garment), "whose": whose, "photo": photo}
                for name, garment in zip(names, garments, strict=True)]


def _crop(image, box_px):
    """The part of a photo in a box, at least a pixel of it."""
    limits = np.array(image.shape[:2])
    low = np.clip(np.floor(box_px[:2]).astype(int), 0, limits - 1)
    high = np.clip(np.ceil(box_px[2:]).astype(int), low + 1, limits)
    return image[low[0]:high[0], low[1]:high[1]]
