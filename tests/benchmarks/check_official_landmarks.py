"""Compares our landmark numbers with those of DeepFashion2's own evaluation code.

    git clone https://github.com/switchablenorms/DeepFashion2
    python fashion/fashion.py evaluate --weights=... --output=DIR
    python tests/benchmarks/check_official_landmarks.py --official=DeepFashion2 --results=DIR

The official code is read, not installed: three spellings that NumPy no longer takes are mended, and
it runs on the JSON files that `evaluate` wrote. Ends with an error where a number differs by more
than 1e-9.
"""

import argparse
import contextlib
import io
import json
import types
from pathlib import Path

from pycocotools.coco import COCO

SOURCE = "deepfashion2_api/PythonAPI/pycocotools/cocoeval.py"
MENDED = (
    ("from . import mask", "from pycocotools import mask"),
    ("np.float)", "float)"),
    (") + 1, endpoint", ").astype(int) + 1, endpoint"),
)
TRUTHS = {"keypoints_visible": "keypoints_val_vis.json",
          "keypoints_visible_and_occluded": "keypoints_val_vis_and_occ.json"}
# Places of the numbers that the official `summarize` prints.
NAMES = ("AP", "AP50", "AP75", "AP_medium", "AP_large")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--official", type=Path, required=True, help="checkout of DeepFashion2")
    parser.add_argument("--results", type=Path, required=True, help="evaluate's --output")
    arguments = parser.parse_args()
    evaluator = official(arguments.official / SOURCE)
    metrics = json.loads((arguments.results / "metrics.json").read_text(encoding="utf-8"))
    for task, truth in TRUTHS.items():
        theirs = measure(evaluator, arguments.results / truth,
                         arguments.results / "keypoints_results.json")
        ours = [metrics[task][name] for name in NAMES]
        for name, mine, their in zip(NAMES, ours, theirs, strict=True):
            print(f"{task:32} {name:10} ours {mine}  official {their}")
            if abs((-1 if mine is None else mine) - their) > 1e-9:
                raise SystemExit("They differ.")


def official(path):
    """The official COCOeval class."""
    source = path.read_text(encoding="utf-8")
    for old, new in MENDED:
        source = source.replace(old, new)
    module = types.ModuleType("official_cocoeval")
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module.COCOeval


def measure(evaluator, truth, results, kind="keypoints", count=5):
    """Its first `count` average precisions; -1 where there is nothing to measure."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(truth))
        evaluation = evaluator(coco, coco.loadRes(str(results)), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(number) for number in evaluation.stats[:count]]


if __name__ == "__main__":
    main()
