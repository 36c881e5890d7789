"""A benchmark report that is made up: every table of it filled."""

import numpy as np

from fashion.benchmark.curves import LEVELS
from fashion.benchmark.errors import KINDS
from fashion.evaluation import published
from fashion.evaluation.retrieval import NAMES as TOPS
from fashion.evaluation.subsets import NAMES as SUBSETS

CLASSES = ("short sleeve top", "skirt & <belt>", "vest dress")  # the page must escape them
TASKS = ("bbox", "segm", "keypoints_visible", "keypoints_visible_and_occluded")


def report(**changes) -> dict:
    """A whole report, with some of its parts changed."""
    rng = np.random.default_rng(1)
    made = {
        "format": 1, "made": "2026-11-21T12:00:00", "name": "tiny",
        "weights": {"file": "weights/sample.weights.h5", "fingerprint": "1a2b3c4d",
                    "refiner": None},
        "configuration": {"name": "tiny", "values": {"NAME": "tiny", "HEADS": ["box", "mask"]}},
        "dataset": {"folder": "datasets/sample", "subset": "validation",
                    "sample": {"version": 1, "seed": 1}, "is_whole_validation_set": False},
        "images": 300, "items": 600, "skipped": {"image cannot be read: left out": 2},
        "limit": None, "landmark_counts": {"objects without landmarks: ignored": 3},
        "environment": {"python": "3.12", "keras": "3.15", "device": "2 CPU cores", "cores": 2},
        "classes": [{"id": i, "name": name, "items": 200, "images": 150, "detections": 400}
                    for i, name in enumerate(CLASSES, start=1)],
        "subsets": {division: [{"value": i, "name": name, "items": 200, "images": 180}
                               for i, name in enumerate(names, start=1)]
                    for division, names in SUBSETS.items()},
        "tasks": {task: _task(rng, task) for task in TASKS}
        | {f"{task}_agnostic": _task(rng, task, "agnostic") for task in ("bbox", "segm")},
        "retrieval": {"retrieval": _search(rng), "retrieval_true_boxes": _search(rng)},
        "published": {"readme": published.README, "paper": published.PAPER, "cspn": published.CSPN},
        "costs": costs(), "files": {"boxes": "detections.json"},
        "analysis": analysis(rng)}
    return {**made, **changes}


def _levels(rng) -> dict:
    low, high = sorted(rng.random(2).tolist())
    return {"AP": low, "AP50": high, "AP75": low}


def _task(rng, task, kind="") -> dict:
    more = {"objects": 200}
    if task.startswith("keypoints"):
        more |= {"found": 0.8, "PCK10": 0.5, "PCK20": 0.9, "error_px": 12.34}
    numbers = {**_levels(rng), "AP_medium": 0.1, "AP_large": None, "AR": 0.4, **more}
    if kind != "agnostic":
        numbers["per_class"] = {name: {**_levels(rng), **more} for name in CLASSES}
        numbers["subsets"] = {division: {name: _levels(rng) for name in names}
                              for division, names in SUBSETS.items()}
    return numbers


def _tops(rng) -> dict:
    return {**dict(zip(TOPS, np.sort(rng.random(len(TOPS))).tolist(), strict=True)),
            "queries": 120}


def _search(rng) -> dict:
    subsets = {division: {name: _tops(rng) for name in names} for division, names in
               SUBSETS.items()}
    return {"features": ["class", "keypoint"], **_tops(rng), "gallery": 374, "missed": 5,
            "unsold": 2, **{f"chance_{top}": 0.01 for top in TOPS}, "subsets": subsets,
            "over_five": {**_tops(rng), "subsets": subsets}}


def costs() -> dict:
    """What a network costs, in the form of a report."""
    times = {"median": 0.0123, "p95": 0.0456}
    return {"parameters": 4_000_000, "MB": 16.0, "file_MB": 16.8, "GFLOPs": 3.5,
            "image_px": [192, 192], "image": times,
            "parts": [{"name": name, "parameters": 2_000_000, "GFLOPs": 1.75, "seconds": seconds}
                      for name, seconds in (("backbone", times), ("mask head", None))],
            "stages": [{"name": name, "seconds": times} for name in ("read", "network")],
            "peak_memory_MB": {"after the pass": 1234.5},
            "seconds": {"pass": 100.0, "scoring": 12.0, "analysis": 3.0}}


def analysis(rng) -> dict:
    """The errors of a network, in the form of a report."""
    falling = np.linspace(1, 0, 101).round(4).tolist()
    levels = dict.fromkeys(LEVELS, falling)
    curve = {"all": levels, "per_class": dict.fromkeys(CLASSES, levels)}
    return {"curves": dict.fromkeys(TASKS, curve),
            **{kind: _errors(rng) for kind in ("bbox", "segm")}}


def _errors(rng) -> dict:
    counts = rng.integers(0, 60, (4, 4))
    counts[0, 0] = 0
    best = {"score": 0.35, "precision": 0.6, "recall": 0.5, "F1": 0.545}
    bins = [{"low": i / 10, "high": (i + 1) / 10, "count": 40 * i, "score": i / 10 + 0.05,
             "precision": 0.9 * i / 10} if i else
            {"low": 0.0, "high": 0.1, "count": 0, "score": None, "precision": None}
            for i in range(10)]
    kinds = {"objects": 200, "right": 120, **dict.fromkeys(KINDS, 7)}
    return {"confusion": {"score": 0.35, "counts": counts.tolist()},
            "calibration": {"error": 0.07, "bins": bins, "best": best,
                            "cuts": [{"score": i / 20, "precision": i / 20, "recall": 1 - i / 20,
                                      "F1": 0.5} for i in range(1, 20)],
                            "per_class": {**dict.fromkeys(CLASSES, best), CLASSES[2]: None}},
            "errors": {"AP50": 0.4, "objects": 600, "detections": 900, "right": 360,
                       "kinds": {kind: {"count": 21, "cost": i / 50}
                                 for i, kind in enumerate(KINDS)},
                       "per_class": dict.fromkeys(CLASSES, kinds)}}
