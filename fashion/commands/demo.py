"""See a Mask R-CNN learn to find and cut out clothes, from nothing, on a CPU, in ten minutes.

Makes the sample of made-up pictures, trains the configuration `tiny` from random weights for as
many steps as the time allows, measures it on garments it has never seen, and draws what it finds
beside the truth.
"""

import contextlib
import math
import time
from pathlib import Path

from fashion.commands import common, data_sets, models
from fashion.config import CONFIGS
from fashion.datasets.selection import spread
from mrcnn import schedules

HELP = "make data, train, measure and draw: all in ten minutes"

MEASURED_IMAGES = 300
DRAWN_IMAGES = 12
# Of the time budget, kept for measuring and drawing.
RESERVED_SECONDS = 45
# However fast or slow the machine is.
LEAST_STEPS, MOST_STEPS = 100, 100_000
# Seconds a step, before any was measured: two cores of a server.
FIRST_GUESS = 0.25
STEPS_PER_EPOCH = 250
WEIGHTS = "demo.weights.h5"
NEXT = """\
What next:
  photos              python fashion/fashion.py detect --weights={weights} --image=FILE
                      (it has seen drawings only: expect little on photos; without --weights
                      the bundled network does it, which was trained far longer)
  the same garment    python fashion/fashion.py index --gallery=DIR --output=INDEX
                      python fashion/fashion.py search --index=INDEX --image=FILE
  classes of your own README.md, "Your own photos"
  the curves          tensorboard --logdir={logs}
  real garments       python fashion/fashion.py train --weights=coco --dataset=DIR
                      with DeepFashion2 and a GPU; README.md says how to get both"""


def add_arguments(parser):
    """Adds the command's options to an `argparse` parser."""
    parser.add_argument("--output", type=Path, default=common.ROOT / "runs" / "demo",
                        metavar="DIR", help="where results and logs go (default: runs/demo)")
    parser.add_argument("--minutes", type=common.number(0, 1e4), default=9.0, metavar="M",
                        help="time for all of it (default: %(default)g)")


def run(arguments):
    """Goes through the four phases and says what came of them. Returns the exit code."""
    clock = Clock(60 * arguments.minutes)
    with clock.phase("sample"):
        data = data_sets.built_in_sample()
    print(f"Learning from: {data}")
    with clock.phase("training"):
        _train(data, arguments.output, clock.left - RESERVED_SECONDS)
    with clock.phase("measuring"):
        detector, dataset = _measure(data, arguments.output)
    with clock.phase("drawing"):
        sheet = _draw(detector, dataset, arguments.output / "contact_sheet.png")
    print("Seconds: " + ", ".join(f"{name} {seconds:.0f}"
                                  for name, seconds in clock.phases.items()))
    print(f"Predictions beside the truth: {sheet}\n"
          f"Numbers: {arguments.output / 'metrics.json'}\n\n"
          + NEXT.format(logs=arguments.output / "logs", weights=arguments.output / WEIGHTS))
    return 0


def _train(data, output, seconds):
    """Trains from random weights for so many seconds, and saves what was learned."""
    common.load_backend()
    from keras.callbacks import LambdaCallback

    from mrcnn.data.augment import Jitter

    config = CONFIGS["tiny"]().override({"STEPS_PER_EPOCH": STEPS_PER_EPOCH})
    timed = TimedSchedule(config.LEARNING_RATE, config.WARMUP_STEPS, seconds)
    schedules.SCHEDULES[timed.name] = lambda *_: timed
    face = models.build("training", models.Model(config, None), output / "logs")
    end = LambdaCallback(on_train_batch_end=lambda batch, logs: setattr(
        end.model, "stop_training", timed.is_over))
    trainer = face.train(data_sets.load(data, "train"), None, schedule=timed.name, keep=1,
                         augmentation=Jitter(), custom_callbacks=[end])
    if trainer.stop_reason == "interrupted":
        raise KeyboardInterrupt
    face.save_weights(output / WEIGHTS)


