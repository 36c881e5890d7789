"""Tell which garment of one photo is which garment of another.

For each garment of photo A: the garment of photo B that it is, and the probability that they are
the same, which is 0.5 or more; a line joins them in the picture. No garment of B is that of two of
A. Where there is none, the one most like it is named.
"""

from pathlib import Path

import numpy as np

from fashion.commands import matching, models

HELP = "tell which garment of one photo is which of another"


def add_arguments(parser):
    """Adds the command's options to an `argparse` parser."""
    parser.add_argument("photos", type=Path, nargs=2, metavar="PHOTO", help="two photos, A and B")
    parser.add_argument("--output", type=Path, default=Path("match.jpg"), metavar="FILE",
                        help="where the picture goes (default: %(default)s)")
    models.add_weights_argument(parser, ("sample", "last", "PATH"), default="sample")
    matching.add_min_score_argument(parser)


def run(arguments):
    """Compares, prints and draws. Returns the exit code."""
    from fashion.retrieval import pictures
    from mrcnn.data.images import read_image

    pictures.check_target(arguments.output)
    images = [read_image(path, exif=True) for path in arguments.photos]
    detector, model = matching.open_detector(arguments)
    from fashion.match import similarity_of

    tables = describe(detector, arguments.photos, images)
    names = model.config.CLASS_NAMES
    partners, nearest, probabilities = compare(similarity_of(detector.network), *tables)
    print_matches(arguments.photos, tables, partners, nearest, probabilities, names)
    pictures.save(arguments.output, pictures.draw_matches(
        images, tables, partners, probabilities, names, [str(path) for path in arguments.photos]))
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
    """Pairs garments that are the same, each with one at most: the pairs likeliest in all.

    Args:
        similarity: `Similarity`.
        garments, others: `Garments`, N and at least one.

    Returns:
        Of the others the partners [N], -1 where none is the same; those most like each [N]; and
        the probabilities [N] of being the same as the partner, or else as the one most like it.
    """
    from scipy.optimize import linear_sum_assignment

    logits = similarity.logits(garments.embeddings, others.embeddings)
    nearest, partners = logits.argmax(axis=1), np.full(len(garments), -1)
    # Logits are log-odds against having no partner: a pair below 0 is worth no more than none.
    rows, columns = linear_sum_assignment(np.maximum(logits, 0), maximize=True)
    same = logits[rows, columns] >= 0
    partners[rows[same]] = columns[same]
    shown = logits[np.arange(len(garments)), np.where(partners >= 0, partners, nearest)]
    return partners, nearest, similarity.probabilities(shown)


def print_matches(paths, tables, partners, nearest, probabilities, class_names):
    """Prints a line for each garment of the first photo."""
    for letter, path, garments in zip("AB", paths, tables, strict=True):
        print(f"{letter}: {path}, {len(garments)} garment{'s' * (len(garments) > 1)}")
    print(f"\n{'garment of A':26}{'garment of B':26}the same")
    first, second = ([f"{i + 1} {class_names[class_id]}"
                      for i, class_id in enumerate(garments.class_ids)] for garments in tables)
    for name, partner, like, probability in zip(first, partners, nearest, probabilities,
                                                strict=True):
        if partner >= 0:
            print(f"{name:26}{second[partner]:26}{probability:.1%}")
        else:
            print(f"{name:26}{'none':26}{probability:.1%} for the nearest, {second[like]}"
                  + (", which is another's" if like in partners else ""))
