"""Cut garments out of photos: one transparent PNG for each, and a table of them.

A cut-out shows its garment's box. Its colours are the photo's own, also beside the garment; alpha
is the share of each pixel that the garment covers, so that edges are soft and black clothes stay
black. --background paints a plain ground instead, for models that take no transparency.

cutouts.csv and cutouts.json say for each file: the photo (its absolute path), the class, the
detector's score, the garment's box and landmarks, and which part of the photo the cut-out shows.
All these are px of the photo as it was read: [x, y, width, height], and [x, y, s, ...] with the
landmark's score s, or, with --truth, whether it is visible (2), covered (1) or absent (0). What an
earlier run has cut out into the same folder is deleted.

With --truth garments are cut out along their annotated outlines and no network is needed:
  python fashion/fashion.py extract --truth --dataset=DIR --output=DIR
"""

import argparse
import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path

from fashion.commands import common, cutting, data_sets, matching

HELP = "cut garments out of photos"
JSON, CSV = "cutouts.json", "cutouts.csv"
LARGEST_MARGIN = 2.0
# Those with annotations.
SUBSETS = ("train", "validation")


def add_arguments(parser):
    """Adds the command's options to an `argparse` parser."""
    source = parser.add_argument_group("photos")
    source.add_argument("--image", nargs="+", metavar="FILE|DIR|GLOB",
                        help="photos: files, folders (with all below them) or patterns")
    source.add_argument("--truth", action="store_true",
                        help="instead, the annotated garments of --dataset")
    data_sets.add_dataset_argument(source)
    source.add_argument("--subset", choices=SUBSETS,
                        help="of the data set only this (default: all that is annotated)")
    parser.add_argument("--output", type=Path, default=Path("cutouts"), metavar="DIR",
                        help="where the cut-outs go (default: %(default)s)")
    cutting.add_arguments(parser)
    look = parser.add_argument_group("look")
    look.add_argument("--background", type=_colour, metavar="COLOUR",
                      help="a plain ground, such as white or #f0ebe3 (default: transparent)")
    look.add_argument("--margin", type=common.number(0, LARGEST_MARGIN), default=0.0,
                      metavar="SHARE",
                      help="space around the box, a share of its longer side (default: 0)")
    look.add_argument("--square", action="store_true",
                      help="as high as wide, the garment in the middle")
    look.add_argument("--size", type=common.positive, metavar="PX",
                      help="the longer side of each cut-out (default: as on the photo)")


def _colour(text):
    """An `argparse` type: (r, g, b)."""
    from PIL import ImageColor

    try:
        return ImageColor.getrgb(text)[:3]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a colour such as white or #f0ebe3, got {text!r}") from None


@dataclass(frozen=True)
class Look:
    """How cut-outs look.

    Attributes:
        margin: space on every side, a share of the box's longer side.
        square: as high as wide.
        size: px of the longer side; None: as on the photo.
        background: (r, g, b); None: transparent.
    """

    margin: float = 0.0
    square: bool = False
    size: int | None = None
    background: tuple | None = None


def run(arguments):
    """Cuts out, and writes the tables. Returns the exit code."""
    _check(arguments)
    matching.check_folder(arguments.output)
    failed = {}
    names, photos, of_what = (_annotated if arguments.truth else _found)(arguments, failed)
    look = Look(arguments.margin, arguments.square, arguments.size, arguments.background)
    cutouts = Cutouts(arguments.output, names, look,
                      cutting.class_ids(arguments.category, names))
    cutouts.forget_earlier()
    for path, image, garments in photos:
        cutouts.add(path, image, garments)
    cutouts.write_tables(failed)
    if cutouts.empty:
        print(f"Left out: {cutouts.empty:,} garments whose masks cover no pixel.")
    matching.print_failed(failed)
    if cutouts.photos and not cutouts.rows and not arguments.truth:
        print("Nothing of which the detector is sure enough. A lower --min-score may find some.")
    print(f"{len(cutouts.rows):,} garments of {cutouts.photos:,} photos{of_what}, cut out into "
          f"{arguments.output}; {CSV} there lists them.")
    return 0 if cutouts.photos else 1


def _check(arguments):
    if arguments.truth == bool(arguments.image):
        raise ValueError("extract takes --image=FILE|DIR|GLOB, for what the detector finds, or "
                         "--truth with --dataset=DIR, for what is annotated.")
    if arguments.dataset and not arguments.truth:
        raise ValueError("--dataset is for --truth, what is annotated. For what the detector "
                         "finds on the same photos give --image=DIR.")


def _found(arguments, failed):
    """Class names, an iterable of (path, image, garments) that the detector found, and ""."""
    from fashion.cutouts import found_garments
    from fashion.datasets.photos import find_photos, run_detector

    paths = find_photos(arguments.image, arguments.output)
    detector, _ = matching.open_detector(arguments, "mask")
    return detector.config.CLASS_NAMES, (
        (path, image, found_garments(raw))
        for path, image, raw in run_detector(detector, paths, failed)), ""


def _annotated(arguments, failed):
    """Class names, an iterable of (path, image, garments) as annotated, and of which subsets."""
    data = data_sets.resolve(arguments.dataset, arguments.class_attribute)
    subsets = [arguments.subset] if arguments.subset else [
        subset for subset in SUBSETS if subset in data.subsets]
    datasets = [data_sets.load(data, subset) for subset in subsets]
    photos = (photo for dataset in datasets for photo in _photos_of(dataset, failed))
    return datasets[0].class_names, photos, f" of {' and '.join(subsets)}"


