"""Measures the normalised error of landmark networks, for `evaluate`."""

import json

from fashion.commands import cspn, landmark_data, models

# What --detector means when no weights are named.
ANNOTATED, WHOLE = "annotated boxes", "whole photos"


def add_arguments(parser):
    """Adds the options of landmark networks to the parser of `evaluate`."""
    group = parser.add_argument_group("landmark networks (--config=cspn)")
    boxes = group.add_mutually_exclusive_group()
    boxes.add_argument("--detector", metavar="sample|PATH",
                       help="weights of the detector whose boxes are cut out (default: the "
                            "annotated boxes)")
    boxes.add_argument("--no-detector", action="store_true",
                       help="take whole photos, without any box")


def load_detector(word, logs):
    """The detector, with the preset `Config.evaluation()`, of weights as --weights takes them."""
    from mrcnn.detection import Detector

    network = models.build("inference", cspn.named(word, logs), logs).network
    return Detector(network, network.config.evaluation(), outputs=())


def run(arguments, model):
    """Measures a landmark network on the landmark benchmark. Returns the exit code.

    Args:
        arguments: of `evaluate`.
        model: `models.Model` of a CSPN.
    """
    from fashion.cspn.crops import Crops
    from fashion.cspn.measure import measure

    data = landmark_data.resolve(arguments.dataset)
    if data.deepfashion2:
        raise ValueError(f"{data.root} has DeepFashion2's landmarks, the normalised error needs "
                         "those of the landmark benchmark. Measure this network as --refine of a "
                         "detector.")
    subset = arguments.subset or data.measured
    dataset = data.load(subset, arguments.limit)
    if model.config.NUM_KEYPOINTS != dataset.num_keypoints:
        raise ValueError(f"{model.weights} looks for {model.config.NUM_KEYPOINTS} landmarks, the "
                         f"landmark benchmark has {dataset.num_keypoints}. Measure weights that "
                         "were trained on DeepFashion2 as --refine of a detector.")
    face = cspn.build("inference", model, arguments.logs)
    where, boxes_of, counts = _boxes(arguments, dataset)
    crops = Crops(dataset, face.network.size, face.config.CSPN_MARGIN, boxes_of)
    print(f"{model.weights}\non {len(crops):,} garments of {data}, {subset}, by {where}")
    errors, skipped = measure(face.predict, crops, arguments.batch_size or face.config.BATCH_SIZE)
    skipped.extend(crops.problems)
    stages = {stage: each.evaluate() for stage, each in errors.items()}
    _write(arguments, model, data, {"subset": subset, "boxes": where, "detector": dict(counts),
                                    "skipped": skipped.to_dict(), "stages": stages})
    _print(stages, counts, skipped)
    print(f"details in {arguments.output}")
    return 0


def _boxes(arguments, dataset):
    """What is cut out in words, `Crops(boxes_of=)`, and counts of what a detector did not find."""
    from fashion.cspn.crops import whole_photos
    from fashion.cspn.measure import detected_boxes

    if arguments.no_detector:
        return WHOLE, whole_photos(dataset), {}
    if not arguments.detector:
        return ANNOTATED, None, {}
    boxes_of, counts = detected_boxes(load_detector(arguments.detector, arguments.logs), dataset)
    return f"boxes of {arguments.detector}", boxes_of, counts


def _write(arguments, model, data, content):
    from mrcnn.files import atomic_path

    content = {"weights": str(model.weights), "configuration": model.config.to_dict(),
               "dataset": str(data.root), "sample": data.sample, **content}
    with atomic_path(arguments.output / "metrics.json") as path:
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _print(stages, counts, skipped):
    from fashion.evaluation.normalised_error import CONVENTIONS, format_table

    last = list(stages.values())[-1]
    titles = dict(zip(CONVENTIONS, (
        "NE, divided by the sleeve distance, of lower-body clothes by the waistline (the paper's)",
        "NE, in the annotated box stretched to a unit square"), strict=True))
    for convention, title in titles.items():
        rows = {stage: numbers[convention]["all"] for stage, numbers in stages.items()}
        rows |= {name: numbers for name, numbers in last[convention].items() if name != "all"}
        print(f"\n{title}:\n{format_table(rows)}")
    print()
    for reason, count in {**last["counts"], **counts}.items():
        print(f"{count:>8,}  {reason}")
    if skipped:
        print(skipped.summary())
