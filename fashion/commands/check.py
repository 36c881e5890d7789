"""Go through a data set before a week is spent on it.

Counts what is there, of DeepFashion2 beside what was published, decodes every image (not with
--quick), and lists what is odd by reason, with the first files. Takes annotations of VIA, COCO,
LabelMe and masks, too. Exit code 0: it can be used, perhaps with warnings; 1: it cannot.
"""

from pathlib import Path

from fashion.commands import data_sets, own_data

HELP = "look for missing, broken and odd files in a data set"

# Items of each category in the whole of DeepFashion2, thousands, read off the paper's bar chart.
PUBLISHED_THOUSANDS = (190, 95, 6, 38, 42, 8, 92, 147, 83, 47, 24, 49, 20)
# Share of the values 1, 2, 3 of each attribute, from the paper's figure 3 (viewpoint: the paper
# tells side from back, the annotations do not).
PUBLISHED_SHARES = {"scale": (26, 50, 24), "occlusion": (47, 47, 6), "zoom_in": (67, 21, 12),
                    "viewpoint": (7, 78, 15)}


def add_arguments(parser):
    """Adds the command's options to an `argparse` parser."""
    parser.add_argument("--dataset", metavar="DIR",
                        help="folder around train, validation and test, or of photos with "
                             "annotations of one's own (default: $DEEPFASHION2_DIR, else "
                             "datasets/deepfashion2)")
    data_sets.add_class_attribute_argument(parser)
    parser.add_argument("--quick", action="store_true", help="do not decode the images")
    parser.add_argument("--examples", type=int, default=5, metavar="N",
                        help="files named for each oddity (default: %(default)s)")
    parser.add_argument("--output", type=Path, metavar="FILE",
                        help="write everything, with all file names, as JSON")


def run(arguments):
    """Checks and prints. Returns 0 if the data set can be used, else 1."""
    from fashion.datasets import locate
    from fashion.datasets.inspection import inspect_subset

    own = own_data.find(arguments.dataset)
    if own:
        return _check_own(own, arguments)
    root = locate.find_dataset(arguments.dataset)
    if root is None:
        raise ValueError(f"No data set to check: give --dataset=DIR.\n{locate.HOW_TO_GET}")
    is_whole = not (root / "sample.json").is_file()
    found = {}
    for subset in locate.subsets_present(root):
        found[subset] = inspect_subset(root, subset, decode=not arguments.quick)
        _print_subset(subset, found[subset], arguments.examples, compare=is_whole)
    if arguments.output:
        _write(arguments.output, found)
    return _conclude(root, found)


def _check_own(root, arguments):
    """The same for annotations that are not DeepFashion2's."""
    from fashion.datasets.problems import Problems
    from fashion.datasets.subsets import read_subsets

    found = read_subsets(root, arguments.class_attribute)
    print(own_data.describe(found, arguments.examples))
    broken = Problems()
    if not arguments.quick:
        own_data.find_broken(found, broken)
    if broken:
        print(f"Photos that cannot be decoded:\n{broken.summary(arguments.examples)}")
    if arguments.output:
        problems = own_data.find_problems(found)
        problems.extend(broken)
        counts = {subset: {"images": len(some.photos), "items": some.count_regions()}
                  for subset, some in found.items()}
        _write(arguments.output, counts | {"problems": problems.to_dict()})
    photos = sum(len(some.photos) for some in found.values())
    print("This data set cannot be used." if len(broken) >= photos else "Usable.")
    return int(len(broken) >= photos)


def _conclude(root, found):
    usable = [subset for subset, counts in found.items()
              if counts["images"] > counts["broken_images"]]
    missing = [subset for subset in ("train", "validation") if subset not in usable]
    if missing:
        print(f"No usable {' or '.join(missing)} images in {root}.")
    if not usable:
        print("This data set cannot be used.")
        return 1
    oddities = sum(len(places) for counts in found.values()
                   for places in counts["problems"].values())
    print(f"Usable: {', '.join(usable)}. "
          + (f"{oddities:,} oddities, treated as said above." if oddities else "Nothing odd."))
    return 0


def _print_subset(subset, counts, examples, compare):
    from fashion.datasets.problems import Problems

    images, items = counts["published"]
    beside = f" (published: {images:,} and {items:,})" if compare else ""
    print(f"\n{subset}: {counts['images']:,} images, {counts['items']:,} items{beside}")
    if subset == "test":
        print("  (the test images' annotations were never released)")
    if counts["items"]:
        _print_items(counts, compare)
    problems = Problems(counts["problems"])
    if problems:
        print(f"  odd:\n{problems.summary(examples)}")


def _print_items(counts, compare):
    sources = ", ".join(f"{name} {number:,}" for name, number in counts["sources"].items()
                        if number)
    print(f"  photos by {sources}; {counts['with_landmarks']:,} items with landmarks; "
          f"{counts['identities']:,} identities, {counts['pairs']:,} consumer-shop pairs")
    whole = sum(PUBLISHED_THOUSANDS)
    for (name, number), thousands in zip(counts["categories"].items(), PUBLISHED_THOUSANDS,
                                         strict=True):
        beside = f"  (published: about {thousands / whole:.1%})" if compare else ""
        print(f"  {name:22}{number:>9,}  {number / counts['items']:6.1%}{beside}")
    for name, values in counts["attributes"].items():
        shares = ", ".join(f"{value}: {number / counts['items']:.0%}"
                           for value, number in values.items() if number)
        published = " / ".join(map(str, PUBLISHED_SHARES[name]))
        beside = f"  (published: {published} %)" if compare else ""
        print(f"  {name:22}{shares}{beside}")


def _write(path, found):
    import json

    from mrcnn.files import atomic_path

    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(f"\nAll of it: {path}")
