"""Writes the sample as DeepFashion's landmark benchmark: the same figures, one garment a photo.

The garment is the photo's product. Its 8 landmarks are those of DeepFashion2's that lie at the
same places: the corners of the neck, the outer corners of the cuffs (without sleeves the tips of
the shoulders), the waist's narrowest place on either side (of trousers and skirts the waistband's
corners), and the outer corners of the hem. Tops and outwear are upper body, dresses full body.
"""

from pathlib import Path

from fashion.categories import by_id
from fashion.datasets.landmark_benchmark import (
    FLIP,
    LANDMARKS,
    LIST_NAMES,
    OF_TYPE,
    SUBSETS,
    TYPE_OF_CATEGORY,
    VISIBILITY,
)
from fashion.datasets.sample import writer
from fashion.datasets.sample.annotation import annotate_item
from fashion.datasets.sample.cuts import LOWER
from fashion.datasets.sample.identities import IMAGES_PER_PAIR, in_validation
from fashion.datasets.sample.layout import SHOULDER, upper_layout
from mrcnn.files import atomic_path

FORMAT = "deepfashion_landmarks"
_FOLDERS = ("Anno", "Eval", "Img/img")
_NECK = 1  # landmark of tops, dresses and outwear: the neck's left corner
_WAISTBAND = 0  # landmark of trousers and skirts: the waistband's left corner
_LOWER_HEM = {7: 4, 8: 5, 9: 4}  # the left outer corner
_DISK_VISIBILITY = {ours: theirs for theirs, ours in VISIBILITY.items()}
# What hanging arms do at most, radians; see `figure.random_pose`.
_HANGING_UPPER, _HANGING_FORE = 0.38, -0.27


def write_landmark_lists(output, images, seed=0, validation=0.2, progress=None):
    """Writes the sample in the landmark benchmark's layout into `output`, unless it is there.

    Photo i is that of `writer.write_sample` with the same seed; a photo on which too little of the
    product shows is not listed. Of the identities kept from training a quarter is val, the others
    are test.

    Args:
        output: Folder to make: Img/img, Anno, Eval, and sample.json.
        images, seed, validation, progress: See `writer.write_sample`.

    Returns:
        What sample.json holds: version, seed, validation, format, images asked for, and counts of
        those listed by subset.

    Raises:
        ValueError: An argument is out of range, or `output` holds something else than a sample.
        OSError: The disk is full or the folder cannot be written.
    """
    writer.check_arguments(images, seed, validation)
    asked = {"version": writer.VERSION, "seed": seed, "validation": validation, "format": FORMAT,
             "images": images}
    output = Path(output)
    before = writer.read_record(output) or {}
    if asked.items() <= before.items():
        return before
    writer.begin(output, asked, _FOLDERS)
    tasks = [(output / "Img", seed, index) for index in range(images)]
    rows = [row for row in writer.write_all(_write_photo, tasks, progress) if row]
    subset_of = [_subset(index // IMAGES_PER_PAIR, validation) for index, *_ in rows]
    _write_lists(output, rows, subset_of)
    record = asked | {"counts": {name: subset_of.count(name) for name in SUBSETS}}
    writer.finish(output, record)
    return record


def _subset(pair, validation):
    """Subset of pair number `pair` (from 0)."""
    if not in_validation(pair, validation):
        return "train"
    return "val" if in_validation(pair, validation / 4) else "test"


def _write_photo(task):
    """Draws one photo: (index, name, clothes type, variation, points, box); None without product.
    """
    folder, seed, index = task
    scene, plan = writer.paint(seed, index)
    number = next(i for i, item in enumerate(scene.items) if item is plan.items[0])
    record = annotate_item(scene, number)
    if record is None:
        return None
    name = f"img/img_{index + 1:08d}.jpg"
    writer.write_jpeg(folder / name, scene.canvas.image)
    clothes_type, points = eight_landmarks(record)
    variation = _variation(record, scene.figures[number].pose, points)
    return index, name, clothes_type, variation, points, record["bounding_box"]


def eight_landmarks(record):
    """The landmark benchmark's view of a garment.

    Args:
        record: a garment of a DeepFashion2 annotation: category_id and landmarks.

    Returns:
        The clothes type, 1 to 3, and of its landmarks a list of (x, y, v) px as DeepFashion2
        writes them: v is 2 visible, 1 covered, 0 absent.
    """
    category = by_id(record["category_id"])
    clothes_type = TYPE_OF_CATEGORY[category.id - 1]
    flat = record["landmarks"]
    left = _left_landmarks(category)
    points = []
    for place in OF_TYPE[clothes_type]:
        is_left = place < FLIP[place]
        index = left[LANDMARKS[min(place, FLIP[place])]]
        index = index if is_left else int(category.flip[index])
        points.append(tuple(flat[3 * index:3 * index + 3]))
    return clothes_type, points


def _left_landmarks(category):
    """Index among a category's landmarks of each of the 8 that is on the left."""
    if category.id in LOWER:
        return {"L.Waistline": _WAISTBAND, "L.Hem": _LOWER_HEM[category.id]}
    layout = upper_layout(category)
    return {"L.Collar": _NECK, "L.Sleeve": layout.outer[-1] if layout.outer else SHOULDER,
            "L.Waistline": layout.sides[int(layout.side_ratios.argmin())],
            "L.Hem": layout.sides[-1]}


def _variation(record, pose, points):
    """The benchmark's variation type: 1 normal, 2 medium, 3 large pose; 4 medium, 5 large zoom-in.

    Zoomed in is what the frame cuts landmarks off; a large pose is seen from the side or behind;
    in a medium one an arm does not hang.
    """
    absent = sum(v == 0 for *_, v in points) / len(points)
    if absent:
        return 5 if absent > 0.3 else 4
    if record["viewpoint"] == 3:
        return 3
    hang = all(arm.upper <= _HANGING_UPPER and arm.fore >= _HANGING_FORE for arm in pose.arms)
    return 1 if hang or not pose.worn else 2


def _write_lists(output, rows, subset_of):
    landmark_columns = [f"landmark_{what}_{i}" for i in range(1, len(LANDMARKS) + 1)
                        for what in ("visibility", "location_x", "location_y")]
    landmarks, boxes, partition = LIST_NAMES
    _write_list(output / "Anno" / landmarks, ["clothes_type", "variation_type", *landmark_columns],
                [(name, kind, variation, *(_text(point) for point in points))
                 for _, name, kind, variation, points, _ in rows])
    _write_list(output / "Anno" / boxes, ["x_1", "y_1", "x_2", "y_2"],
                [(row[1], *(f"{value:03d}" for value in row[-1])) for row in rows])
    _write_list(output / "Eval" / partition, ["evaluation_status"],
                [(row[1], subset) for row, subset in zip(rows, subset_of, strict=True)])


def _text(point):
    x, y, visibility = point
    return f"{_DISK_VISIBILITY[visibility]} {x:03d} {y:03d}"


def _write_list(path, columns, rows):
    """A list file: the number of rows, the columns, the rows."""
    lines = [len(rows), " ".join(["image_name", *columns]), *(" ".join(map(str, r)) for r in rows)]
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(map(str, lines)) + "\n", encoding="utf-8")
