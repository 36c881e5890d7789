"""Find garments on photos and cut them out: drawn pictures, and with --json the results as data.

Boxes are [x, y, width, height] in pixels of the photo as a viewer shows it (EXIF orientation
applied), masks are COCO run-length codes of the whole photo. "keypoints" are the landmarks of the
garment's own category, [x, y, score, ...], the score from 0 to 1; weak ones are drawn as rings,
and score 0 means that this garment was too weak to look for them. A category's "skeleton" counts
its landmarks from 1, as COCO does. With a landmark network (--config=cspn) they are the landmark
benchmark's 8: collar, sleeve, waistline and hem, left before right. A photo that cannot be read is
named at the end; the others are done.
"""

import json
from pathlib import Path

from fashion.categories import NUM_LANDMARKS, by_id, own_landmarks
from fashion.commands import common, cspn, cspn_detect, cspn_refine, matching, models

HELP = "find garments on photos"


def add_arguments(parser):
    parser.add_argument("--image", required=True, nargs="+", metavar="FILE|DIR|GLOB",
                        help="photos: files, folders (with all below them) or patterns")
    parser.add_argument("--output", type=Path, default=Path("detections"), metavar="DIR",
                        help="where the drawn pictures go (default: %(default)s)")
    parser.add_argument("--json", action="store_true",
                        help="write detections.json beside the pictures")
    matching.add_min_score_argument(parser)
    models.add_weights_argument(parser, ("sample", "last", "PATH"), default="sample")
    cspn_detect.add_arguments(parser)
    cspn_refine.add_argument(parser)


def run(arguments):
    from fashion.datasets.photos import find_photos, run_detector

    matching.check_folder(arguments.output)
    paths = find_photos(arguments.image, arguments.output)
    cspn.prefer_last(arguments)
    arguments.set = [*arguments.set, *matching.min_score_settings(arguments)]
    model = models.resolve(arguments)
    common.load_backend()
    detector = _detector(arguments, model)
    pictures = Pictures(arguments.output, detector.config)
    failed = {}
    for path, image, found in run_detector(detector, paths, failed):
        pictures.add(path, image, found)
    if arguments.json:
        pictures.write_json(failed)
    print(f"{pictures.garments:,} garments on {len(pictures.rows):,} photos, drawn in "
          f"{arguments.output}.")
    if pictures.rows and not pictures.garments:
        print(f"There was none of which the detector is sure by "
              f"{detector.config.DETECTION_MIN_CONFIDENCE:g}. A lower --min-score may find some.")
    matching.print_failed(failed)
    return 0 if pictures.rows else 1


def _detector(arguments, model):
    """What finds garments: a detector, or one with a landmark network behind it."""
    if cspn.is_cspn(model.config):
        return cspn_detect.make_detector(arguments, model)
    if arguments.no_detector:
        raise ValueError(f"--no-detector is for landmark networks (--config=cspn), {model.weights} "
                         "are weights of a detector.")
    from mrcnn.detection import Detector

    network = models.build("inference", model, arguments.logs).network
    return cspn_refine.refined(Detector(network), arguments)


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

        from fashion.datasets.photos import free_name
        from fashion.evaluation.coco import detection_dicts
        from fashion.evaluation.pictures import draw_found

        picture = draw_found(image, found, self.class_names)
        target = self.folder / free_name(path.stem, self._taken)
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(target, quality=92)
        detections = detection_dicts(found, len(self.rows) + 1, found.shape)
        for i, detection in enumerate(detections):
            detection["category"] = self.class_names[detection["category_id"]]
            if found.keypoints is not None:
                own = own_landmarks(found.keypoints[i], found.class_ids[i])
                detection["keypoints"] = own.astype(float).round(3).ravel().tolist()
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
