"""What the commands share that use a detector for more than boxes: its head, and words."""

import itertools

from fashion.commands import common, models

# What a network cannot do without a head.
WITHOUT = {"match": "cannot tell whether garments are the same",
           "mask": "finds garments without their masks"}
# What of its outputs the commands look at; None: all.
NEEDED = {"match": ("embeddings",), "mask": None}
# Photos that could not be read: so many are named one by one.
NAMED = 20


def add_min_score_argument(parser):
    """Adds --min-score."""
    parser.add_argument("--min-score", type=common.number(0, 1), metavar="X",
                        help="how sure, 0 to 1, the detector must be of a garment "
                             "(default: DETECTION_MIN_CONFIDENCE of the configuration)")


def min_score_settings(arguments):
    """What --min-score asks for, as --set takes it: a list, empty if nothing."""
    if arguments.min_score is None:
        return []
    return [f"DETECTION_MIN_CONFIDENCE={arguments.min_score}"]


def open_detector(arguments, head="match"):
    """The detector that the arguments ask for.

    Args:
        arguments: with those of `models.add_weights_argument` and min_score, which joins the
            other changed knobs in `set`.
        head: that its network must have.

    Returns:
        `mrcnn.detection.Detector`, and its `models.Model`.

    Raises:
        ValueError: weights without that head, or that do not fit.
        OSError: no such weights.
    """
    arguments.set = [*arguments.set, *min_score_settings(arguments)]
    model = models.resolve(arguments)
    if head not in model.config.HEADS:
        raise ValueError(
            f"{model.weights} {WITHOUT[head]}: its network has the heads "
            f"{', '.join(model.config.HEADS)} and no {head} head. Take other weights, or train on "
            f"from these with a configuration that has {head!r} among its HEADS.")
    common.load_backend()
    from mrcnn.detection import Detector

    network = models.build("inference", model, arguments.logs).network
    return Detector(network, outputs=NEEDED[head]), model


def open_describer(arguments, class_names):
    """What describes garments: the network that the arguments ask for, or an image model.

    Args:
        arguments: as for `open_detector`; weights may also be keras:NAME or a .keras file.
        class_names: of the cut-outs that an image model describes, by class id.

    Returns:
        `MatchDescriber` or `ImageModel`.

    Raises:
        ValueError, OSError: as they do, and `open_detector`.
    """
    if str(arguments.weights).startswith("keras:") or str(arguments.weights).endswith(".keras"):
        common.load_backend()
        from fashion.retrieval.image_model import ImageModel

        return ImageModel(str(arguments.weights), class_names)
    from fashion.retrieval.embed import MatchDescriber

    detector, model = open_detector(arguments)
    from fashion.match import similarity_of

    return MatchDescriber(detector, model.weights, similarity_of(detector.network))


def nothing_found(photo, config):
    """A sentence about a photo without garments; config: of the network, None of an image model."""
    if config is None:
        return f"{photo}: no such garment."
    return (f"{photo}: no garment of which the detector is sure by "
            f"{config.DETECTION_MIN_CONFIDENCE:g}. A lower --min-score may find some.")


def print_failed(failed, kept=()):
    """Names the photos that could not be read.

    Args:
        failed: {path: error}.
        kept: photos that an index has as they once were.
    """
    for path, error in itertools.islice(failed.items(), NAMED):
        print(f"Left out{', kept as it was indexed' if str(path) in kept else ''}: {error}")
    if len(failed) > NAMED:
        print(f"... and {len(failed) - NAMED:,} more.")


def check_folder(output):
    """Refuses an --output that is a file.

    Raises:
        NotADirectoryError: it is one.
    """
    if output.exists() and not output.is_dir():
        raise NotADirectoryError(f"--output={output} is a file, expected a folder or a new name.")
