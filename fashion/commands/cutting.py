"""What `extract` and `splash` share: their arguments, and, as for `search`, which categories."""

import difflib

from fashion.commands import matching, models


def add_arguments(parser):
    """Adds --category and everything that decides on the network."""
    parser.add_argument("--category", nargs="+", metavar="NAME",
                        help='only garments of these, such as --category trousers "long sleeve '
                             'top" (default: all)')
    models.add_weights_argument(parser, ("sample", "last", "PATH"), default="sample")
    matching.add_min_score_argument(parser)


def class_ids(categories, class_names):
    """Ids of the categories that a command line names.

    Args:
        categories: list of names, upper or lower case; None means all.
        class_names: by class id, background first.

    Returns:
        A set of class ids.

    Raises:
        ValueError: a name that is none of them.
    """
    ids = {name.casefold(): i for i, name in enumerate(class_names) if i}
    if categories is None:
        return set(ids.values())
    unknown = [name for name in categories if name.casefold() not in ids]
    if unknown:
        close = difflib.get_close_matches(unknown[0].casefold(), ids, n=1)
        advice = (f"did you mean {class_names[ids[close[0]]]!r}?" if close
                  else f"known are {', '.join(class_names[1:])}.")
        raise ValueError(f"--category: there is no {unknown[0]!r}; {advice}")
    return {ids[name.casefold()] for name in categories}
