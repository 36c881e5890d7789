"""Train a garment detector, or go on with one (--weights=last).

What to expect of the schedules:
  paper       rate 1e-5, divided by 10 every 2,000 steps, 8,000 steps (Zhang & Zhang 2020). The
              rates add up to 0.022: this fine-tunes trained weights (coco) a little, with Adam,
              and new heads at ten times the rate. From random weights it learns nothing. The
              article names no optimizer: on the sample, 400 steps after its class layers were
              forgotten, Adam brings the class loss from 2.44 to 0.73 and the box loss from 0.56
              to 0.23, SGD to 0.95 and 0.53 (tests/benchmarks/bench_paper_schedule.py).
  1x          12 epochs at 0.02 for 16 images, divided by 10 after epochs 8 and 11 (Detectron,
              Match R-CNN): the one for a full training on DeepFashion2.
  matterport  heads, then stage 4 and up, then all layers, 160 epochs of STEPS_PER_EPOCH.
  one_cycle   up, then down to zero along a cosine, in --epochs.
  constant    one rate for --epochs.
A configuration may set the number of epochs of its own schedule (via: 20, tiny: 10).

Photos that VIA, COCO or LabelMe annotations, or masks, belong to bring classes of their own: boxes
and masks are trained, and what the weights knew of other classes starts anew. --config=via suits
about a hundred of them; with --weights=sample it trains the small bundled network.

--config=cspn trains a landmark network on garments that are cut out, cspn_detector the detector in
front of it; --dataset is a landmark benchmark there (by default a made-up one), or DeepFashion2.

Each epoch writes weights, its losses and pictures for TensorBoard into a dated folder in --logs.
Ctrl-C saves and ends. --weights=last, or weights inside such a folder, go on in it at the very
next step, with the arguments it began with where no others are given.
"""

import argparse
import json
from pathlib import Path

from fashion.categories import NUM_LANDMARKS
from fashion.commands import common, data_sets, models
from fashion.cspn.config import BenchmarkConfig
from fashion.datasets.selection import spread
from fashion.landmark_groups import LANDMARK_GROUPS, NUM_GROUPS
from mrcnn import resume
from mrcnn.files import atomic_path
from mrcnn.schedules import OPTIMIZER_OF, SCHEDULES

HELP = "train a detector"

# Arguments of `mrcnn.data.augment.Jitter`.
AUGMENTATIONS = {
    "none": None,
    "flip": {"scale": (1, 1), "translate": 0, "colour": 0},
    "shift": {"colour": 0},
    "jitter": {},
}
# What a training that goes on takes from the one it continues, unless given anew; and what it
# takes where nothing was given. They are written into the run folder as this file.
ARGUMENTS = "arguments.json"
DEFAULTS = {"dataset": None, "class_attribute": None, "where": None, "limit": None, "rate": None,
            "layers": "all", "augment": "flip", "published_flips": False, "eval_limit": 500,
            "eval_every": 1, "watch": None, "patience": 0, "keep": 3, "save_every": 1000,
            "tensorboard": None}
PICTURES = 4  # validation photos shown in TensorBoard
MAPPED_IMAGES = 500  # whose garments the map of embeddings shows
EXTRAS = ("histograms", "embeddings", "profile")  # shown there if asked for
# Losses of every network; the others are those of its heads.
RPN_LOSSES = ("rpn_class_loss", "rpn_bbox_loss")


