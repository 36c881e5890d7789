"""From results on the disk to the numbers of all four tasks; the network is not asked again."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fashion.benchmark.results import Results
from fashion.datasets.problems import Problems
from fashion.evaluation import landmarks, retrieval, retrieval_files
from fashion.evaluation.instances import InstanceEvaluator
from fashion.evaluation.landmarks import DEEPFASHION2, Standard
from fashion.evaluation.report import TITLES
from fashion.evaluation.retrieval import RetrievalEvaluator
from fashion.evaluation.run import BROKEN_IMAGE, CROWDED
from fashion.evaluation.subsets import Subsets, subsets_of
from fashion.retrieval.similarity import Similarity
from mrcnn.detection import Raw

# What is in the official files.
_RESULTS = {"bbox_results.json": "detected boxes", "segm_results.json": "detected masks"}
_LANDMARK_FILES = {"annotated landmarks, visible": landmarks.FILES["keypoints_visible"],
                   "annotated landmarks, visible and occluded":
                       landmarks.FILES["keypoints_visible_and_occluded"],
                   "found landmarks": landmarks.RESULTS}
_RETRIEVAL_FILES = {
    **dict(zip(("queries", "gallery"), retrieval_files.TRUTH, strict=True)),
    **{f"retrieved, {TITLES[task]}": f"{task}_results.json" for task in retrieval.TASKS}}
_FILES = {*_RESULTS, *_LANDMARK_FILES.values(), *_RETRIEVAL_FILES.values()}


@dataclass(frozen=True)
class Scores:
    """A measurement.

    Attributes:
        dataset: prepared `Dataset`.
        results: of the network.
        metrics: by task its numbers by name, with "subsets", see `InstanceEvaluator.evaluate` and
            `RetrievalEvaluator.evaluate`.
        precisions: by task precision over recall, see `average_precision.curves`.
        instances: the truth and the detections behind them.
        garments: those that were searched and for; None if none were.
        image_ids: COCO number of an image -> the data set's id.
        subsets: of the garments.
        skipped: the images that could not be read, and the garments that were too many.
    """

    dataset: object
    results: Results
    metrics: dict[str, dict]
    precisions: dict[str, np.ndarray]
    instances: InstanceEvaluator
    garments: RetrievalEvaluator | None
    image_ids: dict[int, int]
    subsets: Subsets
    skipped: Problems

    def write(self, folder: str | Path) -> dict[str, str]:
        """Writes the files that DeepFashion2's own evaluation reads.

        Those of tasks that this measurement lacks and an earlier one has left there are removed.

        Returns:
            What is in them, and their names.
        """
        written = {"annotated garments, for boxes and masks": "ground_truth.json"}
        written |= {_RESULTS[name]: name for name in self.instances.write_official(folder)}
        if self.instances.landmarks.images:
            written |= _LANDMARK_FILES
        if self.garments is not None:
            self.garments.write(folder)
            written |= _RETRIEVAL_FILES
        for name in _FILES - set(written.values()):
            (Path(folder) / name).unlink(missing_ok=True)
        return written


def score(results: Results, dataset, similarity: Similarity | None = None,
          standard: Standard = DEEPFASHION2) -> Scores:
    """Measures all that the results allow, with a progress bar.

    Args:
        results: complete.
        dataset: the prepared `Dataset` that they are of.
        similarity: of the network; None without a match head.
        standard: what keypoints are measured by, if there are any.

    Raises:
        ValueError: none of the images could be read.
    """
    instances, skipped, image_ids = InstanceEvaluator(dataset, standard), Problems(), {}
    garments = None if similarity is None else RetrievalEvaluator(dataset, similarity)
    unread = set(results.asked.tolist())
    for image in tqdm(results, total=len(unread), desc="Reading results", unit=" images",
                      disable=None):
        instances.add(image.image_id, image.found.shape, image.found, image.masks)
        image_ids[instances.ground_truth["images"][-1]["id"]] = image.image_id
        unread.discard(image.image_id)
        if garments is not None:
            _add_garments(garments, dataset, image, skipped)
    for image_id in sorted(unread):
        skipped.add(BROKEN_IMAGE, str(dataset.image_reference(image_id)))
    if not image_ids:
        raise ValueError(f"None of {len(unread)} images can be read.\n{skipped.summary()}")
    if garments is not None and not garments.has_queries:
        garments = None
    subsets = subsets_of(dataset, image_ids.values())
    metrics = instances.evaluate(subsets=subsets)
    if garments is not None:
        metrics |= {task: garments.evaluate(task, subsets) for task in retrieval.TASKS}
    return Scores(dataset, results, metrics, instances.precisions, instances, garments, image_ids,
                  subsets, skipped)


def _add_garments(garments, dataset, image, skipped) -> None:
    """Adds what was found on a photo, and its first true boxes if they were described."""
    garments.add(image.image_id, image.found)
    if image.true_embeddings is None:
        return
    count, boxes_px = len(image.true_embeddings), dataset.load_boxes(image.image_id)
    for place in range(count, len(boxes_px)):
        skipped.add(CROWDED.format(count), f"{dataset.image_reference(image.image_id)} "
                                           f"item{place + 1}")
    garments.add_true(image.image_id, Raw(
        image.found.shape, boxes_px[:count], dataset.image_class_ids(image.image_id)[:count],
        np.ones(count, np.float32), embeddings=image.true_embeddings))


def similarity(facts: dict) -> Similarity | None:
    """That of the network, of what `collect.facts_of` wrote down."""
    kept = facts["similarity"]
    return None if kept is None else Similarity(np.array(kept["weights"], np.float32),
                                                kept["bias"])
