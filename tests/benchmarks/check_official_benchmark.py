"""Compares all numbers of a benchmark with those of DeepFashion2's own evaluation code.

    git clone https://github.com/switchablenorms/DeepFashion2
    python fashion/fashion.py benchmark --weights=... --output=DIR
    python tests/benchmarks/check_official_benchmark.py --official=DeepFashion2 --results=DIR

The official code reads the JSON files in the folder: boxes, masks, landmarks by its `cocoeval`,
retrieval by its script. Ends with an error where a number differs by more than 1e-6.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import check_official_landmarks as landmarks  # noqa: E402
import check_official_retrieval as retrieval  # noqa: E402

# Kind, truth and results of each task of instances.
FILES = {"bbox": ("bbox", "ground_truth.json", "bbox_results.json"),
         "segm": ("segm", "ground_truth.json", "segm_results.json"),
         **{task: ("keypoints", truth, "keypoints_results.json")
            for task, truth in landmarks.TRUTHS.items()}}
NAMES = {"keypoints": landmarks.NAMES,
         "bbox": ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"),
         "segm": ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large")}
MOST = 1e-6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--official", type=Path, required=True, help="checkout of DeepFashion2")
    parser.add_argument("--results", type=Path, required=True, help="benchmark's --output")
    arguments = parser.parse_args()
    report = json.loads((arguments.results / "report.json").read_text(encoding="utf-8"))
    evaluator = landmarks.official(arguments.official / landmarks.SOURCE)
    for task in report["tasks"].keys() & FILES:
        kind, truth, found = FILES[task]
        theirs = landmarks.measure(evaluator, arguments.results / truth,
                                   arguments.results / found, kind, len(NAMES[kind]))
        compare(task, report["tasks"][task], dict(zip(NAMES[kind], theirs, strict=True)))
    for task, numbers in report["retrieval"].items():
        compare(task, numbers, retrieval.official(
            arguments.official / retrieval.SOURCE, arguments.results, task))


def compare(task, ours, theirs):
    """Prints the numbers of a task side by side; ends the program where they differ."""
    for name, their in theirs.items():
        mine = -1 if ours[name] is None else ours[name]
        print(f"{task:32} {name:10} ours {mine:.9f}  official {their:.9f}")
        if abs(mine - their) > MOST:
            raise SystemExit("They differ.")


if __name__ == "__main__":
    main()
