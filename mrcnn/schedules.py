"""How the learning rate falls, which layers train, and when it ends.

A rate is a function of the step alone, counted from the first step of the run, so that a resumed
run needs to remember nothing but its step. A step is one update of the weights, an epoch a fixed
number of steps.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """Layers that train until a step: a preset of `trainable.LAYER_PRESETS`, or a regex."""

    layers: str
    end: int


@dataclass(frozen=True)
class Schedule:
    """A plan of training.

    Attributes:
        name: as `--schedule` takes it.
        stages: tuple of `Stage`, in order; the last one's end is the end of training.
        rate: step -> learning rate.
        about: one line for the reader.
    """

    name: str
    stages: tuple
    rate: Callable
    about: str

    @property
    def steps(self):
        """Steps in all."""
        return self.stages[-1].end

    def stage(self, step):
        """The stage that a step belongs to; the last one from the end on."""
        return next((stage for stage in self.stages if step < stage.end), self.stages[-1])


# What each schedule was made for; a configuration that takes another than its own changes with it.
# `paper` names none: with SGD its rates add up to one step at 0.02.
OPTIMIZER_OF = {"constant": "sgd", "paper": "adam", "1x": "sgd", "matterport": "sgd",
                "one_cycle": "adam"}


def make_schedule(config, epoch, name=None, rate=None, epochs=None, layers="all"):
    """Make a schedule.

    Args:
        config: `Config`; SCHEDULE, LEARNING_RATE, WARMUP_STEPS, BATCH_SIZE, ACCUMULATION_STEPS.
        epoch: steps of an epoch.
        name: a key of `SCHEDULES`; None takes SCHEDULE.
        rate: learning rate to start from; None takes the schedule's own, of those that have one,
            else LEARNING_RATE.
        epochs: number of the last epoch; None takes Config.EPOCHS, and that the schedule's own.
        layers: what trains; `matterport` says so itself.

    Returns:
        A `Schedule`.

    Raises:
        ValueError: unknown name, or no number of epochs for a schedule that needs one.
    """
    name = name or config.SCHEDULE
    if name not in SCHEDULES:
        raise ValueError(f"There is no schedule {name!r}; choose one of {', '.join(SCHEDULES)}.")
    if rate is None and name not in OWN_RATE:
        rate = config.LEARNING_RATE
    batch = config.BATCH_SIZE * config.ACCUMULATION_STEPS
    return SCHEDULES[name](rate, epoch, epochs or config.EPOCHS, batch, layers, config.WARMUP_STEPS)


# Each takes rate, steps of an epoch, number of epochs or None, images of a step, layers and steps
# of warm-up.


def constant(rate, epoch, epochs, batch_size, layers, warmup_steps):
    """One rate from beginning to end, as Matterport's `train`."""
    _need(epochs, "constant")
    return Schedule(
        "constant", (Stage(layers, epochs * epoch),), _warmed_up(lambda step: rate, warmup_steps),
        f"rate {rate:g} for {epochs} epochs")


def paper(rate, epoch, epochs, batch_size, layers, warmup_steps):
    """1e-5, divided by 10 every 2,000 steps, 8,000 steps (Zhang & Zhang 2020, on DeepFashion2)."""
    rate = 1e-5 if rate is None else rate
    steps = epochs * epoch if epochs else 8000
    return Schedule(
        "paper", (Stage(layers, steps),),
        _warmed_up(lambda step: rate * 0.1 ** (step // 2000), warmup_steps),
        f"rate {rate:g}, divided by 10 every 2,000 steps, until step {steps:,}")


def one_x(rate, epoch, epochs, batch_size, layers, warmup_steps):
    """Detectron's 1x: 0.02 for 16 images, divided by 10 after epochs 8 and 11 of 12.

    The rate grows with the batch, and rises linearly over the first steps (arXiv 1706.02677).
    """
    rate = 0.02 * batch_size / 16 if rate is None else rate
    epochs = epochs or 12
    falls = [round(epochs * share / 12) * epoch for share in (8, 11)]
    return Schedule(
        "1x", (Stage(layers, epochs * epoch),),
        _warmed_up(lambda step: rate * 0.1 ** sum(step >= fall for fall in falls),
                   warmup_steps or min(500, epoch)),
        f"rate {rate:g}, divided by 10 after epochs {falls[0] // epoch} and {falls[1] // epoch}, "
        f"until epoch {epochs}")


def matterport(rate, epoch, epochs, batch_size, layers, warmup_steps):
    """Heads, then stage 4 and up, then all at a tenth of the rate: 40, 80 and 40 epochs of 160."""
    if layers != "all":
        raise ValueError(f"The schedule 'matterport' chooses the layers itself; got {layers!r}.")
    epochs = epochs or 160
    first, second = (max(1, round(epochs * share)) * epoch for share in (0.25, 0.75))
    return Schedule(
        "matterport",
        (Stage("heads", first), Stage("4+", second), Stage("all", epochs * epoch)),
        _warmed_up(lambda step: rate if step < second else rate / 10, warmup_steps),
        f"rate {rate:g}: heads until epoch {first // epoch}, stage 4 and up until epoch "
        f"{second // epoch}, then all layers at {rate / 10:g} until epoch {epochs}")


def one_cycle(rate, epoch, epochs, batch_size, layers, warmup_steps):
    """Up linearly, then down to zero along a half cosine (arXiv 1608.03983, 1708.07120)."""
    _need(epochs, "one_cycle")
    steps = epochs * epoch
    warmup_steps = warmup_steps or steps // 20
    falling = max(1, steps - warmup_steps)

    def cosine(step):
        return rate * 0.5 * (1 + math.cos(math.pi * max(0, step - warmup_steps) / falling))

    return Schedule(
        "one_cycle", (Stage(layers, steps),), _warmed_up(cosine, warmup_steps),
        f"rate up to {rate:g} in {warmup_steps} steps, then down to zero until epoch {epochs}")


SCHEDULES = {
    "constant": constant, "paper": paper, "1x": one_x, "matterport": matterport,
    "one_cycle": one_cycle,
}
# Schedules that know their rate, whatever LEARNING_RATE says.
OWN_RATE = ("paper", "1x")


def _warmed_up(rate, warmup_steps):
    """Scale the first steps of a rate by 1/n, 2/n, ..., 1."""
    return lambda step: rate(step) * min(1.0, (step + 1) / max(1, warmup_steps))


def _need(epochs, name):
    if epochs is None:
        raise ValueError(
            f"The schedule {name!r} has no length of its own: set EPOCHS, or say epochs=... .")
