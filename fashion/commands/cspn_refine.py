"""A landmark network behind a detector of DeepFashion2's garments: --refine of `detect` and
`evaluate`."""

from fashion.commands import cspn


def add_argument(parser):
    """Adds --refine."""
    parser.add_argument("--refine", metavar="PATH",
                        help="weights of a landmark network (--config=cspn) that looks for the "
                             "found garments' landmarks once more")


def refined(detector, arguments):
    """The detector, with --refine a `RefinedDetector`."""
    if not arguments.refine:
        return detector
    from fashion.cspn.refine import RefinedDetector

    model = cspn.named(arguments.refine, arguments.logs)
    if not cspn.is_cspn(model.config):
        raise ValueError(f"--refine={arguments.refine}: expected weights of a landmark network "
                         f"(--config=cspn), these are of {model.config.NAME}.")
    return RefinedDetector(detector, cspn.build("inference", model, arguments.logs))


def measure(arguments, network, dataset, image_ids, tasks):
    """Measures what --refine makes of a detector's landmarks, prints it and writes refined.json.

    Args:
        arguments: of `evaluate`.
        network: the detector's, without --refine measured already.
        dataset, image_ids, tasks: see `evaluate_instances`.
    """
    from fashion.evaluation import landmarks, report
    from fashion.evaluation.run import evaluate_instances, write_metrics
    from mrcnn.detection import Detector

    detector = refined(Detector(network, outputs=("keypoints",)), arguments)
    wanted = [task for task in landmarks.TASKS if tasks is None or task in tasks]
    evaluation = evaluate_instances(detector, dataset, image_ids, arguments.batch_size, wanted)
    write_metrics(arguments.output / "refined.json", evaluation, network,
                  weights_file=arguments.refine, dataset=arguments.dataset,
                  subset=arguments.subset)
    print(f"\nLandmarks refined by {arguments.refine}:\n")
    for task in wanted:
        print(f"{report.format_landmarks(evaluation.metrics, task)}\n")
