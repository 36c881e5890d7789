"""Videos, read and written frame by frame."""

import contextlib

import numpy as np
import pytest

from fashion.video import Video, write_video


def moving(count, shape):
    """Yields frames with a column of light that moves to the right."""
    for number in range(count):
        frame = np.full((*shape, 3), (20, 60, 160), np.uint8)
        frame[:, 4 * number:4 * number + 8] = (250, 220, 40)
        yield frame


@pytest.mark.parametrize("shape", [(48, 64), (51, 67)])
def test_there_and_back(tmp_path, shape):
    path = tmp_path / "größe.mp4"
    write_video(path, moving(10, shape), 24)
    video = Video.open(path)
    assert (video.rate, video.count) == (24, 10)
    frames = list(video.frames())
    assert len(frames) == 10
    height, width = shape[0] // 2 * 2, shape[1] // 2 * 2
    for frame, expected in zip(frames, moving(10, shape), strict=True):
        assert frame.shape == (height, width, 3)
        difference = frame.astype(int) - expected[:height, :width]
        assert np.abs(difference).mean() < 8


def test_a_video_that_ends_in_an_error_leaves_nothing(tmp_path):
    def frames():
        yield from moving(3, (48, 64))
        raise RuntimeError("the network failed")

    with pytest.raises(RuntimeError, match="network"):
        write_video(tmp_path / "a.mp4", frames(), 24)
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_videos(tmp_path, capfd):
    with pytest.raises(FileNotFoundError, match="no video"):
        Video.open(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("no video" * 99)
    with pytest.raises(ValueError, match="text.mp4: expected a video"):
        Video.open(tmp_path / "text.mp4")
    path = tmp_path / "cut.avi"
    write_video(tmp_path / "whole.mp4", moving(40, (48, 64)), 24)
    whole = (tmp_path / "whole.mp4").read_bytes()
    path.write_bytes(whole[:500] + bytes(1500) + whole[2000:])
    with contextlib.suppress(ValueError):
        list(Video.open(path).frames())
    assert not capfd.readouterr().err, "what OpenCV and FFmpeg say"


def test_a_codec_that_is_missing_is_said(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("fashion.video._CODEC", "????")
    with pytest.raises(ValueError, match="a.mp4: this OpenCV cannot write .mp4"):
        write_video(tmp_path / "a.mp4", moving(2, (48, 64)), 24)
    assert not list(tmp_path.iterdir()) and not capfd.readouterr().err
