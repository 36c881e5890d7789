"""Makes weights/sample.weights.h5, the small bundled network, and measures it.

    python tests/benchmarks/train_sample_weights.py [--folder=runs/sample_weights]

Draws 12,000 pictures, trains `tiny` on them, packs its weights in half precision, and measures them
on 1,500 pictures of another seed: garments, people and rooms that it has never seen. How long that
takes and what comes out says weights/README.md. Stopped at any moment, the same command goes on.
"""

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from fashion.commands import common, data_sets, models  # noqa: E402
from fashion.config import TinyConfig  # noqa: E402

LEARNED = ("--images=12000", "--seed=7", "--validation=0.05")
UNSEEN = ("--images=1500", "--seed=2026", "--validation=0.99")


@dataclass(frozen=True)
class Stage:
    """A training that starts from the weights of the one before.

    Attributes:
        name: of its folder.
        knobs: of `TinyConfig`.
        end: epoch after which it stops; None: at the end of its schedule.
        colour: of `Jitter`.
    """

    name: str
    knobs: dict
    end: int | None = None
    colour: float = 0.2


STAGES = (
    Stage("start", {"SCHEDULE": "constant", "IMAGES_PER_GPU": 16, "STEPS_PER_EPOCH": 250,
                    "EPOCHS": 4, "VALIDATION_STEPS": 8}),
    Stage("detection", {"IMAGES_PER_GPU": 16, "STEPS_PER_EPOCH": 250, "EPOCHS": 32}, end=17),
    # A garment is told apart from those of its batch: the more there are, the more it takes. And
    # without tints, for colours tell garments apart.
    Stage("matching", {"IMAGES_PER_GPU": 64, "STEPS_PER_EPOCH": 100, "EPOCHS": 10,
                       "LEARNING_RATE": 0.0015, "WARMUP_STEPS": 30, "VALIDATION_STEPS": 2,
                       "LOSS_WEIGHTS": TinyConfig.LOSS_WEIGHTS | {"mrcnn_match_loss": 0.3}},
          colour=0.0),
)


def train(stage, start, data, folder):
    """Path of the weights of a stage, trained to its end unless that is done."""
    from keras.callbacks import LambdaCallback

    from mrcnn.data.augment import Jitter

    result = folder / f"{stage.name}.weights.h5"
    if result.exists():
        return result
    print(f"\nStage {stage.name}")
    config = TinyConfig().override(stage.knobs)
    face = models.build("training", models.Model(config, start), folder / stage.name)
    if any((folder / stage.name).glob("tiny*/resume*.h5")):
        face.load_weights(face.find_last())

    def stop(epoch, logs):
        watcher.model.stop_training = epoch + 1 == stage.end

    watcher = LambdaCallback(on_epoch_end=stop)
    trainer = face.train(
        data_sets.load(data, "train", whole_pairs=True), data_sets.load(data, "validation"), keep=1,
        augmentation=Jitter(colour=stage.colour), save_every=50, custom_callbacks=[watcher])
    if trainer.stop_reason == "interrupted":
        raise KeyboardInterrupt
    face.save_weights(result)
    return result


def pack(path, target):
    """Writes weights again in half precision, with the configuration as one starts it."""
    from mrcnn import weights

    network = models.build("inference", models.Model(TinyConfig(), path), ROOT / "logs").network
    weights.save_weights(network, target, weights.network_metadata(network), dtype="float16")
    print(f"{target}: {target.stat().st_size / 2**20:.1f} MB")


def command(*words):
    """Runs a command of fashion.py, and says it first."""
    words = [str(word) for word in words]
    print(f"\n$ python fashion/fashion.py {' '.join(words)}", flush=True)
    subprocess.run([sys.executable, str(ROOT / "fashion" / "fashion.py"), *words], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "sample_weights")
    parser.add_argument("--output", type=Path, default=models.SAMPLE_WEIGHTS)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    folder = arguments.folder.resolve()
    command("sample", "--output", folder / "learned", *LEARNED)
    command("sample", "--output", folder / "unseen", *UNSEEN)
    common.load_backend()
    data, path = data_sets.resolve(folder / "learned"), None
    for stage in STAGES:
        path = train(stage, path, data, folder)
    pack(path, arguments.output)
    command("evaluate", "--weights", arguments.output, "--dataset", folder / "unseen",
            "--output", folder / "evaluation")


if __name__ == "__main__":
    main()