def add_arguments(parser):
    models.add_weights_argument(
        parser, ("coco", "imagenet", "sample", "last", "random", "PATH"))
    data_sets.add_dataset_argument(parser)
    data = parser.add_argument_group("data")
    data.add_argument("--where", metavar="CONDITION",
                      help='train on images with such garments, as "occlusion<=2 and zoom_in==1"')
    data.add_argument("--limit", type=common.positive, metavar="N", help="train on N images only")
    data.add_argument("--augment", choices=AUGMENTATIONS,
                      help=f"default: {DEFAULTS['augment']}; shift also scales and shifts, "
                           "jitter tints too and is what landmark networks begin with")
    data.add_argument("--workers", type=int, metavar="N", help="processes that load images")
    _add_landmark_arguments(parser.add_argument_group("landmarks"))
    length = parser.add_argument_group("length and rate")
    length.add_argument("--schedule", choices=SCHEDULES, help="default: the configuration's")
    length.add_argument("--epochs", type=common.positive, metavar="N",
                        help="number of the last epoch")
    length.add_argument("--steps", type=common.positive, metavar="N",
                        help="steps of an epoch (default: one pass over the images)")
    length.add_argument("--rate", type=common.number(0, 1e3), metavar="R",
                        help="learning rate")
    length.add_argument("--layers", metavar="WHICH",
                        help="heads, 3+, 4+, 5+, all (default), or a regular expression")
    length.add_argument("--patience", type=int, metavar="N",
                        help="stop after N epochs that were not the best so far (default: never)")
    length.add_argument("--watch", metavar="METRIC",
                        help="what makes an epoch the best: a loss such as val_loss (default), "
                             "an average precision such as segm_AP50, or retrieval_top10; its "
                             "weights are kept")
    length.add_argument("--eval-limit", type=int, metavar="N",
                        help="average precision, and top-k of retrieval, on N validation images "
                             "after each epoch "
                             f"(default: {DEFAULTS['eval_limit']}; 0: none)")
    length.add_argument("--eval-every", type=common.positive, metavar="N",
                        help="measure those after every Nth epoch only, the first and the last "
                             f"(default: {DEFAULTS['eval_every']})")
    _add_running_arguments(parser.add_argument_group("running"))


def _add_running_arguments(running):
    running.add_argument("--precision", choices=("float32", "mixed_bfloat16", "mixed_float16"))
    running.add_argument("--deterministic", action="store_true",
                         help="the same numbers in every run (slower)")
    running.add_argument("--seed", type=int, metavar="S", help="of all that is random")
    running.add_argument("--keep", type=common.positive, metavar="N",
                         help=f"weights files kept (default: {DEFAULTS['keep']})")
    running.add_argument("--save-every", type=int, metavar="N",
                         help="steps between the states that a killed training goes on from "
                              f"(default: {DEFAULTS['save_every']}; 0: after epochs only)")
    running.add_argument("--tensorboard", nargs="*", choices=EXTRAS, metavar="EXTRA",
                         help="say how to look at the training in TensorBoard, and show there "
                              "also histograms of the weights, the embeddings of validation "
                              "garments as a map, or a profile of a few steps: any of "
                              f"{', '.join(EXTRAS)}")


def _add_landmark_arguments(group):
    group.add_argument("--landmarks", choices=("parts", "own"),
                       help=f"own: a heatmap for each of {NUM_LANDMARKS} landmarks; parts: one "
                            f"for each of {NUM_GROUPS} parts, such as left cuffs, that garments "
                            "have in common. Lin et al. (arXiv 2005.00419) train parts first, "
                            "then own: --weights=last --landmarks=own is a new run that begins "
                            "with the parts' heatmaps (default: as the weights were trained, "
                            "else own)")
    group.add_argument("--published-flips", action=argparse.BooleanOptionalAction,
                       help="mirror short sleeve outwear by the landmark pairs as published, "
                            "which do not agree with the official sigmas (default: by symmetric "
                            "pairs, which do)")
    group.add_argument("--no-detector", action="store_true", default=None,
                       help="landmark networks (--config=cspn) see whole photos, not garments that "
                            "are cut out by their boxes")


