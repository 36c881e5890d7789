"""`detect`: photos found, drawn and written, one by one."""

import json
from pathlib import Path

import pytest

from fashion import fashion
from fashion.commands import detect, models
from fashion.config import CONFIGS
from fashion.datasets.photos import find_photos, run_detector
from mrcnn import detection
from tests.fashion.color_detector import ColorDetector, write_colors
from tests.fashion.command_files import photo_folder
from tests.fashion.one_garment import OneGarment


def test_one_bad_photo_does_not_stop_the_rest(tmp_path):
    folder, output = photo_folder(tmp_path / "photos"), tmp_path / "photos" / "out"
    paths = find_photos([str(folder)], output)
    pictures = detect.Pictures(output, CONFIGS["via"]())
    failed = {}
    for path, image, found in run_detector(OneGarment(), paths, failed):
        pictures.add(path, image, found)
    pictures.write_json(failed)
    assert [path.name for path in failed] == ["cut.jpg"]
    drawn = {file.name for file in output.glob("*.jpg")}
    assert drawn == {"rgb.jpg", "rgb_2.jpg", "gray.jpg", "rgba.jpg", "sixteen.jpg", "turned.jpg"}
    assert find_photos([str(folder)], output) == paths  # not what we drew ourselves
    content = json.loads((output / "detections.json").read_text())
    assert content["failed"][0]["file"].endswith("cut.jpg") and len(content["categories"]) == 13
    assert all(set(category) == {"id", "name"} for category in content["categories"])
    rows = {Path(row["file"]).name: row for row in content["images"]}
    turned = rows["turned.jpg"]
    assert (turned["height"], turned["width"]) == (60, 40)
    [found] = turned["detections"]
    assert found["bbox"] == [10, 15, 20, 30] and found["category"] == "trousers"
    assert found["segmentation"]["size"] == [60, 40]


def test_a_detector_is_asked_to_be_sure_and_knows_no_options_of_landmark_networks(
        tmp_path, monkeypatch, capsys):
    photos, asked = write_colors(tmp_path / "photos", black=(0, 0, 0)), []
    detector = ColorDetector()
    monkeypatch.setattr(models, "resolve", lambda arguments: asked.append(
        arguments.set) or models.Model(detector.config, "w.h5"))
    monkeypatch.setattr(models, "build", lambda *_: detector)
    monkeypatch.setattr(detection, "Detector", lambda network: detector)
    words = ["detect", "--image", str(photos), f"--output={tmp_path / 'out'}"]
    assert fashion.main([*words, "--min-score=0.25"]) == 0
    assert asked == [["DETECTION_MIN_CONFIDENCE=0.25"]]
    assert "A lower --min-score may find some." in capsys.readouterr().out
    assert fashion.main([*words, "--no-detector"]) == 1
    assert "w.h5 are weights of a detector" in capsys.readouterr().err


def test_photos_by_file_folder_and_pattern(tmp_path):
    folder = photo_folder(tmp_path / "photos")

    def names(*patterns):
        return sorted(path.name for path in find_photos(patterns, tmp_path / "out"))

    assert names(str(folder / "rgb.jpg"), str(folder / "*.jpg")) == [
        "cut.jpg", "rgb.jpg", "turned.jpg"]
    assert names(str(folder / "**" / "*.png")) == [
        "gray.png", "rgb.png", "rgba.png", "sixteen.png"]
    with pytest.raises(FileNotFoundError, match="no photo"):
        names(str(folder / "*.bmp"))


def test_skeletons_are_written_also_where_no_garment_was_found(tmp_path):
    detect.Pictures(tmp_path, CONFIGS["tiny"]()).write_json({})
    categories = json.loads((tmp_path / "detections.json").read_text())["categories"]
    assert [len(category["keypoints"]) for category in categories] == [
        count for _, count in CONFIGS["tiny"].KEYPOINTS_OF_CLASS]
    assert all(category["skeleton"] for category in categories)
