"""Tell which garment of one photo is which garment of another.

For each garment of photo A: the garment of photo B that is most like it, and the probability that
they are the same. From 0.5 on they are called the same, and a line joins them in the picture.
"""

from pathlib import Path

from fashion.commands import common, matching

HELP = "tell which garment of one photo is which of another"


def add_arguments(parser):
    """Adds the command's options to an `argparse` parser."""
    parser.add_argument("photos", type=Path, nargs=2, metavar="PHOTO", help="two photos, A and B")
    parser.add_argument("--output", type=Path, default=Path("match.jpg"), metavar="FILE",
                        help="where the picture goes (default: %(default)s)")
    common.add_weights_argument(parser, ("last", "sample", "PATH"), default="last")
    matching.add_min_score_argument(parser)


def run(arguments):
    """Compares, prints and draws. Returns the exit code."""
    from fashion.retrieval import pictures
    from mrcnn.data.images import read_image

    images = [read_image(path, exif=True) for path in arguments.photos]
    detector, model = matching.open_detector(arguments)
    from fashion.match import similarity_of

    tables = describe(detector, arguments.photos, images)
    names = model.config.CLASS_NAMES
    partners, probabilities = compare(similarity_of(detector.network), *tables)
    print_matches(arguments.photos, tables, partners, probabilities, names)
    same = [partner if probability >= pictures.SAME else -1
            for partner, probability in zip(partners, probabilities, strict=True)]
    pictures.save(arguments.output, pictures.draw_matches(
        images, tables, same, probabilities, names, [str(path) for path in arguments.photos]))
    print(f"\nDrawn in {arguments.output}.")
    return 0


def describe(detector, paths, images):
    """`Garments` of each photo.

    Raises:
        ValueError: a photo without garments.
    """
    from fashion.retrieval.embed import garments_of

    tables = [garments_of(path, raw)
              for path, raw in zip(paths, detector.predict(images), strict=True)]
    for path, garments in zip(paths, tables, strict=True):
        if not len(garments):
            raise ValueError(matching.nothing_found(path, detector.config))
    return tables


def compare(similarity, garments, others):
    """For each garment the one of the others that is most like it.

    Args:
        similarity: `Similarity`.
        garments, others: `Garments`, N and at least one.

    Returns:
        Numbers of the others [N], and the probabilities [N] that these two are the same.
    """
    logits = similarity.logits(garments.embeddings, others.embeddings)
    # Of logits, for probabilities saturate.
    return logits.argmax(axis=1), similarity.probabilities(logits.max(axis=1))


def print_matches(paths, tables, partners, probabilities, class_names):
    """Prints a line for each garment of the first photo."""
    from fashion.retrieval.pictures import SAME

    for letter, path, garments in zip("AB", paths, tables, strict=True):
        print(f"{letter}: {path}, {len(garments)} garment{'s' * (len(garments) > 1)}")
    print(f"\n{'garment of A':26}{'garment of B':26}the same")
    first, second = ([f"{i + 1} {class_names[class_id]}"
                      for i, class_id in enumerate(garments.class_ids)] for garments in tables)
    for name, partner, probability in zip(first, partners, probabilities, strict=True):
        if probability >= SAME:
            print(f"{name:26}{second[partner]:26}{probability:.1%}")
        else:
            print(f"{name:26}{'none':26}{probability:.1%} for the nearest, {second[partner]}")
