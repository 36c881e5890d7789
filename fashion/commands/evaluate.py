"""Measure a network: average precision of boxes, masks and landmarks, and retrieval.

All images are taken in order, with float boxes and sub-pixel masks, and the preset of
`Config.evaluation()` (score threshold 0.05, NMS 0.5, 100 detections). --output gets metrics.json,
and in COCO's formats ground_truth.json and detections.json. Landmarks are measured as DeepFashion2
does, where only visible ones count and where covered ones count too; --output then gets
keypoints_results.json, keypoints_val_vis.json and keypoints_val_vis_and_occ.json, which
DeepFashion2's own evaluation reads.

Retrieval searches the garments of users' photos among those of shops', with detected and with true
boxes, and counts as DeepFashion2 does; --output then gets val_query.json, val_gallery.json,
retrieval_results.json and retrieval_true_boxes_results.json for its own script. With --limit photos
that show the same garment are taken together, so that no query lacks its counterparts.

Landmark networks (--config=cspn) are measured by their normalised error on DeepFashion's landmark
benchmark, by stage, clothes type and variation. With --refine one of them looks once more for the
landmarks that a detector has found, and their average precision is given before and after.
"""

import argparse
from pathlib import Path

from fashion.commands import common, cspn, cspn_evaluate, cspn_refine, data_sets, models

HELP = "measure average precision and retrieval"

# What --tasks takes, and the head that it needs.
HEADS = {"bbox": "box", "segm": "mask", "keypoints": "keypoint", "retrieval": "match"}


def add_arguments(parser):
    """Adds the command's options to an `argparse` parser."""
    models.add_weights_argument(parser, ("last", "sample", "PATH"), default="last")
    data_sets.add_dataset_argument(parser)
    parser.add_argument("--subset", choices=("train", "validation", "test"),
                        help="default: validation, as DeepFashion2's test annotations were never "
                             "released; of the landmark benchmark test")
    parser.add_argument("--limit", type=common.positive, metavar="N",
                        help="measure on about N images only, spread evenly over the subset")
    parser.add_argument("--tasks", type=_kinds, metavar="KIND,...",
                        help=f"of {','.join(HEADS)} (default: all that the network has heads for)")
    parser.add_argument("--batch-size", type=common.positive, metavar="N",
                        help="images run at once (default: the configuration's)")
    parser.add_argument("--output", type=Path, default=Path("evaluation"), metavar="DIR",
                        help="where the results go (default: %(default)s)")
    cspn_evaluate.add_arguments(parser)
    cspn_refine.add_argument(parser)


def _kinds(text):
    """An `argparse` type: keys of `HEADS` with commas between them."""
    kinds = [kind.strip() for kind in text.split(",")]
    unknown = [kind for kind in kinds if kind not in HEADS]
    if unknown:
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(HEADS)}, got {unknown[0]!r}")
    return kinds


def _tasks(kinds, heads):
    """The tasks of some keys of `HEADS`, for a network with these heads; None: all that it can do.

    Raises:
        ValueError: the network lacks a head.
    """
    from fashion.evaluation.run import TASKS

    if kinds is None:
        return None
    for kind in kinds:
        if HEADS[kind] not in heads:
            raise ValueError(f"--tasks={kind}: the network has no {HEADS[kind]} head, only "
                             f"{', '.join(heads)}.")
    return [task for kind in kinds for task, head in TASKS.items() if head == HEADS[kind]]


def run(arguments):
    """Measures, prints tables and writes the results. Returns the exit code."""
    from fashion.evaluation.run import evaluate_instances, outputs_of, write_metrics
    from fashion.evaluation.sampling import images_to_measure

    common.load_backend()
    from mrcnn.detection import Detector

    model = models.resolve(arguments)
    if cspn.is_cspn(model.config):
        return cspn_evaluate.run(arguments, model)
    if arguments.no_detector or arguments.detector:
        raise ValueError("--detector and --no-detector are for landmark networks (--config=cspn), "
                         f"{model.weights} are weights of a detector.")
    arguments.subset = _subset(arguments.subset)
    data = data_sets.resolve(arguments.dataset, arguments.class_attribute)
    dataset = data_sets.load(data, arguments.subset, class_names=model.config.CLASS_NAMES)
    image_ids = images_to_measure(dataset, arguments.limit, model.config.HEADS)
    model = models.Model(model.config.evaluation(), model.weights)
    tasks = _tasks(arguments.tasks, model.config.HEADS)
    network = models.build("inference", model, arguments.logs).network
    print(f"{model.weights}\non {len(image_ids):,} {arguments.subset} images of {data}")
    evaluation = evaluate_instances(Detector(network, outputs=outputs_of(tasks)), dataset,
                                    image_ids, arguments.batch_size, tasks)
    evaluation.write(arguments.output)
    write_metrics(arguments.output / "metrics.json", evaluation, network,
                  weights_file=model.weights, dataset=data.root, subset=arguments.subset,
                  sample=data.sample)
    _print_evaluation(evaluation, arguments)
    if arguments.refine:
        cspn_refine.measure(arguments, network, dataset, image_ids, tasks)
    return 0


def _subset(name):
    """The subset that is measured where none is named."""
    if name == "test":
        raise ValueError("--subset=test: DeepFashion2's test annotations were never released; "
                         "measure on validation.")
    return name or "validation"


def _print_evaluation(evaluation, arguments):
    from fashion.evaluation import published, report

    print(f"\n{report.format_all(evaluation.metrics)}\n")
    if arguments.subset == "validation" and evaluation.images == published.IMAGES:
        print(f"{report.format_published()}\n")
    for reason, count in (+evaluation.evaluator.landmarks.counts).items():
        print(f"{count:>8,}  {reason}")
    if evaluation.skipped:
        print(evaluation.skipped.summary())
    print(f"{evaluation.images:,} images in {evaluation.seconds:.0f} s; "
          f"details in {arguments.output}")
