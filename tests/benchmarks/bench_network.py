"""Seconds a training step and a detection, and peak memory, of the network alone.

    python tests/benchmarks/bench_network.py
    python tests/benchmarks/bench_network.py --backbones resnet50 --sides 512 1024 \
        --heads box,mask box,mask,keypoint

Every row runs in a process of its own, so that peak memory is its own. Full widths, DeepFashion2's
13 categories and 294 landmarks, random pixels; three steps after one that compiles, the median is
shown.
"""

import argparse
import itertools
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
PRECISIONS = ("float32", "mixed_bfloat16")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbones", nargs="+", default=["resnet18", "resnet50", "resnet101"])
    parser.add_argument("--sides", nargs="+", type=int, default=[256, 512, 1024])
    parser.add_argument("--precisions", nargs="+", default=PRECISIONS, choices=PRECISIONS)
    parser.add_argument("--heads", nargs="+", default=["box,mask,keypoint"], metavar="HEADS",
                        help="sets of heads, such as box,mask")
    parser.add_argument("--images", type=int, default=1, help="images a step")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.row:
        print(json.dumps(measure(*json.loads(args.row))))
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, {args.images} image(s) a step")
    print(f"{'backbone':10} {'side':>5} {'precision':15} {'heads':20} {'training s':>10} "
          f"{'peak GB':>8} {'detection s':>11} {'peak GB':>8}")
    for row in itertools.product(args.backbones, args.sides, args.precisions, args.heads):
        seconds, memory = zip(*(run_alone(*row, args.images, mode)
                                for mode in ("training", "inference")), strict=True)
        print("{:10} {:5} {:15} {:20}".format(*row), f"{seconds[0]:10.3f} {memory[0]:8.2f} "
              f"{seconds[1]:11.3f} {memory[1]:8.2f}", flush=True)


def run_alone(*row):
    """One measurement in a fresh process: (seconds, peak GB), NaN where it failed."""
    command = [sys.executable, __file__, "--row", json.dumps(row)]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    if run.returncode:
        print(run.stderr[-500:], file=sys.stderr)
        return float("nan"), float("nan")
    return json.loads(run.stdout.splitlines()[-1])


def measure(backbone, side, precision, heads, images, mode):
    import keras
    import numpy as np

    from mrcnn.network import Network
    from tests.mrcnn.small_network import small_batch

    network = Network(full_width(backbone, side, precision, heads))
    batch = small_batch(network.config, images)
    if mode == "training":
        graph = network.training_graph()
        model = keras.Model(graph.input, sum(keras.ops.mean(x) for x in graph.output.values()))
        model.compile(keras.optimizers.SGD(1e-6, 0.9), loss=lambda _, total: total)
        step = lambda: model.train_on_batch(batch, np.zeros(images))  # noqa: E731
    else:
        graph = network.inference_graph()
        feed = {"input_image": batch["input_image"],
                "input_window": np.tile(np.float32([[0, 0, side, side]]), (images, 1))}
        step = lambda: graph.predict_on_batch(feed)  # noqa: E731
    step()
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def full_width(backbone, side, precision, heads):
    from fashion.config import LandmarkConfig

    class Full(LandmarkConfig):
        NAME = "full"
        BACKBONE = backbone
        HEADS = tuple(heads.split(","))
        IMAGE_MAX_DIM = IMAGE_MIN_DIM = side
        PRECISION = precision
        DETECTION_MIN_CONFIDENCE = 0.05

    return Full()


if __name__ == "__main__":
    main()
