"""`sample`: writes the made-up data set and says what is in it."""

import sys

HELP = "write a made-up data set in DeepFashion2's layout"


def add_arguments(parser):
    """Adds the command's options to an `argparse` parser."""
    parser.add_argument("--output", required=True, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--images", type=int, default=1000, metavar="N", help="how many in all (default 1000)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="of all that is random (default 0)"
    )
    parser.add_argument(
        "--validation",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="share of the identities kept for validation (default 0.2)",
    )


def run(args):
    """Writes the sample and prints its statistics. Returns the exit code."""
    from tqdm import tqdm

    from fashion.datasets.sample.writer import read_record, write_sample

    before = read_record(args.output)
    try:
        record = write_sample(args.output, args.images, args.seed, args.validation, tqdm)
    except (OSError, ValueError) as error:
        print(f"No sample was written: {error}", file=sys.stderr)
        return 1
    if record == before:
        print(f"{args.output} already holds this sample.")
    counts = record["counts"]
    print(
        f"{args.output}: sample version {record['version']}, seed {record['seed']}, "
        f"{counts['train']} training and {counts['validation']} validation images"
    )
    _print_statistics(args.output)
    return 0


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
