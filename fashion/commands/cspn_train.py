"""Trains on landmark benchmarks, for `train`: landmark networks, on the garments of a data set cut
out by their boxes, and the detector in front of them, on whole photos."""

from fashion.commands import common, cspn, landmark_data, models, train
from fashion.datasets.selection import spread

# What differs from the arguments that other trainings begin with.
DEFAULTS = {"augment": "jitter", "no_detector": False}


def run(arguments, model):
    """Trains, prints how it ended and returns the exit code.

    Args:
        arguments: of `train`.
        model: `models.Model` of a `fashion.cspn.config.BenchmarkConfig`.
    """
    options = train.options_of(arguments, model, train.DEFAULTS | DEFAULTS)
    data = landmark_data.resolve(options["dataset"])
    options["dataset"] = str(data.root.resolve())
    datasets = _load(data, options)
    config = train.configure(model, arguments)
    common.load_backend()
    from mrcnn.training import make_deterministic

    if arguments.deterministic:
        make_deterministic(config.SEED)
    prepare = _landmarks if cspn.is_cspn(config) else _boxes
    face, subsets, watched = prepare(models.Model(config, model.weights), datasets, options,
                                     arguments.logs)
    face.run.check_writable()
    train.write_options(face.run, options)
    extras = train.tensorboard_extras(options, face, datasets[1] is not None)
    print(f"     data set: {data}")
    trainer = face.train(
        *subsets, learning_rate=options["rate"], layers=options["layers"],
        save_every=options["save_every"], keep=options["keep"], watch=options["watch"],
        patience=options["patience"], tensorboard=extras, **watched)
    last = train.last_weights(arguments)
    return train.say_how_it_ended(face, trainer, last,
                                  _next_commands(config, data, options, last))


def _load(data, options):
    """The data sets to train on and to validate on; None where there is nothing to validate on."""
    if options["no_detector"] and data.deepfashion2:
        raise ValueError(f"--no-detector takes photos of one garment each; those of {data.root} "
                         "have several.")
    training = data.load("train", options["limit"], options["where"], options["published_flips"])
    if "validation" in data.subsets:
        return training, data.load("validation")
    print("No validation images here: no validation losses, no pictures.")
    return training, None


def _next_commands(config, data, options, last):
    """{what for: command} of what can be done with the weights."""
    if not cspn.is_cspn(config):
        return {"Use it": f"detect {last} --image=FILE"}
    if data.deepfashion2:
        refine = last.replace("--weights=", "--weights=sample --refine=")
        return {"Measure it": f"evaluate {refine} --dataset={data.root}",
                "Use it": f"detect {refine} --image=FILE"}
    whole = " --no-detector" if options["no_detector"] else ""
    return {"Measure it": f"evaluate {last} --dataset={data.root}{whole}",
            "Use it": f"detect {last} --image=FILE{whole}"}


def _landmarks(model, datasets, options, logs):
    """The network, `Crops` of both subsets, and how `CSPN.train` augments and draws them."""
    from fashion.cspn.config import fit
    from fashion.cspn.crops import JITTER, SHIFT
    from mrcnn.data.augment import Jitter

    config = fit(model.config, datasets[0])
    subsets = [dataset and _crops(dataset, config, options["no_detector"]) for dataset in datasets]
    face = cspn.build("training", models.Model(config, model.weights), logs)
    if config.NUM_KEYPOINTS != model.config.NUM_KEYPOINTS:
        face.set_log_dir()  # another training than the weights'
    train.check_watched(options["watch"], ["loss", *face.network.logged],
                        datasets[1] is not None)
    jitters = {"none": None, "flip": Jitter(**train.AUGMENTATIONS["flip"]), "shift": SHIFT,
               "jitter": JITTER}
    return face, subsets, {"augmentation": jitters[options["augment"]],
                           **_pictures(face.network, subsets[1])}


def _crops(dataset, config, whole):
    """`Crops` of a data set; those that are left out are said."""
    from fashion.cspn.crops import Crops, whole_photos

    crops = Crops(dataset, int(config.IMAGE_SHAPE[0]), config.CSPN_MARGIN,
                  whole_photos(dataset) if whole else None)
    if crops.problems:
        print(crops.problems.summary())
    return crops


def _pictures(network, crops):
    """How `CSPN.train` draws `Crops`; nothing for None."""
    if crops is None:
        return {}
    from fashion.cspn.garments import Garments
    from fashion.cspn.pictures import StagePictures

    garments = Garments(crops)
    return {"draw": StagePictures(network, garments),
            "picture_ids": spread(garments.image_ids, train.PICTURES)}


def _boxes(model, datasets, options, logs):
    """The detector, both data sets, and how `MaskRCNN.train` augments, measures and draws."""
    from fashion.cspn.config import fit_classes
    from mrcnn.data.augment import Jitter

    config = fit_classes(model.config, datasets[0])
    face = models.build("training", models.Model(config, model.weights), logs)
    if config.CLASS_NAMES != model.config.CLASS_NAMES:
        face.set_log_dir()  # another training than the weights'
    train.check_watch(options["watch"], face.network, options["eval_limit"],
                      datasets[1] is not None)
    jitter = train.AUGMENTATIONS[options["augment"]]
    return face, datasets, {"augmentation": None if jitter is None else Jitter(**jitter),
                            **train.watch_with(face, datasets[1], options["eval_limit"],
                                               options["eval_every"])}
