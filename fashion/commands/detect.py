"""Find garments on photos and cut them out: drawn pictures, and with --json the results as data.

Boxes are [x, y, width, height] in pixels of the photo as a viewer shows it (EXIF orientation
applied), masks are COCO run-length codes of the whole photo. "keypoints" are the landmarks of the
garment's own category, [x, y, score, ...], the score from 0 to 1; weak ones are drawn as rings,
and score 0 means that this garment was too weak to look for them. A category's "skeleton" counts
its landmarks from 1, as COCO does. A photo that cannot be read is named at the end; the others are
done.
"""

import collections
import glob
import json
from pathlib import Path

from fashion.categories import NUM_LANDMARKS, by_id
from fashion.commands import common

HELP = "find garments on photos"

PHOTOS = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"}


def add_arguments(parser):
    parser.add_argument("--image", required=True, nargs="+", metavar="FILE|DIR|GLOB",
                        help="photos: files, folders (with all below them) or patterns")
    parser.add_argument("--output", type=Path, default=Path("detections"), metavar="DIR",
                        help="where the drawn pictures go (default: %(default)s)")
    parser.add_argument("--json", action="store_true",
                        help="write detections.json beside the pictures")
    common.add_weights_argument(parser, ("last", "sample", "PATH"), default="last")


def run(arguments):
    paths = find_photos(arguments.image, arguments.output)
    model = common.resolve_model(arguments)
    common.load_backend()
    from mrcnn.detection import Detector

    detector = Detector(common.build("inference", model, arguments.logs).network)
    pictures = Pictures(arguments.output, model.config)
    failed = detect(detector, paths, pictures)
    if arguments.json:
        pictures.write_json(failed)
    print(f"{pictures.garments:,} garments on {len(pictures.rows):,} photos, drawn in "
          f"{arguments.output}.")
    for path, reason in failed.items():
        print(f"Left out: {path}: {reason}")
    return 0 if pictures.rows else 1


def find_photos(patterns, output):
    """Photos that the words on the command line mean, without those that we drew.

    Raises:
        FileNotFoundError: a word that means no photo.
    """
    found = []
    for pattern in patterns:
        paths = [Path(pattern)] if Path(pattern).exists() else sorted(
            Path(path) for path in glob.glob(pattern, recursive=True))
        photos = [photo for path in paths for photo in _photos_at(path)
                  if output.resolve() not in photo.resolve().parents]
        if not photos:
            raise FileNotFoundError(
                f"--image: {pattern} is no photo, no folder of photos and no pattern that any "
                f"fits. Photos end in {', '.join(sorted(PHOTOS))}.")
        found += photos
    return list(dict.fromkeys(found))


def _photos_at(path):
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.suffix.lower() in PHOTOS)
    return [path]


def detect(detector, paths, pictures):
    """Runs a detector over photos and hands the results on.

    Args:
        detector: `mrcnn.detection.Detector`.
        paths: of the photos.
        pictures: `Pictures`, or anything with its `add`.

    Returns:
        {path: reason} of the photos that could not be read.
    """
    from tqdm import tqdm

    from mrcnn.data.images import ImageError, read_image

    failed, read = {}, collections.deque()

    def photos():
        for path in tqdm(paths, unit="photo", disable=None):
            try:
                image = read_image(path, exif=True)
            except ImageError as error:
                failed[path] = error
                continue
            read.append((path, image))
            yield image

    for found in detector.predict(photos()):
        pictures.add(*read.popleft(), found)
    return failed


class Pictures:
    """Draws what was found and collects it as data.

    Args:
        folder: where everything is written.
        config: of the network that finds the garments.

    Attributes:
        rows: a dict for each photo, as `write_json` writes them.
        garments: how many were found so far.
    """

    def __init__(self, folder, config):
        self.folder, self.class_names = Path(folder), config.CLASS_NAMES
        self.rows, self.garments = [], 0
        self._taken = set()
        # Whether the network looks for keypoints, and they are those of our categories.
        self._skeletons = "keypoint" in config.HEADS and config.NUM_KEYPOINTS == NUM_LANDMARKS

    def add(self, path, image, found):
        """Draws one photo.

        Args:
            path: of the photo.
            image: [H, W, 3] uint8.
            found: `mrcnn.detection.Raw`.
        """
        from PIL import Image

        from fashion.evaluation.coco import detection_dicts
        from fashion.evaluation.pictures import draw_found

        picture = draw_found(image, found, self.class_names)
        target = self.folder / self._free_name(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(target, quality=92)
        detections = detection_dicts(found, len(self.rows) + 1, found.shape)
        for i, detection in enumerate(detections):
            detection["category"] = self.class_names[detection["category_id"]]
            if found.keypoints is not None:
                detection["keypoints"] = _own_keypoints(found.keypoints[i], found.class_ids[i])
        self.garments += len(detections)
        self.rows.append({"id": len(self.rows) + 1, "file": str(path), "picture": target.name,
                          "height": found.shape[0], "width": found.shape[1],
                          "detections": detections})

    def write_json(self, failed):
        """Writes detections.json: the photos, what was found on them, and what could not be read.

        Args:
            failed: {path: reason}.
        """
        from mrcnn.files import atomic_path

        content = {
            "categories": [{"id": i, "name": name, **self._skeleton(i)}
                           for i, name in enumerate(self.class_names) if i],
            "images": self.rows,
            "failed": [{"file": str(path), "error": str(reason)}
                       for path, reason in failed.items()],
        }
        with atomic_path(self.folder / "detections.json") as temporary:
            temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")

    def _skeleton(self, class_id):
        if not self._skeletons:
            return {}
        category = by_id(class_id)
        return {"keypoints": [str(number) for number in range(1, category.count + 1)],
                "skeleton": [[start + 1, end + 1] for start, end in category.edges]}

    def _free_name(self, path):
        """The photo's name, numbered where photos of several folders share it."""
        names = (f"{path.stem}{ending}.jpg"
                 for ending in ("", *(f"_{number}" for number in range(2, len(self.rows) + 3))))
        name = next(name for name in names if name.lower() not in self._taken)
        self._taken.add(name.lower())
        return name


def _own_keypoints(keypoints, class_id):
    """[x, y, score, ...] of [K, (x, y, score)]: of the 294, those of the garment's category."""
    if len(keypoints) == NUM_LANDMARKS:
        keypoints = keypoints[by_id(int(class_id)).landmarks]
    return keypoints.astype(float).round(3).ravel().tolist()
