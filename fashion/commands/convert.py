"""Write a data set out in another format: COCO, VIA 1, 2 or 3, LabelMe, or mask images.

Reads DeepFashion2's layout and everything that a training takes. Subsets stay apart, in folders of
their own, so that the result is a data set again.
"""

from pathlib import Path

from fashion.commands import data_sets

HELP = "write a data set as COCO, VIA, LabelMe or masks"

FORMATS = {"coco": "coco", "via": "via2", "via1": "via1", "via2": "via2", "via3": "via3",
           "labelme": "labelme", "masks": "masks"}


def add_arguments(parser):
    """Adds the command's options to an `argparse` parser."""
    parser.add_argument("--dataset", required=True, metavar="DIR|FILE",
                        help="a data set of any format, DeepFashion2's included")
    parser.add_argument("--to", required=True, choices=FORMATS, metavar="FORMAT",
                        help=f"{', '.join(FORMATS)} (via is via2)")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR|FILE",
                        help="folder, or with one subset and a format of one file, FILE.json")
    parser.add_argument("--subset", choices=("train", "validation"),
                        help="only this one (default: all there are)")
    parser.add_argument("--copy", action="store_true",
                        help="copy the photos, too, instead of naming where they are")
    data_sets.add_class_attribute_argument(parser)


def run(arguments):
    """Converts."""
    from fashion.datasets import formats
    from fashion.datasets.subsets import WHOLE

    _require_new(arguments)
    found = _read(arguments)
    for subset, annotations in found.items():
        output = arguments.output
        if len(found) > 1:
            if output.suffix.lower() == ".json":
                raise ValueError(f"--output={output} is one file, but there are the subsets "
                                 f"{', '.join(found)}: give a folder, or --subset.")
            output = output / subset
        written, lost = formats.write(annotations, FORMATS[arguments.to], output, arguments.copy)
        _tell("all" if subset == WHOLE else subset, annotations, written, lost)


def _require_new(arguments):
    """Raises ValueError where the output would mix with annotations, or replace those read."""
    from fashion.datasets import formats

    output, dataset = arguments.output, Path(arguments.dataset).resolve()
    if output.is_file() and (output.resolve() == dataset or dataset in output.resolve().parents):
        raise ValueError(f"--output={output} is a file of the data set itself: give another one.")
    if formats.holds_annotations(output):
        raise ValueError(f"--output={output} holds annotations or masks already, and new ones "
                         "would mix with them: give a folder without any, or move those away.")


def _read(arguments):
    """Annotations by subset."""
    from fashion.datasets import locate
    from fashion.datasets.subsets import read_sources, read_subsets

    if locate.subsets_present(Path(arguments.dataset)):
        return _read_deepfashion2(arguments)
    if arguments.subset is None:
        return read_sources(arguments.dataset, arguments.class_attribute)
    subsets = read_subsets(arguments.dataset, arguments.class_attribute)
    if arguments.subset not in subsets:
        raise ValueError(f"{arguments.dataset} has no subset {arguments.subset}, only "
                         f"{', '.join(subsets)}.")
    return {arguments.subset: subsets[arguments.subset]}


def _read_deepfashion2(arguments):
    """DeepFashion2's annotated subsets, which are read photo by photo as they are written."""
    from fashion.datasets import locate
    from fashion.datasets.deepfashion2 import DeepFashion2Dataset
    from fashion.datasets.from_dataset import annotations_of

    root, found = Path(arguments.dataset), {}
    subsets = [arguments.subset] if arguments.subset else [
        subset for subset in locate.subsets_present(root) if subset != "test"]
    for subset in subsets:
        dataset = DeepFashion2Dataset()
        dataset.load(root, subset)
        dataset.prepare()
        found[subset] = annotations_of(dataset, "deepfashion2")
    return found


def _tell(subset, annotations, written, lost):
    print(f"{subset}: {len(annotations.photos):,} photos of {annotations.format} -> {written}")
    for problems in (annotations.problems, lost):
        if problems:
            print(problems.summary())
