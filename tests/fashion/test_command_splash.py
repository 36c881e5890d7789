"""`splash`: photos and videos with garments in colour."""

import argparse
import itertools

import numpy as np
import pytest
from PIL import Image

from fashion.commands import matching, splash
from fashion.video import Video, write_video
from tests.fashion.command_files import photo_folder
from tests.fashion.one_garment import OneGarment

RED = np.broadcast_to(np.array([200, 30, 30], np.uint8), (64, 96, 3))
MIDDLE = (slice(20, 44), slice(30, 66))  # of RED, well within the garment
CORNER = (slice(0, 12), slice(0, 20))


@pytest.fixture(autouse=True)
def one_garment(monkeypatch):
    monkeypatch.setattr(matching, "open_detector", lambda arguments, head: (OneGarment(), None))


def call(*words):
    parser = argparse.ArgumentParser()
    splash.add_arguments(parser)
    return splash.run(parser.parse_args([str(word) for word in words]))


def check_splashed(picture):
    assert np.abs(picture[MIDDLE].mean(axis=(0, 1)) - RED[0, 0]).max() < 6
    assert np.ptp(picture[CORNER].mean(axis=(0, 1))) < 4


def test_photos(tmp_path, capsys):
    photos, output = photo_folder(tmp_path / "photos"), tmp_path / "out"
    Image.fromarray(RED).save(photos / "red.png")
    assert call("--image", photos, "--output", output) == 0
    assert {path.name for path in output.iterdir()} == {
        "gray.jpg", "red.jpg", "rgb.jpg", "rgb_2.jpg", "rgba.jpg", "sixteen.jpg", "turned.jpg"}
    check_splashed(np.asarray(Image.open(output / "red.jpg")))
    assert "cut.jpg" in capsys.readouterr().out


def test_a_full_disk_leaves_no_half_picture(tmp_path, monkeypatch):
    def save(image, path, *words, **more):
        path.write_bytes(b"half a picture")
        raise OSError("the disk is full")

    photo = photo_folder(tmp_path / "photos") / "rgb.jpg"
    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(OSError, match="full"):
        call("--image", photo, "--output", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_a_video_and_a_file_that_is_none(tmp_path, capsys):
    write_video(tmp_path / "walk.mp4", itertools.repeat(RED, 9), 12.5)
    (tmp_path / "broken.mp4").write_bytes(b"no video" * 99)
    assert call("--video", tmp_path / "broken.mp4", tmp_path / "walk.mp4",
                "--output", tmp_path / "out") == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["walk.mp4"]
    video = Video.open(tmp_path / "out" / "walk.mp4")
    frames = list(video.frames())
    assert len(frames) == 9 and video.rate == 12.5
    for frame in frames:
        check_splashed(frame)
    assert "broken.mp4: expected a video" in capsys.readouterr().out


def test_other_categories_stay_gray(tmp_path):
    Image.fromarray(RED).save(tmp_path / "red.png")
    call("--image", tmp_path / "red.png", "--output", tmp_path / "out", "--category", "skirt")
    assert np.ptp(np.asarray(Image.open(tmp_path / "out" / "red.jpg")), axis=2).max() < 4


def test_frames_are_taken_as_they_are_needed():
    detector = OneGarment()
    frames = splash.Splashes(detector, {8}, "out").frames(itertools.repeat(RED))
    for _ in range(3):
        check_splashed(next(frames))
    assert detector.asked == 3


def test_a_video_is_not_written_over_itself(tmp_path, capsys):
    path = tmp_path / "walk.mp4"
    write_video(path, [RED], 10)
    before = path.read_bytes()
    assert call("--video", path, "--output", tmp_path) == 1
    assert path.read_bytes() == before and "written over" in capsys.readouterr().out


def test_nothing_to_do_is_said():
    with pytest.raises(ValueError, match="--image"):
        call()
