"""Write a made-up data set: no download, no licence, all of it annotated truly.

  --format=deepfashion2   figures in DeepFashion2's 13 categories with landmarks and identities, in
                          its layout: what the demo learns from (1000 images)
  --format=deepfashion_landmarks
                          the same figures in the layout of DeepFashion's landmark benchmark, one
                          garment a photo with 4 to 8 landmarks: what --config=cspn learns from
                          (1000 images)
  any other               photos of outfits with three classes, top, boots and bag, as somebody
                          annotates them in an afternoon: folders train and val with photos and
                          the annotations of that tool (130 images)
"""

import functools
import sys

from fashion.commands.common import positive

HELP = "write a made-up data set, in DeepFashion2's layout or as annotation tools write"
DEEPFASHION2 = "deepfashion2"
LANDMARKS = "deepfashion_landmarks"
FORMATS = (DEEPFASHION2, LANDMARKS, "via1", "via2", "via3", "coco", "labelme", "masks")
IMAGES, OUTFITS = 1000, 130
# How to train on what was written.
TRAINING = {LANDMARKS: "--config=cspn_tiny --weights=random",
            **dict.fromkeys(FORMATS[2:], "--config=via --weights=sample")}


def add_arguments(parser):
    """Adds the command's options to an `argparse` parser."""
    parser.add_argument("--output", required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--format", choices=FORMATS, default=DEEPFASHION2, metavar="NAME",
                        help=f"{', '.join(FORMATS)} (default: %(default)s)")
    parser.add_argument("--images", type=positive, metavar="N",
                        help=f"how many in all (default: {IMAGES}; of outfits {OUTFITS})")
    parser.add_argument("--seed", type=int, default=0, metavar="S",
                        help="of all that is random (default: %(default)s)")
    parser.add_argument("--validation", type=float, default=0.2, metavar="SHARE",
                        help="share kept for validation, of the identities or of the photos of "
                             "outfits (default: %(default)s)")


def run(arguments):
    """Writes the sample and says what is in it. Returns the exit code."""
    from fashion.datasets.sample.writer import read_record

    before = read_record(arguments.output)
    try:
        record = _write(arguments)
    except (OSError, ValueError) as error:
        print(f"No sample was written: {error}", file=sys.stderr)
        return 1
    if record == before:
        print(f"{arguments.output} already holds this sample.")
    counts = ", ".join(f"{count} {subset}" for subset, count in record["counts"].items())
    print(f"{arguments.output}: sample version {record['version']}, seed {record['seed']}, images: "
          f"{counts}")
    if arguments.format == DEEPFASHION2:
        _print_statistics(arguments.output)
    else:
        print(f"Train on it: python fashion/fashion.py train {TRAINING[arguments.format]} "
              f"--dataset={arguments.output}")
    return 0


def _write(arguments):
    """Writes what was asked for: what sample.json holds."""
    from tqdm import tqdm

    from fashion.datasets.sample.album import write_album
    from fashion.datasets.sample.landmark_lists import write_landmark_lists
    from fashion.datasets.sample.writer import write_sample

    quiet_in_files = functools.partial(tqdm, disable=None)
    rest = arguments.seed, arguments.validation, quiet_in_files
    figures = {DEEPFASHION2: write_sample, LANDMARKS: write_landmark_lists}
    if arguments.format in figures:
        return figures[arguments.format](arguments.output, arguments.images or IMAGES, *rest)
    return write_album(arguments.output, arguments.format, arguments.images or OUTFITS, *rest)


def _print_statistics(root):
    """Prints counts, and the two baselines that need no learning."""
    from fashion.datasets.sample import statistics

    counts = statistics.count(root)
    for name, counter in counts.items():
        pairs = counter.most_common() if name == "categories" else sorted(counter.items())
        total = max(sum(counter.values()), 1)
        print(f"{name:16}" + ", ".join(f"{key} {n} ({n / total:.0%})" for key, n in pairs))
    print(
        f"Calling every item the commonest category is right for "
        f"{statistics.majority_baseline(counts):.3f}."
    )
    found = statistics.histogram_retrieval(root)
    print(
        f"Retrieval by colour histogram alone: top-1 {found['top1']:.3f} "
        f"({found['queries']} queries in a gallery of {found['gallery']})."
    )
