"""Precision over recall, as COCO's own code finds it."""

import numpy as np

LEVELS = ("AP50", "AP75", "AP")  # in the order of the arrays
RECALLS = np.linspace(0, 1, 101)
_DECIMALS = 4  # in the report's file


def of(precisions: np.ndarray, class_ids: list[int], class_names: list[str]) -> dict:
    """The curves of one task.

    Args:
        precisions: [3, 101, K] at an IoU (or OKS) of 0.50, of 0.75 and the mean over
            0.50:0.05:0.95; at recalls 0, 0.01 .. 1; -1 for a class without objects.
        class_ids: [K].
        class_names: by class id, background first.

    Returns:
        "all", the mean over the classes that have objects, and "per_class", those by name: dicts
        of "AP50", "AP75" and "AP", lists of 101 precisions.
    """
    occurs = (precisions >= 0).all(axis=(0, 1))
    measured = [(class_names[class_id], precisions[..., place])
                for place, class_id in enumerate(class_ids) if occurs[place]]
    if not measured:
        return {"all": None, "per_class": {}}
    return {"all": _levels(np.mean([values for _, values in measured], axis=0)),
            "per_class": {name: _levels(values) for name, values in measured}}


def _levels(values) -> dict[str, list[float]]:
    return {level: row.round(_DECIMALS).tolist()
            for level, row in zip(LEVELS, values, strict=True)}
