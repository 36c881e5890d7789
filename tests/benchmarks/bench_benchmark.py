"""Minutes and memory to score a whole validation set: made-up truth, 8 detections a photo.

The goal is 15 minutes and 12 GB on two cores for boxes, masks and landmarks with all subsets, and
one minute for retrieval.

Run by hand, from the repository root:

    python tests/benchmarks/bench_benchmark.py [--photos=32153] [--folder=DIR] [--faster]

The made-up results stay in --folder for the next run. For 32,153 photos on two cores of an AMD
EPYC, with another program beside it: 366 seconds in all, of them 65 for boxes, 80 for masks, 62 and
60 for landmarks, 27 and 5 for retrieval with detected and with true boxes; 20 more for curves and
errors; 3.3 GB.

--faster scores the same by faster-coco-eval (pip install faster-coco-eval), without subsets on both
sides, and says by how much its numbers differ: by 1e-16, in a tenth to half of the time. A network
takes longer than either, so pycocotools stays, which is needed for run-length codes anyway.
"""

import argparse
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fashion.benchmark import scoring  # noqa: E402
from fashion.benchmark.analysis import analyse  # noqa: E402
from fashion.benchmark.costs import peak_memory_mb  # noqa: E402
from fashion.benchmark.results import Results  # noqa: E402
from fashion.evaluation import average_precision  # noqa: E402
from fashion.evaluation.instances import InstanceEvaluator  # noqa: E402
from fashion.evaluation.retrieval import RetrievalEvaluator  # noqa: E402
from fashion.retrieval.similarity import Similarity  # noqa: E402
from tests.fashion.made_up import SIZE, MadeUp, find  # noqa: E402

TASKS = ("bbox", "segm", "keypoints_visible")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=32_153)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--faster", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with timed("making it up"):
            dataset, results = make(arguments.photos, arguments.folder or folder)
        if arguments.faster:
            compare(dataset, results)
        else:
            measure(dataset, results)


def make(photos, folder):
    """A made-up data set and what was found on it."""
    dataset = MadeUp(np.random.default_rng(0), photos)
    results = Results(folder, {"made up": photos}, dataset.image_ids)
    for shard in results.missing():
        rng = np.random.default_rng(1 + shard)
        results.write(shard, [find(rng, dataset, int(image_id))
                              for image_id in results.ids_of(shard)], 0.0)
    return dataset, results


@contextmanager
def timed(what):
    clock, cpu = time.perf_counter(), time.process_time()
    yield
    print(f"{what:44} {time.perf_counter() - clock:8.1f} s {time.process_time() - cpu:8.1f} CPU s "
          f"{peak_memory_mb():8,.0f} MB at most", flush=True)


def measure(dataset, results):
    """Times each task, and all together."""
    for kind, name in ((InstanceEvaluator, "_evaluate_task"), (RetrievalEvaluator, "evaluate")):
        time_method(kind, name)
    with timed("all, with reading"):
        scores = scoring.score(results, dataset, Similarity(-np.ones(SIZE, np.float32), 4.0))
    with timed("curves, errors, confusion, calibration"):
        analyse(scores)


def time_method(kind, name):
    """Has a method print its first argument and what it took."""
    method = getattr(kind, name)

    def measured(self, task, *arguments):
        with timed(task):
            return method(self, task, *arguments)

    setattr(kind, name, measured)


def compare(dataset, results):
    """Scores by pycocotools and by faster-coco-eval."""
    from faster_coco_eval import COCO, COCOeval_faster

    evaluator = InstanceEvaluator(dataset)
    for image in results:
        evaluator.add(image.image_id, image.found.shape, image.found, image.masks)
    time_method(InstanceEvaluator, "_evaluate_task")
    ours = evaluator.evaluate(TASKS)
    average_precision.COCO, average_precision.COCOeval = COCO, COCOeval_faster
    theirs = evaluator.evaluate(TASKS)
    for task in TASKS:
        both = [(numbers["AP"], theirs[task]["per_class"][name]["AP"])
                for name, numbers in ours[task]["per_class"].items() if numbers["AP"] is not None]
        both.append((ours[task]["AP"], theirs[task]["AP"]))
        print(f"{task}: largest difference {max(abs(a - b) for a, b in both):.1e}")


if __name__ == "__main__":
    main()
