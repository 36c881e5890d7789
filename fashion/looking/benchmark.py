"""What notebook 08 needs of the benchmark: a small measurement, and its failures as pictures."""

import numpy as np

from fashion.benchmark import collect, scoring
from fashion.benchmark.results import Results
from mrcnn import drawing, masks, weights
from mrcnn.detection import Detector

_WRONG, _RIGHT = (222, 20, 40), (90, 140, 90)


def measure(face, dataset, folder):
    """Runs the network over a data set and measures all four tasks, as the command `benchmark`.

    Args:
        face: `mrcnn.model.MaskRCNN`.
        dataset: prepared `Dataset`.
        folder: where the network's answers are kept; a second call with the same weights, data
            and configuration takes them from there.

    Returns:
        `fashion.benchmark.scoring.Scores`.
    """
    detector = Detector(face.network, face.config.evaluation())
    recipe = collect.recipe_of(weights.fingerprint(face.network), detector.config, dataset,
                               dataset.image_ids)
    results = Results(folder, recipe, dataset.image_ids)
    collect.collect(results, dataset, detector)
    return scoring.score(results, dataset, scoring.similarity(collect.facts_of(detector)))


def subset_table(scores, task, number="AP"):
    """One number of a task by DeepFashion2's subsets, as rows for `plots.display_table`."""
    rows = [["", "", "garments", number]]
    for division, parts in scores.metrics[task].get("subsets", {}).items():
        for name, numbers in parts.items():
            value = numbers[number]
            rows.append([division, name, numbers["objects"],
                         "-" if value is None else f"{value:.3f}"])
    return rows


def plot_confusion(counts, names, axes):
    """Draws true classes (rows) against claimed ones; beside them what is missed and not there.

    Args:
        counts: [C, C] of `fashion.benchmark.confusion.analyse`.
        names: by class id, background first.
        axes: Matplotlib's.
    """
    counts = np.asarray(counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            axes.text(column, row, str(count), ha="center", va="center", fontsize=8,
                      color="white" if shares[row, column] > 0.5 else "black")
    axes.set_xticks(range(len(names)), ["missed", *names[1:]], rotation=60, ha="right", fontsize=8)
    axes.set_yticks(range(len(names)), ["nothing there", *names[1:]], fontsize=8)
    axes.set_xlabel("claimed")
    axes.set_ylabel("true")


def draw_failure(scores, sight, wrong=()):
    """A photo's truth beside what was found; in red what was missed, and what is wrong.

    Args:
        scores: `Scores`.
        sight: `fashion.benchmark.sights.Sight`.
        wrong: which of `sight.found` are wrong.

    Returns:
        [H, W, 3] uint8.
    """
    names, image = scores.dataset.class_names, scores.dataset.load_image(sight.image_id)
    truth = [names[each["category_id"]] for each in sight.truth]
    found = [f"{names[each['category_id']]} {each['score']:.2f}" for each in sight.found]
    return drawing.side_by_side(
        _drawn(image, sight.truth, truth, [each in sight.missed for each in sight.truth]),
        _drawn(image, sight.found, found, [i in wrong for i in range(len(found))]))


def _drawn(image, objects, labels, is_red):
    """COCO's annotations or detections on a photo."""
    boxes = np.array([each["bbox"] for each in objects], np.float64).reshape(-1, 4)
    corners = np.stack([boxes[:, 1], boxes[:, 0], boxes[:, 1] + boxes[:, 3],
                        boxes[:, 0] + boxes[:, 2]], axis=1)
    bitmaps = [_bitmap(each["segmentation"], image.shape[:2]) for each in objects
               if "segmentation" in each]
    return drawing.draw_detections(
        image, corners, [each["category_id"] for each in objects], labels=labels,
        colors=[_WRONG if red else _RIGHT for red in is_red],
        masks=np.stack(bitmaps, axis=-1) if bitmaps else None)


def _bitmap(segmentation, shape):
    """[H, W] bool of COCO's polygons or run-length code."""
    if isinstance(segmentation, dict):
        return masks.from_rle(segmentation)
    parts = [np.reshape(polygon, (-1, 2)) for polygon in segmentation]
    return masks.rasterise(parts, (0, 0, *shape), shape) >= 0.5
