"""What a training is about to do, in words, before its first step."""

import numpy as np


def describe(trainer, run, weights, train_images, validation_images=0):
    """Describe a training.

    Args:
        trainer: `training.Trainer`, about to start.
        run: `resume.RunFolder`.
        weights: where they come from.
        train_images, validation_images: how many there are.

    Returns:
        Lines of text.
    """
    config, schedule, progress = trainer.config, trainer.schedule, trainer.progress
    batch = config.BATCH_SIZE * config.ACCUMULATION_STEPS
    passes = schedule.steps * batch / train_images
    numbers = sum(int(np.prod(v.shape)) for v in trainer.model.trainable_variables)
    lines = {
        "configuration": f"{config.NAME}: {_name(config.BACKBONE)}, {config.IMAGE_SHAPE[0]} x "
                         f"{config.IMAGE_SHAPE[1]} px, {config.NUM_CLASSES} classes with "
                         f"background, heads {', '.join(config.HEADS)}",
        "weights": str(weights) + _new_layers(config, progress),
        "images": f"{train_images:,} to train, {validation_images:,} to validate",
        "batch": _batch(config, batch),
        "precision": config.PRECISION,
        "schedule": f"{schedule.name}: {schedule.about}",
        "optimizer": f"{config.OPTIMIZER}, gradient norm at most {config.GRADIENT_CLIP_NORM}",
        "trains": f"{schedule.stage(progress.step).layers}, {numbers:,} numbers",
        "begins": f"at step {progress.step:,}",
        "ends": f"at step {schedule.steps:,} = epoch {trainer.epochs} of "
                f"{trainer.steps_per_epoch:,} steps: every image about {passes:.3g} times",
        "saves": f"to {run.path}",
    }
    return "\n".join(f"{title:>13}: {text}" for title, text in lines.items())


def _batch(config, batch):
    if batch == config.IMAGES_PER_GPU:
        return f"{batch} images"
    return (f"{batch} images: {config.IMAGES_PER_GPU} on each of {config.GPU_COUNT} devices, "
            f"{config.ACCUMULATION_STEPS} times a step")


def _new_layers(config, progress):
    if not progress.new_layers or config.HEAD_LEARNING_RATE_MULTIPLIER == 1:
        return ""
    return (f"; {len(progress.new_layers)} layers without trained weights learn at "
            f"{config.HEAD_LEARNING_RATE_MULTIPLIER:g} times the rate")


def _name(backbone):
    return getattr(backbone, "__name__", backbone)
