"""Runs a detector over a data set and measures it: for `evaluate`, `demo` and the tests."""

import json
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from fashion.datasets.problems import Problems
from fashion.datasets.read_ahead import read_ahead
from fashion.evaluation import instances, retrieval
from fashion.evaluation.instances import InstanceEvaluator
from fashion.evaluation.landmarks import DEEPFASHION2, Standard
from fashion.evaluation.retrieval import RetrievalEvaluator
from mrcnn import weights
from mrcnn.files import atomic_path

# Which head of the network each task needs.
TASKS = {**instances.TASKS, **dict.fromkeys(retrieval.TASKS, "match")}

BROKEN_IMAGE = "image cannot be read: left out"
CROWDED = "garment after the first {} of its photo (KEYPOINT_MAX_INSTANCES): true box not searched"
# What a `Detector` must give for the tasks of a head; boxes it gives always.
_OUTPUTS = {"mask": "masks", "keypoint": "keypoints", "match": "embeddings"}


@dataclass(frozen=True)
class Evaluation:
    """A measurement.

    Attributes:
        metrics: by task its numbers by name, see `InstanceEvaluator.evaluate` and
            `RetrievalEvaluator.evaluate`.
        evaluator: the truth and the detections behind them.
        images: how many images were measured.
        skipped: the images that could not be read, and the garments that were too many.
        seconds: reading, detecting and measuring together.
        garments: those that were searched and for, None if none were.
    """

    metrics: dict[str, dict]
    evaluator: InstanceEvaluator
    images: int
    skipped: Problems
    seconds: float
    garments: RetrievalEvaluator | None = None

    def write(self, folder: str | Path) -> None:
        """Writes what the numbers come from, in COCO's and in DeepFashion2's formats."""
        if self.metrics.keys() & instances.TASKS:
            self.evaluator.write(folder)
        if self.metrics.keys() & retrieval.TASKS:
            self.garments.write(folder)


def outputs_of(tasks) -> tuple[str, ...] | None:
    """`Detector.outputs` that tasks need; None for all tasks and all outputs."""
    if tasks is None:
        return None
    return tuple(_OUTPUTS[head] for head in dict.fromkeys(TASKS[task] for task in tasks)
                 if head in _OUTPUTS)


def describer_of(detector):
    """A `Detector` of the same network that gives embeddings only, for true boxes."""
    from mrcnn.detection import Detector

    return Detector(detector.network, detector.config, outputs=outputs_of(retrieval.TASKS))


def evaluate_instances(detector, dataset, image_ids=None, batch_size: int | None = None,
                       tasks=None, standard: Standard = DEEPFASHION2,
                       describer=None) -> Evaluation:
    """Measures a detector, image by image in order, with a progress bar.

    Every number of this project uses the preset `Config.evaluation()`: give a detector that was
    built with it. Images that cannot be read are counted and left out. Where garments are searched
    the network runs once more, on their true boxes.

    Args:
        detector: `mrcnn.detection.Detector`; needs no other outputs than `outputs_of(tasks)`.
        dataset: prepared `Dataset`.
        image_ids: which images; all by default. See `sampling.images_to_measure`.
        batch_size: images run at once; the configuration's by default.
        tasks: of `TASKS`; by default all that the network has heads for and the data set truth.
        standard: what keypoints are measured by, if there are any.
        describer: of true boxes, to be given where it serves again: it keeps its graphs. By
            default `describer_of(detector)`.

    Raises:
        ValueError: none of the images can be read, or a task that cannot be measured.
    """
    start = time.perf_counter()
    image_ids = dataset.image_ids if image_ids is None else image_ids
    wanted, searches = _split(tasks)
    evaluator, garments, count = InstanceEvaluator(dataset, standard), None, 0
    skipped, running = Problems(), deque()
    images = readable_images(dataset, image_ids, running, skipped)
    found = detector.predict(images, batch_size)
    for image_id, raw in _named("Evaluating", image_ids, running, found):
        count += 1
        if wanted != []:
            evaluator.add(image_id, raw.shape, raw)
        if searches != [] and raw.embeddings is not None:
            garments = garments or _garments(detector, dataset)
            garments.add(image_id, raw)
    if not count:
        raise ValueError(f"None of {len(image_ids)} images can be read.\n{skipped.summary()}")
    metrics = {} if wanted == [] else evaluator.evaluate(wanted)
    if _is_searched(garments, searches):
        metrics |= _search(describer or describer_of(detector), dataset, garments, batch_size,
                           searches or retrieval.TASKS, skipped)
    return Evaluation(metrics, evaluator, count, skipped, time.perf_counter() - start, garments)


def _split(tasks):
    """Tasks of instances, and tasks of retrieval; None twice for all that can be measured."""
    if tasks is None:
        return None, None
    return ([task for task in tasks if task not in retrieval.TASKS],
            [task for task in tasks if task in retrieval.TASKS])


def _garments(detector, dataset) -> RetrievalEvaluator:
    from fashion.match import similarity_of

    return RetrievalEvaluator(dataset, similarity_of(detector.network))


def _is_searched(garments, tasks) -> bool:
    """Whether retrieval is measured.

    Args:
        garments: a `RetrievalEvaluator` that knows what was detected; None: no match head.
        tasks: of `retrieval.TASKS`; None: all, if there is anything to search for.
    """
    if garments is None and tasks:
        raise ValueError(f"Task {tasks[0]!r}: the network has no match head.")
    return garments is not None and (garments.has_queries if tasks is None else bool(tasks))


def _search(describer, dataset, garments, batch_size, tasks, skipped) -> dict[str, dict]:
    """Measures tasks of retrieval; `garments` knows what was detected."""
    if "retrieval_true_boxes" in tasks:
        _describe(describer, dataset, garments, batch_size, skipped)
    return {task: garments.evaluate(task) for task in tasks}


def _describe(describer, dataset, garments, batch_size, skipped) -> None:
    """Gives the network the true boxes, and the evaluator what it makes of them."""
    image_ids, running = garments.photos_to_describe(), deque()
    most = describer.config.KEYPOINT_MAX_INSTANCES
    photos = ((image, *first_garments(dataset, running[-1], most, skipped))
              for image in readable_images(dataset, image_ids, running, skipped))
    described = describer.describe(photos, batch_size)
    for image_id, raw in _named("Describing true boxes", image_ids, running, described):
        garments.add_true(image_id, raw)


def first_garments(dataset, image_id, most: int, skipped: Problems):
    """Boxes and class ids of a photo's first garments; `skipped` gets those after them."""
    boxes_px, class_ids = dataset.load_boxes(image_id), dataset.image_class_ids(image_id)
    for place in range(most, len(boxes_px)):
        skipped.add(CROWDED.format(most), f"{dataset.image_reference(image_id)} item{place + 1}")
    return boxes_px[:most], class_ids[:most]


def _named(title: str, image_ids, running: deque, results):
    """Yields (image id, result) of the images that run, with a progress bar."""
    with tqdm(total=len(image_ids), desc=title, unit=" images", disable=None) as progress:
        for result in results:
            yield running.popleft(), result
            progress.update()


def readable_images(dataset, image_ids, running: deque, skipped: Problems):
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