def _measure(data, output):
    """Average precision on garments that training has not seen, printed and written."""
    from fashion.evaluation import report, run
    from fashion.evaluation.sampling import images_to_measure
    from mrcnn.detection import Detector

    model = models.Model(CONFIGS["tiny"]().evaluation(), output / WEIGHTS)
    network = models.build("inference", model, output).network
    detector, dataset = Detector(network), data_sets.load(data, "validation")
    image_ids = images_to_measure(dataset, MEASURED_IMAGES, model.config.HEADS)
    evaluation = run.evaluate_instances(detector, dataset, image_ids)
    evaluation.write(output)
    run.write_metrics(output / "metrics.json", evaluation, network,
                      weights_file=output / WEIGHTS, dataset=data.root, subset="validation",
                      sample=data.sample)
    print(f"\nAverage precision on {evaluation.images} images of unseen garments:\n\n"
          f"{report.format_all(evaluation.metrics)}\n")
    return detector, dataset


def _draw(detector, dataset, path):
    """A picture of truth and prediction, side by side, for a few images spread over the set."""
    from PIL import Image

    from fashion.evaluation.watching import truth_and_prediction
    from mrcnn.drawing import contact_sheet

    ids = spread(dataset.image_ids, DRAWN_IMAGES)
    images = [dataset.load_image(image_id) for image_id in ids]
    pictures = [truth_and_prediction(dataset, *each)
                for each in zip(ids, images, detector.predict(images), strict=True)]
    Image.fromarray(contact_sheet(pictures, columns=3, width=2400)).save(path)
    return path


class TimedSchedule:
    """One cycle of the learning rate, as long as the time allows on this machine.

    The rate rises linearly, then falls along a half cosine to zero. How many steps that takes is
    estimated anew before each step from the speed so far, within LEAST_STEPS and MOST_STEPS. It
    stands for a `mrcnn.schedules.Schedule`.

    Args:
        rate: highest learning rate.
        warmup_steps: steps over which the rate rises.
        seconds: from now to the end of training.
    """

    name = "timed"

    def __init__(self, rate, warmup_steps, seconds):
        self._peak, self._warmup = rate, warmup_steps
        self._end = time.monotonic() + seconds
        self._measured_from = None
        self._step = 0
        self.steps = self._bounded(seconds / FIRST_GUESS)
        self.about = (f"rate up to {rate:g}, then down to zero within {seconds:.0f} s; the steps "
                      "below are a guess until some were measured")

    def stage(self, step):
        return schedules.Stage("all", MOST_STEPS)

    @property
    def is_over(self):
        """Whether the step under way is the last."""
        return self._step + 1 >= self.steps

    def rate(self, step):
        """Learning rate of a step; asked for just before it."""
        self._step = step
        self._estimate(step)
        if step < self._warmup:
            return self._peak * (step + 1) / self._warmup
        share = (step - self._warmup) / max(1, self.steps - self._warmup)
        return self._peak * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))

    def _estimate(self, step):
        now = time.monotonic()
        if step < 3:  # the first steps compile
            return
        if self._measured_from is None:
            self._measured_from = (step, now)
        steps, seconds = step - self._measured_from[0], now - self._measured_from[1]
        if steps >= 10:
            left = (self._end - now) / (seconds / steps)
            self.steps = self._bounded(step + left)

    @staticmethod
    def _bounded(steps):
        return int(min(max(steps, LEAST_STEPS), MOST_STEPS))


class Clock:
    """Time that is left, and where the rest of it went.

    Args:
        seconds: the whole budget.

    Attributes:
        phases: name -> seconds.
    """

    def __init__(self, seconds):
        self._end = time.monotonic() + seconds
        self.phases = {}

    @property
    def left(self):
        """Seconds until the end."""
        return self._end - time.monotonic()

    @contextlib.contextmanager
    def phase(self, name):
        """Measures what the block takes."""
        began = time.monotonic()
        yield
        self.phases[name] = time.monotonic() - began
