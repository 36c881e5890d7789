"""Runs a detector over a data set and measures it: for `evaluate`, `demo` and the tests."""

import json
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from fashion.datasets.problems import Problems
from fashion.datasets.read_ahead import read_ahead
from fashion.evaluation.instances import InstanceEvaluator
from fashion.evaluation.landmarks import DEEPFASHION2, Standard
from mrcnn import weights
from mrcnn.files import atomic_path

BROKEN_IMAGE = "image cannot be read: left out"


@dataclass(frozen=True)
class Evaluation:
    """A measurement.

    Attributes:
        metrics: by task its numbers by name, see `InstanceEvaluator.evaluate`.
        evaluator: the truth and the detections behind them; `evaluator.write(folder)`.
        images: how many images were measured.
        skipped: the images that could not be read.
        seconds: reading, detecting and measuring together.
    """

    metrics: dict[str, dict]
    evaluator: InstanceEvaluator
    images: int
    skipped: Problems
    seconds: float


def evaluate_instances(detector, dataset, image_ids=None, batch_size: int | None = None,
                       tasks=None, standard: Standard = DEEPFASHION2) -> Evaluation:
    """Measures a detector, image by image in order, with a progress bar.

    Every average precision of this project uses the preset `Config.evaluation()`: give a detector
    that was built with it. Images that cannot be read are counted and left out.

    Args:
        detector: `mrcnn.detection.Detector`.
        dataset: prepared `Dataset`.
        image_ids: which images; all by default.
        batch_size: images run at once; the configuration's by default.
        tasks: what to measure, see `InstanceEvaluator.evaluate`.
        standard: what keypoints are measured by, if there are any.

    Raises:
        ValueError: none of the images can be read, or a task that cannot be measured.
    """
    start = time.perf_counter()
    image_ids = dataset.image_ids if image_ids is None else image_ids
    evaluator, skipped, running = InstanceEvaluator(dataset, standard), Problems(), deque()
    images = _readable_images(dataset, image_ids, running, skipped)
    progress = tqdm(total=len(image_ids), desc="Evaluating", unit=" images", disable=None)
    with progress:
        for prediction in detector.predict(images, batch_size):
            evaluator.add(running.popleft(), prediction.shape, prediction)
            progress.update()
    count = len(evaluator.ground_truth["images"])
    if not count:
        raise ValueError(f"None of {len(image_ids)} images can be read.\n{skipped.summary()}")
    metrics = evaluator.evaluate(tasks)
    return Evaluation(metrics, evaluator, count, skipped, time.perf_counter() - start)


def _readable_images(dataset, image_ids, running: deque, skipped: Problems):
    """Yields each image that can be read and puts its id into `running`."""

    def load(image_id):
        try:
            return dataset.load_image(image_id)
        except (ValueError, OSError):
            return None

    for image_id, image in zip(image_ids, read_ahead(load, image_ids), strict=True):
        if image is None:
            skipped.add(BROKEN_IMAGE, str(dataset.image_reference(image_id)))
        else:
            running.append(image_id)
            yield image


def write_metrics(path: str | Path, evaluation: Evaluation, network, *, weights_file=None,
                  dataset=None, subset: str | None = None, sample: dict | None = None) -> None:
    """Writes metrics.json: by task its numbers by name, and what they were measured on.

    Args:
        path: of the file.
        evaluation: what `evaluate_instances` returned.
        network: the `Network` that was measured.
        weights_file: path of its weights.
        dataset: folder of the data set.
        subset: of it.
        sample: contents of the data set's sample.json, if it is a made-up one.
    """
    config = network.config.to_dict()
    content = {
        **evaluation.metrics,
        "configuration": {"name": config["NAME"], "values": config},
        "weights": {"file": _text(weights_file), "fingerprint": weights.fingerprint(network)},
        "dataset": {"folder": _text(dataset), "subset": subset},
        "sample": sample and {name: sample[name] for name in ("version", "seed")},
        "images": evaluation.images,
        "skipped": evaluation.skipped.to_dict(),
        "landmarks": dict(+evaluation.evaluator.landmarks.counts),
        "seconds": round(evaluation.seconds, 1),
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _text(path) -> str | None:
    return None if path is None else str(path)
