"""Seconds to save and to load the weights of a full Mask R-CNN, and the report of the loading.

    python tests/benchmarks/bench_weights.py
    python tests/benchmarks/bench_weights.py --file weights/mask_rcnn_coco.h5

ResNet-101 with 81 classes, 64 million numbers, in Matterport's layout and as Keras 3 writes them.
The file was just written, so that the disk's speed has little part in it.
"""

import argparse
import logging
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from mrcnn import weights  # noqa: E402
from mrcnn.config import Config  # noqa: E402
from mrcnn.network import Network  # noqa: E402


class CocoConfig(Config):
    NAME = "coco"
    BACKBONE = "resnet101"
    NUM_CLASSES = 81
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 256  # weights do not depend on it


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", type=Path, help="weights to load; by default some are written")
    args = parser.parse_args()
    logging.getLogger("mrcnn").setLevel(logging.WARNING)
    print(f"{platform.machine()}, {os.cpu_count()} cores")
    network, graph = timed("build the network", build)
    if args.file:
        print(timed(f"load {args.file.name}", weights.load_weights, network, args.file))
        return
    with tempfile.TemporaryDirectory() as folder:
        ours, keras3 = Path(folder, "mask_rcnn.h5"), Path(folder, "mask_rcnn.weights.h5")
        timed("save, Matterport's layout", weights.save_weights, network, ours)
        report = timed("load, Matterport's layout", weights.load_weights, network, ours)
        timed("save, Keras 3", graph.save_weights, keras3)
        timed("load, Keras 3", weights.load_weights, network, keras3)
        print(report)


def build():
    network = Network(CocoConfig())
    return network, network.inference_graph()


def timed(what, function, *args):
    start = time.perf_counter()
    result = function(*args)
    print(f"{what:28} {time.perf_counter() - start:6.2f} s", flush=True)
    return result


if __name__ == "__main__":
    main()
