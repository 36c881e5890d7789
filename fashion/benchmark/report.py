"""The report of a benchmark as one JSON-able dict; `text` and `page` show what it says."""

import os
import platform
import time
from importlib.metadata import version

import numpy as np

from fashion.benchmark.scoring import Scores
from fashion.evaluation import published, retrieval
from fashion.evaluation.subsets import NAMES, UNKNOWN

FORMAT = 1
_PACKAGES = ("keras", "tensorflow", "numpy", "pycocotools")


def make(scores: Scores, about: dict, costs: dict) -> dict:
    """Puts a report together.

    Args:
        scores: what was measured.
        about: "name" of the report, "weights" {file, fingerprint, refiner}, "configuration" {name,
            values}, "dataset" {folder, subset, sample}, "limit" of images or None.
        costs: see `costs.measure`, with "batch_size", "peak_memory_MB" and "seconds".

    Returns:
        A dict: `about`, and "format", "made", "images", "items", "skipped", "environment",
        "classes", "subsets", "tasks", "retrieval", "published", "costs" and "landmark_counts".
    """
    truth = scores.instances.ground_truth
    images, values = len(truth["images"]), about["configuration"]["values"]
    features = {"features": list(values.get("MATCH_FEATURES", ()))}
    is_whole = about["dataset"]["subset"] == "validation" and images == published.IMAGES
    return {
        **about, "format": FORMAT, "made": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "dataset": {**about["dataset"], "is_whole_validation_set": is_whole},
        "images": images, "items": len(truth["annotations"]), "skipped": scores.skipped.counts,
        "environment": environment(), "classes": _classes(scores), "subsets": _subsets(scores),
        "tasks": _tasks(scores),
        "retrieval": {task: {**features, **scores.metrics[task]} for task in retrieval.TASKS
                      if task in scores.metrics},
        "published": {"readme": published.README, "paper": published.PAPER,
                      "cspn": published.CSPN},
        "costs": costs, "landmark_counts": dict(+scores.instances.landmarks.counts)}


def environment() -> dict:
    """Versions, and the machine that the measurement ran on."""
    import keras

    devices = [name for name in keras.distribution.list_devices() if not name.startswith("cpu")]
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES},
            "device": ", ".join(devices) or platform.processor() or platform.machine(),
            "cores": os.cpu_count()}


def _classes(scores) -> list[dict]:
    truth = scores.instances.ground_truth
    names = {category["id"]: category["name"] for category in truth["categories"]}
    pairs = np.array([(each["image_id"], each["category_id"]) for each in truth["annotations"]
                      if not each["iscrowd"]], int).reshape(-1, 2)
    counts = [np.bincount(column, minlength=max(names) + 1) for column in (
        pairs[:, 1], np.unique(pairs, axis=0)[:, 1],
        np.array([each["category_id"] for each in scores.instances.detections], int))]
    return [{"id": class_id, "name": name, **dict(zip(
        ("items", "images", "detections"), (int(count[class_id]) for count in counts),
        strict=True))} for class_id, name in names.items()]


def _subsets(scores) -> dict[str, list[dict]]:
    return {division: [{"value": 0 if name == UNKNOWN else NAMES[division].index(name) + 1,
                        "name": name, "items": len(garments),
                        "images": len({image_id for image_id, _ in garments})}
                       for name, garments in parts.items()]
            for division, parts in scores.subsets.items()}


def _tasks(scores) -> dict[str, dict]:
    """Those of instances, each with the number of its objects."""
    count = sum(not each["iscrowd"] for each in scores.instances.ground_truth["annotations"])
    return {task: {"objects": count, **numbers} for task, numbers in scores.metrics.items()
            if task not in retrieval.TASKS}
