"""Trains `tiny` with each loss, or on each choice of features, of the match head and measures it.

    python tests/benchmarks/bench_match.py --losses pairs contrastive
    python tests/benchmarks/bench_match.py --weights=sample --images=64 --steps=150 \
        --features class keypoint mask class,keypoint class,mask

Everything else is as in the demo: the same sample, augmentation and order of images. With --weights
the head alone is trained anew, on what that network sees. Retrieval is measured on the whole
validation part of the data set, or of another one (--unseen), with true and with detected boxes.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fashion.commands import common, data_sets, models  # noqa: E402
from fashion.config import TinyConfig  # noqa: E402

EPOCH = 50
HEAD = "mrcnn_match.*"
# Weights of the losses at which their gradients on the backbone are about as large as the others'.
LOSS_WEIGHTS = {"pairs": 1.0, "contrastive": 0.2}


def train(config, weights, data, folder):
    """A `MatchRCNN` trained from random weights, or its match head from those of a network."""
    from mrcnn.data.augment import Jitter

    face = models.build("training", models.Model(config, None), folder)
    if weights is not None:
        head = [name for name in face.network.layers_by_name() if name.startswith("mrcnn_match")]
        face.load_weights(weights, exclude=head)
    face.train(data_sets.load(data, "train", whole_pairs=True), None, keep=1,
               augmentation=Jitter(colour=0.2 if weights is None else 0.0),
               layers="all" if weights is None else HEAD)
    return face


def measure(face, data, tasks=None):
    """{task: its numbers} of what was trained."""
    from fashion.evaluation.run import evaluate_instances, outputs_of
    from mrcnn.detection import Detector

    detector = Detector(face.network, face.config.evaluation(), outputs=outputs_of(tasks))
    return evaluate_instances(detector, data_sets.load(data, "validation"), tasks=tasks).metrics


def row(name, metrics):
    """One line of the table."""
    tops = [metrics[task][f"top{k}"] for task in ("retrieval_true_boxes", "retrieval")
            for k in (1, 5, 10, 20)]
    others = [metrics[task]["AP50"] for task in ("bbox", "keypoints_visible") if task in metrics]
    return f"{name:28}" + "".join(f"{number:9.3f}" for number in tops + others)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--losses", nargs="+", default=[TinyConfig.MATCH_LOSS])
    parser.add_argument("--features", nargs="+", default=[",".join(TinyConfig.MATCH_FEATURES)])
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--images", type=int, default=TinyConfig.IMAGES_PER_GPU)
    parser.add_argument("--weights", metavar="sample|PATH")
    parser.add_argument("--dataset", metavar="DIR")
    parser.add_argument("--unseen", metavar="DIR", help="data set to measure on")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    common.load_backend()
    weights = arguments.weights
    if weights is not None:
        weights = models.SAMPLE_WEIGHTS if weights == "sample" else Path(weights)
    tasks = None if weights is None else ("retrieval_true_boxes", "retrieval")
    data = (data_sets.resolve(arguments.dataset) if arguments.dataset
            else data_sets.built_in_sample())
    unseen = data_sets.resolve(arguments.unseen) if arguments.unseen else data
    rows = []
    for loss in arguments.losses:
        for features in arguments.features:
            config = TinyConfig().override({
                "MATCH_LOSS": loss, "MATCH_FEATURES": tuple(features.split(",")),
                "IMAGES_PER_GPU": arguments.images, "STEPS_PER_EPOCH": EPOCH,
                "EPOCHS": arguments.steps // EPOCH})
            config.LOSS_WEIGHTS = config.LOSS_WEIGHTS | {"mrcnn_match_loss": LOSS_WEIGHTS[loss]}
            with tempfile.TemporaryDirectory() as folder:
                metrics = measure(train(config, weights, data, folder), unseen, tasks)
            rows.append(row(f"{loss} {features}", metrics))
            print(rows[-1], flush=True)
    chance = metrics["retrieval_true_boxes"]["chance_top10"]
    print(f"\n{arguments.steps:,} steps of {arguments.images} images; true boxes (top-10 by chance "
          f"{chance:.3f}), detected boxes, AP50\n{'':28}" + "".join(f"{name:>9}" for name in (
              *["top1", "top5", "top10", "top20"] * 2, "boxes", "points")))
    print("\n".join(rows))


if __name__ == "__main__":
    main()