def run(arguments):
    model = models.resolve(arguments)
    if isinstance(model.config, BenchmarkConfig):
        from fashion.commands import cspn_train

        return cspn_train.run(arguments, model)
    options = options_of(arguments, model)
    data = data_sets.resolve(options["dataset"], options["class_attribute"])
    options["dataset"] = str(data.root.resolve())
    config = data.fit(configure(model, arguments))
    train = data_sets.load(data, "train", options["where"], options["limit"],
                        options["published_flips"], config.CLASS_NAMES,
                        whole_pairs="match" in config.HEADS)
    validation = None
    if "validation" in data.subsets:
        validation = data_sets.load(data, "validation", class_names=config.CLASS_NAMES)
    else:
        print("No validation images here: no validation losses, no average precision.")
    common.load_backend()
    from mrcnn import training
    from mrcnn.data.augment import Jitter

    if arguments.deterministic:
        training.make_deterministic(config.SEED)
    face = models.build("training", models.Model(config, model.weights), arguments.logs)
    check_watch(options["watch"], face.network, options["eval_limit"], validation is not None)
    if _is_another(config, model.config):
        face.set_log_dir()  # with a schedule from its start
    face.run.check_writable()
    write_options(face.run, options)
    print(f"     data set: {data}")
    extras = tensorboard_extras(options, face, validation is not None)
    jitter = AUGMENTATIONS[options["augment"]]
    trainer = face.train(
        train, validation, learning_rate=options["rate"], layers=options["layers"],
        augmentation=None if jitter is None else Jitter(**jitter),
        save_every=options["save_every"], keep=options["keep"], watch=options["watch"],
        patience=options["patience"], tensorboard=extras,
        **watch_with(face, validation, options["eval_limit"], options["eval_every"], extras))
    last = last_weights(arguments)
    where = f" --dataset={data.root}" if data.own else ""
    return say_how_it_ended(face, trainer, last, {
        "Measure it": f"evaluate {last}{where}", "Use it": f"detect {last} --image=FILE",
        "Cut out": f"extract {last} --image=DIR"})


def _is_another(config, before):
    """Whether other classes, heads or heatmaps make this another training than the weights'."""
    return any(getattr(config, knob) != getattr(before, knob)
               for knob in ("CLASS_NAMES", "HEADS", "LANDMARK_GROUPS"))


def options_of(arguments, model, defaults=DEFAULTS):
    """Arguments as given; otherwise those of the training that goes on; otherwise the defaults."""
    before = {}
    if model.weights and resume.parse_path(model.weights, model.config.NAME):
        file = Path(model.weights).parent / ARGUMENTS
        before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    given = {name: getattr(arguments, name) for name in defaults}
    given = {name: value for name, value in given.items() if value is not None}
    return defaults | before | given


def write_options(run, options):
    with atomic_path(run.make() / ARGUMENTS) as temporary:
        temporary.write_text(json.dumps(options, indent=1), encoding="utf-8")


def configure(model, arguments):
    """The configuration with what the arguments say, which every checkpoint will remember."""
    knobs = {"SCHEDULE": arguments.schedule, "EPOCHS": arguments.epochs,
             "STEPS_PER_EPOCH": arguments.steps, "WORKERS": arguments.workers,
             "PRECISION": arguments.precision, "SEED": arguments.seed}
    config = model.config.override(
        {name: value for name, value in knobs.items() if value is not None})
    if config.SCHEDULE != model.config.SCHEDULE:
        config = _follow_schedule(config, arguments)
    if arguments.landmarks is not None:
        config = _share_heatmaps(config, arguments.landmarks)
    if model.weights is None and config.TRAIN_BN is False:
        print("From random weights batch normalisation trains (TRAIN_BN=None).")
        config = config.override({"TRAIN_BN": None})
    return config


def _share_heatmaps(config, landmarks):
    """Let the landmarks that are the same part share a heatmap ("parts"), or none ("own")."""
    if "keypoint" not in config.HEADS or config.NUM_KEYPOINTS != NUM_LANDMARKS:
        raise ValueError(
            f"--landmarks={landmarks}: the configuration {config.NAME} has no head for "
            f"DeepFashion2's {NUM_LANDMARKS} landmarks. Take --config=deepfashion2, or leave it "
            "out.")
    return config.override(
        {"LANDMARK_GROUPS": list(LANDMARK_GROUPS) if landmarks == "parts" else None})


