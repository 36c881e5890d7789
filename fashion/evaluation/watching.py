"""Watching a training with the eyes of the evaluation: its numbers, and pictures."""

import logging

import keras
import numpy as np

from fashion.evaluation import pictures, retrieval
from fashion.evaluation.landmarks import DEEPFASHION2
from fashion.evaluation.run import TASKS, describer_of, evaluate_instances
from fashion.evaluation.sampling import images_to_measure
from mrcnn import boxes, drawing, heatmaps, skeletons
from mrcnn.data import mold

logger = logging.getLogger(__name__)

# A detection below this score would only clutter a picture.
SHOWN_SCORE = 0.5


class EveryFewEpochs(keras.callbacks.Callback):
    """Calls `measure(epoch, logs)` of a subclass after every so manieth, first and last epoch.

    The first is that of this process: what cannot be measured ends a training at once, not after
    days.

    Args:
        every: epochs from one measurement to the next.
    """

    def __init__(self, every=1):
        super().__init__()
        self.every = every
        self._is_first = True

    def on_epoch_end(self, epoch, logs=None):
        number = epoch + 1
        if self._is_first or number % self.every == 0 or number == self.params["epochs"]:
            self._is_first = False
            self.measure(epoch, logs)


class AveragePrecision(EveryFewEpochs):
    """Adds average precisions, and retrieval's top-k, of validation images to an epoch's logs.

    Names are `bbox_AP`, `bbox_AP50`, `bbox_AP75`, and the same for all other tasks of instances
    that the network has heads for, such as `keypoints_visible_AP`; with a match head also
    `retrieval_top1` to `retrieval_top20` and `retrieval_true_boxes_top1` to `..._top20`.

    Args:
        detector: `mrcnn.detection.Detector` on the network that trains, with the evaluation
            preset.
        dataset: prepared `Dataset`.
        limit: about so many images, see `images_to_measure`; None takes all.
        standard: what its keypoints are measured by, if it has any.
        every: epochs from one measurement to the next.
    """

    def __init__(self, detector, dataset, limit=None, standard=DEEPFASHION2, every=1):
        super().__init__(every)
        self.detector, self.dataset, self.standard = detector, dataset, standard
        self.image_ids = images_to_measure(dataset, limit, detector.config.HEADS)
        self.describer = describer_of(detector) if "match" in detector.config.HEADS else None

    def measure(self, epoch, logs):
        evaluation = evaluate_instances(
            self.detector, self.dataset, self.image_ids, standard=self.standard,
            describer=self.describer)
        for task, numbers in evaluation.metrics.items():
            logs.update({f"{task}_{name}": numbers[name] or 0.0 for name in _names(task)})
            if task in retrieval.TASKS:
                logger.info("%s: %d queries in a gallery of %d, top-10 by chance %.3f", task,
                            numbers["queries"], numbers["gallery"], numbers["chance_top10"])


def logged_names(heads):
    """Names of the numbers that `AveragePrecision` can add for a network with these heads."""
    return [f"{task}_{name}" for task, head in TASKS.items() if head in heads
            for name in _names(task)]


def _names(task):
    return retrieval.NAMES if task in retrieval.TASKS else ("AP", "AP50", "AP75")


class Drawing:
    """Draws an image of a data set with its truth beside what is found on it now.

    With a keypoint head also the heatmaps of the best garments, with what they decode to.

    Args:
        detector: `mrcnn.detection.Detector`.
        dataset: prepared `Dataset`.
        most: heatmaps of so many garments.
    """

    def __init__(self, detector, dataset, most=3):
        self.detector, self.dataset, self.most = detector, dataset, most
        self._graphs = {}  # molded shape -> keras.Model

    def __call__(self, image_id):
        """Return {"detections": picture [H, W, 3] uint8}, and under "heatmaps" another one."""
        image = self.dataset.load_image(image_id)
        found = next(self.detector.predict([image]))
        drawn = {"detections": truth_and_prediction(self.dataset, image_id, image, found)}
        sheet = None if found.keypoints is None else self.heatmaps(image)
        return drawn if sheet is None else drawn | {"heatmaps": sheet}

    def heatmaps(self, image):
        """The maps of the best garments on a photo [H, W, 3]; None where none is found."""
        config = self.detector.config
        plan = mold.plan_for(config, image.shape)
        molded = mold.mold_image(image, plan, self.detector.resize_filter)
        stages = self._stages(plan.shape).predict_on_batch({
            "input_image": molded[None], "input_window": np.array([plan.window], np.float32)})
        maps, detections, points = (np.array(x[0], np.float32) for x in stages)
        is_good = (detections[:, 4] > 0) & (detections[:, 5] >= SHOWN_SCORE)
        shown = np.flatnonzero(is_good)[:self.most]
        if not len(shown):
            return None
        convention = self.detector.network.convention
        boxes_px = boxes.denormalise(detections[shown, :4], plan.shape, convention)
        points[..., :2] = boxes.denormalise_points(points[..., :2], plan.shape, convention)
        return skeletons.heatmap_sheet(
            molded, heatmaps.windows(boxes_px, config.KEYPOINT_MARGIN), maps[shown], points[shown])

    def _stages(self, shape):
        """A graph of a molded shape: heatmaps, detections [D, 6], points; normalised."""
        if shape not in self._graphs:
            graph = self.detector.graph(shape)
            points = graph.get_layer("mrcnn_keypoint_points")
            self._graphs[shape] = keras.Model(graph.input, [*points.input, points.output])
        return self._graphs[shape]


def truth_and_prediction(dataset, image_id, image, found):
    """A photo twice: with its annotations, and with what was found.

    Args:
        dataset: prepared `Dataset`.
        image_id: the data set's.
        image: [H, W, 3] uint8.
        found: `mrcnn.detection.Raw`; weak detections are left out.

    Returns:
        [H', W', 3] uint8.
    """
    return drawing.side_by_side(
        pictures.draw_truth(dataset, image_id, image),
        pictures.draw_found(image, found.above(SHOWN_SCORE), dataset.class_names))
