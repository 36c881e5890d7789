"""Small lists of the landmark benchmark for tests, to be spoiled line by line."""

from PIL import Image

from fashion.datasets.landmark_benchmark import LandmarkBenchmarkDataset

COLUMNS = " ".join(f"landmark_visibility_{i} landmark_location_x_{i} landmark_location_y_{i}"
                   for i in range(1, 9))
UPPER, LOWER, FULL = (f"img/img_0000000{i}.jpg" for i in (1, 2, 3))
# As published: a row ends after its type's landmarks, numbers have leading zeros.
LANDMARKS = ["3", f"image_name  clothes_type variation_type {COLUMNS}",
             f"{UPPER} 1 1 0 030 010 0 050 010 1 010 030 0 070 030 0 020 080 2 000 000 ",
             f"{LOWER} 2 4 0 020 010 0 060 010 0 022 090 1 058 090 ",
             f"{FULL} 3 3 0 030 010 0 050 010 0 010 030 0 070 030 0 025 045 0 055 045 0 015 095 "
             "0 065 095 "]
BOXES = ["3", "image_name x_1 y_1 x_2 y_2", f"{UPPER} 005 008 075 085", f"{LOWER} 010 005 070 095",
         f"{FULL} 005 005 075 099"]
PARTITION = ["3", "image_name evaluation_status", f"{UPPER} train", f"{LOWER} train",
             f"{FULL} test"]


def write_lists(root, landmarks=LANDMARKS, boxes=BOXES, partition=PARTITION):
    """Writes the three lists, and a photo for each name."""
    files = {"Anno/list_landmarks.txt": landmarks, "Anno/list_bbox.txt": boxes,
             "Eval/list_eval_partition.txt": partition}
    for name, lines in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    for number, name in enumerate((UPPER, LOWER, FULL)):
        path = root / "Img" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (80, 100), (60 + 60 * number, 90, 120)).save(path)
    return root


def replaced(lines, row, text):
    """Lines with one replaced, None to take it out; the count in the first line stays right."""
    changed = [*lines[:row], *([] if text is None else [text]), *lines[row + 1:]]
    return [str(len(changed) - 2), *changed[1:]]


def load(root, subset="train", **options):
    """The prepared subset."""
    dataset = LandmarkBenchmarkDataset()
    dataset.load(root, subset, **options)
    dataset.prepare()
    return dataset
