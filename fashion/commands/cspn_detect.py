"""Draws what a landmark network finds behind a detector, for `detect`."""

from fashion.commands import cspn, matching, models


def add_arguments(parser):
    """Adds the options of landmark networks to the parser of `detect`."""
    group = parser.add_argument_group("landmark networks (--config=cspn)")
    boxes = group.add_mutually_exclusive_group()
    boxes.add_argument("--detector", default="sample", metavar="sample|PATH",
                       help="weights of the detector in front (default: %(default)s)")
    boxes.add_argument("--no-detector", action="store_true",
                       help="take every photo as one garment")


def make_detector(arguments, model):
    """The `fashion.cspn.top_down.TopDown` that `detect` runs.

    Args:
        arguments: of `detect`.
        model: `models.Model` of a CSPN.
    """
    from fashion.cspn.top_down import TopDown
    from mrcnn.detection import Detector

    face = cspn.build("inference", model, arguments.logs)
    if arguments.no_detector:
        return TopDown(face)
    front = cspn.named(arguments.detector, arguments.logs, matching.min_score_settings(arguments))
    return TopDown(face, Detector(models.build("inference", front, arguments.logs).network))
