"""Watching a training with the eyes of the evaluation: average precision, and pictures."""

import keras

from fashion.datasets.selection import spread
from fashion.evaluation.run import evaluate_instances
from mrcnn import masks, visualize

# A detection below this score would only clutter a picture.
SHOWN_SCORE = 0.5


class AveragePrecision(keras.callbacks.Callback):
    """Adds COCO's average precisions of validation images to an epoch's logs.

    Names are `bbox_AP`, `bbox_AP50`, `bbox_AP75`, and the same for `segm` and the agnostic tasks.

    Args:
        detector: `mrcnn.detection.Detector` on the network that trains, with the evaluation
            preset.
        dataset: prepared `Dataset`.
        limit: so many images, spread evenly over the set; None takes all.
    """

    def __init__(self, detector, dataset, limit=None):
        super().__init__()
        self.detector, self.dataset = detector, dataset
        self.image_ids = spread(dataset.image_ids, limit)

    def on_epoch_end(self, epoch, logs=None):
        evaluation = evaluate_instances(self.detector, self.dataset, self.image_ids)
        for task, numbers in evaluation.metrics.items():
            for name in ("AP", "AP50", "AP75"):
                logs[f"{task}_{name}"] = numbers[name] or 0.0


class Drawing:
    """Draws an image of a data set with its truth beside what is found on it now.

    Args:
        detector: `mrcnn.detection.Detector`.
        dataset: prepared `Dataset`.
    """

    def __init__(self, detector, dataset):
        self.detector, self.dataset = detector, dataset

    def __call__(self, image_id):
        """Return [H, W, 3] uint8."""
        image = self.dataset.load_image(image_id)
        found = next(self.detector.predict([image]))
        return truth_and_prediction(self.dataset, image_id, image, found)


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
    bitmaps, class_ids = dataset.load_mask(image_id)
    boxes = dataset.load_boxes(image_id)
    truth = visualize.draw_detections(
        image, masks.extents(bitmaps) if boxes is None else boxes, abs(class_ids), masks=bitmaps,
        class_names=dataset.class_names)
    shown = found.above(SHOWN_SCORE)
    prediction = visualize.draw_detections(
        image, shown.boxes_px, shown.class_ids, shown.scores, shown.to_dict().get("masks"),
        dataset.class_names)
    return visualize.side_by_side(truth, prediction)
