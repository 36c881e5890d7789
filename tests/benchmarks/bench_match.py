"""Trains `tiny` with each loss, or on each choice of features, of the match head and measures it.

    python tests/benchmarks/bench_match.py --losses pairs contrastive
    python tests/benchmarks/bench_match.py --features class keypoint mask class,keypoint class,mask

Everything else is as in the demo: the same sample, augmentation and order of images. Retrieval is
measured on the whole validation part of the sample, with true and with detected boxes.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fashion.commands import common  # noqa: E402
from fashion.config import TinyConfig  # noqa: E402

EPOCH = 100
# Weights of the losses at which their gradients on the backbone are about as large as the others'.
LOSS_WEIGHTS = {"pairs": 1.0, "contrastive": 0.2}


def train(config, data, folder):
    """A `MatchRCNN` trained from random weights."""
    from mrcnn.data.augment import Jitter

    face = common.build("training", common.Model(config, None), folder)
    face.train(common.load(data, "train"), None, augmentation=Jitter(), keep=1)
    return face


def measure(face, data):
    """{task: its numbers} of what was trained."""
    from fashion.evaluation.run import evaluate_instances
    from mrcnn.detection import Detector

    detector = Detector(face.network, face.config.evaluation())
    return evaluate_instances(detector, common.load(data, "validation")).metrics


def row(name, metrics):
    """One line of the table."""
    tops = [metrics[task][f"top{k}"] for task in ("retrieval_true_boxes", "retrieval")
            for k in (1, 5, 10, 20)]
    others = [metrics["bbox"]["AP50"], metrics["keypoints_visible"]["AP50"]]
    return f"{name:28}" + "".join(f"{number:9.3f}" for number in tops + others)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--losses", nargs="+", default=[TinyConfig.MATCH_LOSS])
    parser.add_argument("--features", nargs="+", default=[",".join(TinyConfig.MATCH_FEATURES)])
    parser.add_argument("--steps", type=int, default=1600)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    common.load_backend()
    data, rows = common.built_in_sample(), []
    for loss in arguments.losses:
        for features in arguments.features:
            config = TinyConfig().override({
                "MATCH_LOSS": loss, "MATCH_FEATURES": tuple(features.split(",")),
                "STEPS_PER_EPOCH": EPOCH, "EPOCHS": arguments.steps // EPOCH})
            config.LOSS_WEIGHTS = config.LOSS_WEIGHTS | {"mrcnn_match_loss": LOSS_WEIGHTS[loss]}
            with tempfile.TemporaryDirectory() as folder:
                metrics = measure(train(config, data, folder), data)
            rows.append(row(f"{loss} {features}", metrics))
            print(rows[-1], flush=True)
    chance = metrics["retrieval_true_boxes"]["chance_top10"]
    print(f"\n{arguments.steps:,} steps; true boxes (top-10 by chance {chance:.3f}), detected "
          f"boxes, AP50\n{'':28}" + "".join(f"{name:>9}" for name in (
              *["top1", "top5", "top10", "top20"] * 2, "boxes", "points")))
    print("\n".join(rows))


if __name__ == "__main__":
    main()
