"""`CSPN`: the landmark network with the face of `MaskRCNN`: load weights, train, find, save."""

import functools

import keras
import numpy as np

from fashion.cspn import crops
from fashion.cspn.garments import WIDER, Garments, zoomed
from fashion.cspn.network import Network
from mrcnn import training
from mrcnn.mask_rcnn import MaskRCNN


class CSPN(MaskRCNN):
    """One landmark network. Weights, runs and resuming are those of every network here.

    Args:
        mode: "training" or "inference".
        config: `fashion.cspn.config.CSPNConfig`, fit to a data set.
        model_dir: folder of all runs.
    """

    @property
    def network(self):
        """The `fashion.cspn.network.Network`, built at first use."""
        if self._network is None:
            if self.mode == "training":
                keras.utils.set_random_seed(self.config.SEED)
            with training.scope(self._strategy):
                self._network = Network(self.config)
                self._network.layers_by_name()  # makes the variables
        return self._network

    @property
    def detector(self):
        """None such: it is other weights that find garments.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"The configuration {self.config.NAME} finds the landmarks of garments that are cut "
            "out, but no garments: give weights of a detector.")

    def train(self, train_crops, val_crops=None, augmentation=crops.JITTER, **options):
        """Train on the garments of a data set.

        Args:
            train_crops, val_crops: `fashion.cspn.crops.Crops`; no validation for None.
            augmentation: `mrcnn.data.augment.Jitter`; None shows every garment as it is.
            **options: see `MaskRCNN.train`.

        Returns:
            The `training.Trainer`.
        """
        train = Garments(train_crops, 1.0 if augmentation is None else WIDER)
        return super().train(train, val_crops and Garments(val_crops),
                             augmentation=augmentation and zoomed(augmentation), **options)

    @functools.cached_property
    def _points_graph(self):
        """The inference graph without its heatmaps, which are large."""
        graph = self.network.inference_graph()
        return keras.Model(graph.input, {name: output for name, output in graph.output.items()
                                         if name.startswith("keypoints")})

    def predict(self, images, class_ids=None):
        """Find the landmarks of garments that are cut out.

        Args:
            images: [N, S, S, 3] uint8, crops.
            class_ids: [N] int; may be left out where all classes have the same landmarks.

        Returns:
            A dict: stage1, ..., of the last stage too, [N, K, (x, y, score)] float32 crop px, the
            score from 0 to 1; zeros for landmarks that a garment's class does not have.
        """
        class_ids = self._class_ids(class_ids, len(images))
        found = {f"stage{number}": [] for number in range(1, self.config.CSPN_STAGES + 1)}
        for first in range(0, len(images), self.config.BATCH_SIZE):
            part = slice(first, first + self.config.BATCH_SIZE)
            points = self._points_graph.predict_on_batch({
                "input_image": np.asarray(images[part]), "input_class_ids": class_ids[part, None]})
            for number, rows in enumerate(found.values(), start=1):
                own = np.asarray(points[f"keypoints{number}"], np.float32)
                rows.extend(self.network.of_classes.spread(own, class_ids[part]))
        shape = (-1, self.network.of_classes.total, 3)
        return {name: np.reshape(np.array(rows, np.float32), shape)
                for name, rows in found.items()}

    def _class_ids(self, class_ids, count):
        if class_ids is not None:
            return np.asarray(class_ids, np.int32).reshape(count)
        if self.config.KEYPOINTS_OF_CLASS is not None:
            raise ValueError(f"The classes of this network ({self.config.NAME}) have landmarks of "
                             "their own: give class_ids, one for each garment.")
        return np.ones(count, np.int32)

    def find(self, image, boxes_px, class_ids=None, margin=None):
        """Find the landmarks of garments on a photo.

        Args:
            image: [H, W, 3] uint8.
            boxes_px: [N, (y1, x1, y2, x2)] px, of a detector or known.
            class_ids: see `predict`.
            margin: see `fashion.cspn.crops.square`; None takes CSPN_MARGIN.

        Returns:
            [N, K, (x, y, score)] float32 px of the photo, of the last stage.
        """
        size = self.network.size
        margin = self.config.CSPN_MARGIN if margin is None else margin
        cut = [crops.crop(image, box, size, margin) for box in boxes_px]
        images = np.array([crop for crop, _ in cut], np.uint8).reshape(-1, size, size, 3)
        found = self.predict(images, class_ids)[f"stage{self.config.CSPN_STAGES}"]
        for points, (_, matrix) in zip(found, cut, strict=True):
            points[:] = crops.uncrop(points, matrix)
        return found
