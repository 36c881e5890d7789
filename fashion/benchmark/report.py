"""The report of a benchmark as one JSON-able dict; `text` and `page` show what it says."""

import os
import platform
import re
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

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
            values}, "dataset" {folder, subset, sample}, "limit" of images or None, "environment"
            that the network ran in.
        costs: see `costs.measure`, with "peak_memory_MB" and "seconds".

    Returns:
        A dict: `about`, and "format", "made", "images", "items", "skipped", "classes", "subsets",
        "tasks", "retrieval", "published", "costs" and "landmark_counts".
    """
    truth = scores.instances.ground_truth
    images, values = len(truth["images"]), about["configuration"]["values"]
    features = {"features": list(values.get("MATCH_FEATURES", ()))}
    is_whole = about["dataset"]["subset"] == "validation" and images == published.IMAGES
    return {
        **about, "format": FORMAT, "made": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "dataset": {**about["dataset"], "is_whole_validation_set": is_whole},
        "images": images, "items": len(truth["annotations"]), "skipped": scores.skipped.counts,
        "classes": _classes(scores), "subsets": _subsets(scores),
        "tasks": _tasks(scores),
        "retrieval": {task: {**features, **scores.metrics[task]} for task in retrieval.TASKS
                      if task in scores.metrics},
        "published": {"readme": published.README, "paper": published.PAPER,
                      "cspn": published.CSPN},
        "costs": costs, "landmark_counts": dict(+scores.instances.landmarks.counts)}


def weights_text(weights: dict) -> str:
    """A report's "weights" for people."""
    text = f"{weights['file']} ({weights['fingerprint']})"
    if weights["refiner"]:
        text += f", landmarks refined by {weights['refiner']}, whose costs are not counted"
    return text


def caution(dataset: dict) -> str:
    """What keeps a report on this "dataset" from being compared with published numbers, or ""."""
    if dataset["is_whole_validation_set"]:
        return ""
    if dataset["sample"]:
        return (f"Measured on made-up pictures (sample version {dataset['sample']['version']}, "
                f"seed {dataset['sample']['seed']}). These numbers say nothing about photos; the "
                "published ones stand beside them only to show where they will stand.")
    return ("Measured on other images than the whole validation set of DeepFashion2: the "
            "published numbers beside these are those of that set, and not comparable.")


def environment() -> dict:
    """Versions, and this machine."""
    import keras

    devices = [name for name in keras.distribution.list_devices() if not name.startswith("cpu")]
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES},
            "device": ", ".join([*devices, *_gpus()] if devices else [_processor()]),
            "cores": os.cpu_count()}


def _gpus() -> list[str]:
    """What NVIDIA's GPUs are called, for backends call them "gpu:0"; none where nobody tells."""
    try:
        told = subprocess.run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
                              capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return list(dict.fromkeys(told.splitlines()))


def _processor() -> str:
    """What the processor is called; its family where the system does not say."""
    told = Path("/proc/cpuinfo")  # Linux's
    names = re.findall(r"model name\s*: (.+)", told.read_text()) if told.is_file() else []
    return names[0] if names else platform.processor() or platform.machine()


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
