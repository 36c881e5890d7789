"""Show garments in colour and everything else in gray, on photos and in videos.

Photos are written as .jpg; videos frame by frame, however long they are, as .mp4 without sound
(MPEG-4 part 2, a frame of odd sides loses its last row or column). A file that cannot be read is
named at the end; the others are done.
"""

from collections import deque
from pathlib import Path

from fashion.commands import cutting, matching

HELP = "show garments in colour, all else gray"


def add_arguments(parser):
    """Adds the command's options to an `argparse` parser."""
    parser.add_argument("--image", nargs="+", default=[], metavar="FILE|DIR|GLOB",
                        help="photos: files, folders (with all below them) or patterns")
    parser.add_argument("--video", nargs="+", default=[], type=Path, metavar="FILE",
                        help="videos")
    parser.add_argument("--output", type=Path, default=Path("splashes"), metavar="DIR",
                        help="where the pictures and videos go (default: %(default)s)")
    cutting.add_arguments(parser)


def run(arguments):
    """Makes the pictures and videos. Returns the exit code."""
    from fashion.datasets.photos import find_photos

    if not arguments.image and not arguments.video:
        raise ValueError("splash takes photos, --image=FILE|DIR|GLOB, or videos, --video=FILE.")
    matching.check_folder(arguments.output)
    paths = find_photos(arguments.image, arguments.output)
    detector, _ = matching.open_detector(arguments, "mask")
    class_ids = cutting.class_ids(arguments.category, detector.config.CLASS_NAMES)
    splashes = Splashes(detector, class_ids, arguments.output)
    splashes.photos(paths)
    for path in arguments.video:
        splashes.video(path)
    print(f"{splashes.written:,} photos and videos splashed into {arguments.output}.")
    matching.print_failed(splashes.failed)
    return 0 if splashes.written else 1


class Splashes:
    """A folder of photos and videos with garments in colour.

    Args:
        detector: `mrcnn.detection.Detector` of a network with masks.
        class_ids: set of those that stay in colour.
        folder: where everything is written.

    Attributes:
        written: how many photos and videos.
        failed: {path: error} of what could not be read.
    """

    def __init__(self, detector, class_ids, folder):
        self.detector, self.class_ids, self.folder = detector, class_ids, Path(folder)
        self.written, self.failed = 0, {}
        self._taken = set()

    def photos(self, paths):
        """Makes the pictures of photos."""
        from PIL import Image

        from fashion.datasets.photos import free_name, run_detector
        from mrcnn.files import atomic_path

        for path, image, raw in run_detector(self.detector, paths, self.failed):
            target = self.folder / free_name(path.stem, self._taken)
            with atomic_path(target) as temporary:
                Image.fromarray(self._splash(image, raw)).save(temporary, "JPEG", quality=92)
            self.written += 1

    def video(self, path):
        """Makes the video of a video, with a progress bar."""
        from tqdm import tqdm

        from fashion.datasets.photos import free_name
        from fashion.video import ENDING, Video, write_video

        try:
            video = Video.open(path)
            target = self.folder / free_name(path.stem, self._taken, ENDING)
            if target.resolve() == path.resolve():
                raise ValueError(f"{path} would be written over. Choose another --output.")
            frames = tqdm(video.frames(), path.name, video.count, unit=" frames", disable=None)
            write_video(target, self.frames(frames), video.rate)
            self.written += 1
        except (ValueError, FileNotFoundError) as error:
            self.failed[path] = error

    def frames(self, frames):
        """Yields frames [H, W, 3] with garments in colour; few are held at a time."""
        waiting = deque()

        def kept():
            for frame in frames:
                waiting.append(frame)
                yield frame

        for raw in self.detector.predict(kept()):
            yield self._splash(waiting.popleft(), raw)

    def _splash(self, image, raw):
        from fashion.cutouts import found_garments, splash

        return splash(image, [garment for garment in found_garments(raw)
                              if garment.class_id in self.class_ids])
