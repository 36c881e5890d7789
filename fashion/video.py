"""Videos, frame by frame: however long one is, few of its frames are in memory."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2

from fashion.quiet import quiet
from mrcnn.files import atomic_path

ENDING = ".mp4"
# MPEG-4 part 2: the codec for .mp4 that OpenCV's wheels bring for every system. They have no H.264,
# for its licence.
_CODEC = "mp4v"
_USUAL_RATE = 25.0  # frames a second, for files that do not say


@dataclass(frozen=True)
class Video:
    """A video file.

    Attributes:
        path: of the file.
        rate: frames a second.
        count: of frames, as the file says, which may be a little wrong; None where it does not.
    """

    path: Path
    rate: float
    count: int | None

    @classmethod
    def open(cls, path):
        """Reads what a file says of itself.

        Raises:
            FileNotFoundError: no such file.
            ValueError: OpenCV cannot read it.
        """
        capture = _capture(path)
        rate, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        capture.release()
        return cls(Path(path), rate if 0 < rate < 1000 else _USUAL_RATE,
                   int(count) if count > 0 else None)

    def frames(self):
        """Yields the frames, [H, W, 3] uint8 RGB, turned as a player shows them.

        Raises:
            ValueError: not a single one can be decoded.
        """
        capture = _capture(self.path)
        try:
            done, frame = _read(capture)
            if not done:
                raise ValueError(f"{self.path}: expected a video, but no frame of it can be "
                                 "decoded. The file is damaged, or its codec is unknown here.")
            while done:
                yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                done, frame = _read(capture)
        finally:
            capture.release()


def _capture(path):
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no video {path}.")
    with quiet():  # OpenCV and FFmpeg say of damaged files what the errors here say
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise ValueError(f"{path}: expected a video that OpenCV can decode, such as .mp4, .avi, "
                         ".mov or .webm. The file is damaged or of another kind.")
    return capture


def _read(capture):
    with quiet():
        return capture.read()


def write_video(path, frames, rate):
    """Writes an .mp4 without sound; the file is whole or not there.

    Args:
        path: of the file; it ends in .mp4.
        frames: iterable of at least one [H, W, 3] uint8 RGB, all of one size.
        rate: frames a second.

    Raises:
        ValueError: OpenCV cannot write it.
    """
    path, writer = Path(path), None
    # OpenCV takes the container from the name's ending, so the unfinished file needs it too.
    with atomic_path(path) as whole, tempfile.TemporaryDirectory(dir=path.parent) as folder:
        unfinished = Path(folder) / f"video{ENDING}"
        try:
            for frame in frames:
                if writer is None:
                    writer = _writer(unfinished, frame.shape, rate, path)
                writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        finally:
            if writer is not None:
                writer.release()
        unfinished.replace(whole)


def _writer(unfinished, shape, rate, path):
    with quiet():
        writer = cv2.VideoWriter(str(unfinished), cv2.CAP_FFMPEG,
                                 cv2.VideoWriter_fourcc(*_CODEC), rate, (shape[1], shape[0]))
    if not writer.isOpened():
        raise ValueError(f"{path}: this OpenCV cannot write {ENDING} with the codec {_CODEC}. "
                         "Install the one of requirements.txt, which comes with FFmpeg: "
                         "pip install opencv-contrib-python-headless")
    return writer