def _photos_of(dataset, failed):
    """Yields (path, image, garments) as they are annotated, with a progress bar."""
    from tqdm import tqdm

    from fashion.cutouts import true_garments
    from fashion.datasets.read_ahead import read_ahead
    from mrcnn.data.images import ImageError

    def read(image_id):
        try:
            return dataset.load_image(image_id), true_garments(dataset, image_id)
        except ImageError as error:
            return error

    looked_at = tqdm(read_ahead(read, dataset.image_ids, ahead=8),
                     total=dataset.num_images, unit=" photos", disable=None)
    for image_id, result in enumerate(looked_at):
        path = dataset.image_info[image_id]["path"]
        if isinstance(result, ImageError):
            failed[path] = result
        else:
            yield path, *result


class Cutouts:
    """A folder of cut-outs, and what the tables say of them.

    Args:
        folder: where everything is written.
        class_names: by class id, background first.
        look: `Look`.
        class_ids: set of those that are cut out.

    Attributes:
        rows: a dict for each cut-out, as `write_tables` writes them.
        photos: how many were looked at.
        empty: how many garments were left out since no pixel is theirs.
    """

    def __init__(self, folder, class_names, look, class_ids):
        self.folder, self.class_names = Path(folder), class_names
        self.look, self.class_ids = look, class_ids
        self.rows, self.photos, self.empty = [], 0, 0
        self._taken = set()

    def forget_earlier(self):
        """Deletes what an earlier run has left here: `index` takes what no table names for photos.

        Raises:
            ValueError: a cutouts.json that is damaged, or of something else.
        """
        from fashion.retrieval.cutout_files import listed

        earlier = list(listed(list(self.folder.glob("*.png"))))
        for path in [*earlier, self.folder / JSON, self.folder / CSV]:
            path.unlink(missing_ok=True)

    def add(self, path, image, garments):
        """Cuts out the garments of a photo.

        Args:
            path: of the photo.
            image: [H, W, 3] uint8.
            garments: list of `fashion.cutouts.Garment`. Their number is part of the file's name.
        """
        self.photos += 1
        for number, garment in enumerate(garments, start=1):
            if garment.class_id in self.class_ids:
                self._add(Path(path), image, number, garment)

    def _add(self, path, image, number, garment):
        from fashion import cutouts
        from fashion.datasets.photos import free_name

        window = cutouts.frame(garment.box_px, image.shape, self.look.margin, self.look.square)
        cutout = cutouts.cut(image, garment, window)
        if not cutout[..., 3].any():
            self.empty += 1
            return
        if self.look.size:
            cutout = cutouts.resized(cutout, self.look.size)
        category = self.class_names[garment.class_id]
        of_class = re.sub(r"[^\w-]+", "_", category)
        name = free_name(f"{path.stem}_{number}_{of_class}", self._taken, ".png")
        self._save(name, cutout)
        self.rows.append(_row(name, path, category, garment, window, cutout.shape))

    def _save(self, name, cutout):
        from PIL import Image

        from fashion.cutouts import on_ground
        from mrcnn.files import atomic_path

        if self.look.background is not None:
            cutout = on_ground(cutout, self.look.background)
        with atomic_path(self.folder / name) as temporary:
            Image.fromarray(cutout).save(temporary, "PNG")

    def write_tables(self, failed):
        """Writes cutouts.json and cutouts.csv.

        Args:
            failed: {path: reason} of the photos that could not be read.
        """
        from mrcnn.files import atomic_path

        content = {"cutouts": self.rows,
                   "failed": [{"photo": str(Path(path).absolute()), "error": str(reason)}
                              for path, reason in failed.items()]}
        with atomic_path(self.folder / JSON) as temporary:
            temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
        with atomic_path(self.folder / CSV) as temporary:
            # With a mark: Excel takes a file without one for its own code page.
            with temporary.open("w", newline="", encoding="utf-8-sig") as file:
                table = csv.DictWriter(file, COLUMNS)
                table.writeheader()
                table.writerows(map(_flat, self.rows))


COLUMNS = ("file", "photo", "class", "score", "width", "height",
           "box_x", "box_y", "box_width", "box_height",
           "window_x", "window_y", "window_width", "window_height", "landmarks")


def _row(name, path, category, garment, window, shape):
    """What cutouts.json says of a cut-out."""
    from fashion.evaluation.coco import coco_box

    y1, x1, y2, x2 = window
    landmarks = None
    if garment.landmarks is not None:
        landmarks = garment.landmarks.astype(float).round(3).ravel().tolist()
    return {"file": name, "photo": str(path.absolute()), "class": category,
            "score": None if garment.score is None else round(garment.score, 4),
            "width": shape[1], "height": shape[0], "box": coco_box(garment.box_px),
            "window": [x1, y1, x2 - x1, y2 - y1], "landmarks": landmarks}


def _flat(row):
    """A row for the CSV: lists of four as columns, landmarks as numbers with spaces between."""
    flat = {name: value for name, value in row.items() if name in COLUMNS}
    for name in ("box", "window"):
        flat |= zip((f"{name}_{part}" for part in ("x", "y", "width", "height")), row[name],
                    strict=True)
    return flat | {"landmarks": " ".join(f"{value:g}" for value in row["landmarks"] or ())}