def _follow_schedule(config, arguments):
    """Change what suited the configuration's own schedule, unless it was asked for by name."""
    suited = {"EPOCHS": None, "OPTIMIZER": OPTIMIZER_OF[config.SCHEDULE],
              "HEAD_LEARNING_RATE_MULTIPLIER": 1.0}
    asked = {text.split("=")[0] for text in arguments.set}
    if arguments.epochs is not None:
        asked.add("EPOCHS")
    return config.override({name: suited[name] for name in suited if name not in asked})


def tensorboard_extras(options, face, has_validation=True):
    """Says how to look at a training, if --tensorboard was given, and returns the extras.

    Raises:
        ValueError: there are no embeddings to show.
    """
    if options["tensorboard"] is None:
        return ()
    extras = options["tensorboard"]
    if "embeddings" in extras and not (has_validation and "match" in face.config.HEADS):
        raise ValueError("--tensorboard embeddings: that takes a match head and validation "
                         "images. Take --config=match_rcnn or tiny, or leave it out.")
    print(f"  tensorboard: tensorboard --logdir={face.model_dir}\n"
          "               and open the address it says; docs/tensorboard.md: what to look for")
    return tuple(extras)


def watch_with(face, validation, limit, every=1, extras=()):
    """What `MaskRCNN.train` needs to measure and to draw while it trains."""
    if validation is None:
        return {}
    from fashion.evaluation.embedding_map import EmbeddingMap
    from fashion.evaluation.watching import AveragePrecision, Drawing
    from mrcnn.detection import Detector

    detector = Detector(face.network, face.network.config.evaluation())
    callbacks = [AveragePrecision(detector, validation, limit, every=every)] if limit else []
    if "embeddings" in extras:
        callbacks.append(EmbeddingMap(detector, validation, face.run, MAPPED_IMAGES, every))
    return {"custom_callbacks": callbacks, "draw": Drawing(detector, validation),
            "picture_ids": spread(validation.image_ids, PICTURES)}


def check_watch(watch, network, limit, has_validation):
    """Refuses a metric that no epoch will have, before the first of them."""
    from fashion.evaluation.watching import logged_names

    losses = ["loss", *RPN_LOSSES, *(name for head in network.heads for name in head.losses_of)]
    precisions = logged_names(network.config.HEADS) if has_validation and limit else []
    check_watched(watch, losses, has_validation, precisions)


def check_watched(watch, names, has_validation, others=()):
    """The same for numbers by name, which have twins of the validation, and for others."""
    known = [*names, *(f"val_{name}" for name in names if has_validation), *others]
    if watch is not None and watch not in known:
        raise ValueError(f"--watch={watch}: an epoch has no such number. It has "
                         f"{', '.join(known)}.")


def last_weights(arguments):
    """The words that name the weights of the training that the arguments began."""
    logs = "" if arguments.logs == models.LOGS else f" --logs={arguments.logs}"
    return f"--weights=last{logs}"


def say_how_it_ended(face, trainer, last, commands):
    """Prints how a training ended and what to do next. Returns the exit code.

    Args:
        face: `mrcnn.mask_rcnn.MaskRCNN`.
        trainer: what its `train` returned.
        last: see `last_weights`.
        commands: {what for: command and its arguments}.
    """
    progress = trainer.progress
    reason = trainer.stop_reason or "as planned"
    print(f"\nThe end: {reason}, after step {progress.step:,}, epoch {progress.epoch}.")
    print(f"Weights and logs: {face.log_dir}")
    if progress.best_epoch:
        print(f"Best epoch: {progress.best_epoch} ({face.run.checkpoint(progress.best_epoch)})")
    if trainer.stop_reason == "interrupted":
        print(f"Go on with {last}.")
        return 130
    for title, command in commands.items():
        print(f"{title + ':':12} python fashion/fashion.py {command}")
    return 0
