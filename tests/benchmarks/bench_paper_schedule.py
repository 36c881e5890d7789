"""SGD or Adam for the schedule `paper`, whose article names no optimizer?

    python tests/benchmarks/bench_paper_schedule.py --steps=600

Starts from the weights `sample`, the layers that name the classes forgotten, as a training on
DeepFashion2 starts from COCO's weights; then runs the first steps of `paper` (rate 1e-5, ten times
that for the forgotten layers) with each optimizer. Prints the losses of the validation images
before and after.
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
IMAGES = 200


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--optimizers", nargs="+", default=["sgd", "adam"])
    args = parser.parse_args()
    from fashion.commands import data_sets

    data = data_sets.built_in_sample()
    train = data_sets.load(data, "train")
    validation = data_sets.load(data, "validation", limit=IMAGES)
    rows = {}
    for optimizer in args.optimizers:
        rows["before"], rows[f"{optimizer}, {args.steps} steps"] = measure(
            optimizer, args.steps, train, validation)
    names = list(rows["before"])
    print(" " * 20, *(f"{name.removesuffix('_loss'):>12}" for name in names))
    for title, losses in rows.items():
        print(f"{title:20}", *(f"{losses[name]:12.3f}" for name in names))


def measure(optimizer, steps, train, validation):
    """Validation losses before and after."""
    from fashion.commands import models
    from fashion.config import TinyConfig
    from mrcnn.data.loader import Loader
    from mrcnn.model import MaskRCNN
    from mrcnn.resume import Progress
    from mrcnn.schedules import make_schedule
    from mrcnn.training import Trainer

    config = TinyConfig().override({
        "OPTIMIZER": optimizer, "SCHEDULE": "paper", "EPOCHS": 1, "STEPS_PER_EPOCH": steps,
        "TRAIN_BN": False, "HEAD_LEARNING_RATE_MULTIPLIER": 10.0})
    with tempfile.TemporaryDirectory() as logs:
        model = MaskRCNN("training", config, logs)
        report = model.load_weights(models.SAMPLE_WEIGHTS, exclude=models.CLASS_LAYERS)
        trainer = Trainer(model.network, config, make_schedule(config, steps), steps,
                          Progress(new_layers=sorted(report.new_layers)))
        loader = Loader(train, config, config.BATCH_SIZE, seed=config.SEED)
        check = Loader(validation, config, config.BATCH_SIZE, shuffle=False, repeat=False)
        before = trainer.validate(check)
        trainer.fit(loader)
        after = trainer.validate(check)
        loader.close()
        check.close()
    return before, after


if __name__ == "__main__":
    main()
