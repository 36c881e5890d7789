"""Trains on landmark benchmarks, for `train`: landmark networks, on the garments of a data set cut
out by their boxes, and the detector in front of them, on whole photos."""

from fashion.commands import common, cspn, landmark_data, train
from fashion.datasets.selection import spread


def run(arguments, model):
    """Trains, prints how it ended and returns the exit code.

    Args:
        arguments: of `train`.
        model: `common.Model` of a `fashion.cspn.config.BenchmarkConfig`.
    """
    options = train.options_of(arguments, model, train.DEFAULTS | {"augment": "jitter"})
    data = landmark_data.resolve(options["dataset"])
    options["dataset"] = str(data.root.resolve())
    datasets = data.load("train", options["limit"]), data.load("validation")
    config = train.configure(model, arguments)
    common.load_backend()
    from mrcnn.training import make_deterministic

    if arguments.deterministic:
        make_deterministic(config.SEED)
    prepare = _landmarks if cspn.is_cspn(config) else _boxes
    face, subsets, watched = prepare(common.Model(config, model.weights), datasets, options,
                                     arguments.logs)
    face.run.check_writable()
    train.write_options(face.run, options)
    extras = train.tensorboard_extras(options, face)
    print(f"     data set: {data}")
    trainer = face.train(
        *subsets, learning_rate=options["rate"], layers=options["layers"],
        save_every=options["save_every"], keep=options["keep"], watch=options["watch"],
        patience=options["patience"], tensorboard=extras, **watched)
    last = train.last_weights(arguments)
    commands = {"Measure it": f"evaluate {last}"} if cspn.is_cspn(config) else {}
    return train.say_how_it_ended(
        face, trainer, last, commands | {"Use it": f"detect {last} --image=FILE"})


def _landmarks(model, datasets, options, logs):
    """The network, `Crops` of both subsets, and how `CSPN.train` augments and draws them."""
    from fashion.cspn.config import fit
    from fashion.cspn.crops import JITTER, SHIFT, Crops
    from fashion.cspn.garments import Garments
    from fashion.cspn.pictures import StagePictures
    from mrcnn.data.augment import Jitter

    config = fit(model.config, datasets[0])
    subsets = [Crops(dataset, int(config.IMAGE_SHAPE[0]), config.CSPN_MARGIN)
               for dataset in datasets]
    for crops in subsets:
        if crops.problems:
            print(crops.problems.summary())
    face = cspn.build("training", common.Model(config, model.weights), logs)
    if config.NUM_KEYPOINTS != model.config.NUM_KEYPOINTS:
        face.set_log_dir()  # another training than the weights'
    train.check_watched(options["watch"], ["loss", *face.network.logged], True)
    garments = Garments(subsets[1])
    jitters = {"none": None, "flip": Jitter(**train.AUGMENTATIONS["flip"]), "shift": SHIFT,
               "jitter": JITTER}
    return face, subsets, {"augmentation": jitters[options["augment"]],
                           "draw": StagePictures(face.network, garments),
                           "picture_ids": spread(garments.image_ids, train.PICTURES)}


def _boxes(model, datasets, options, logs):
    """The detector, both data sets, and how `MaskRCNN.train` augments, measures and draws."""
    from mrcnn.data.augment import Jitter

    face = common.build("training", model, logs)
    train.check_watch(options["watch"], face.network, options["eval_limit"], True)
    jitter = train.AUGMENTATIONS[options["augment"]]
    return face, datasets, {"augmentation": None if jitter is None else Jitter(**jitter),
                            **train.watch_with(face, datasets[1], options["eval_limit"],
                                               options["eval_every"])}
