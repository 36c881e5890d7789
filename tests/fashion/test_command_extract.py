"""`extract`: cut-outs and their tables, of what is found and of what is annotated."""

import argparse
import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion.categories import by_id
from fashion.commands import extract, matching
from fashion.datasets.sample.album import write_album
from tests.fashion.command_files import photo_folder, weights_file
from tests.fashion.made_sample import made_sample
from tests.fashion.one_garment import OneGarment


@pytest.fixture(autouse=True)
def one_garment(monkeypatch):
    monkeypatch.setattr(matching, "open_detector", lambda arguments, head: (OneGarment(), None))


def call(*words):
    """Runs the command and returns its exit code."""
    parser = argparse.ArgumentParser()
    extract.add_arguments(parser)
    return extract.run(parser.parse_args([str(word) for word in words]))


def read_tables(folder):
    content = json.loads((folder / "cutouts.json").read_text(encoding="utf-8"))
    with (folder / "cutouts.csv").open(encoding="utf-8-sig", newline="") as file:
        return content, list(csv.DictReader(file))


def test_what_is_found_is_cut_out_and_listed(tmp_path, capsys):
    photos, output = photo_folder(tmp_path / "photos"), tmp_path / "out"
    assert call("--image", photos, "--output", output) == 0
    content, table = read_tables(output)
    names = {path.name for path in output.glob("*.png")}
    assert names == {row["file"] for row in content["cutouts"]} == {row["file"] for row in table}
    assert names == {"rgb_1_trousers.png", "rgb_1_trousers_2.png", "gray_1_trousers.png",
                     "rgba_1_trousers.png", "sixteen_1_trousers.png", "turned_1_trousers.png"}
    [turned] = [row for row in content["cutouts"] if row["photo"].endswith("turned.jpg")]
    assert turned["class"] == "trousers" and turned["score"] == 0.9
    assert turned["box"] == turned["window"] == [10, 15, 20, 30] and turned["landmarks"] is None
    assert np.asarray(Image.open(output / turned["file"])).shape == (30, 20, 4)
    assert [entry["photo"] for entry in content["failed"]] == [str(photos / "cut.jpg")]
    assert not list(output.glob(".*")), "unfinished files"
    said = capsys.readouterr().out
    assert "6 garments of 6 photos" in said and "Left out" in said and "cut.jpg" in said


def test_the_look_for_a_second_model(tmp_path):
    photos, output = photo_folder(tmp_path / "photos"), tmp_path / "out"
    call("--image", photos / "rgb.jpg", "--output", output, "--background", "#ff8000",
         "--margin", "0.1", "--square", "--size", "64")
    content, [row] = read_tables(output)
    cutout = np.asarray(Image.open(output / row["file"]))
    assert cutout.shape == (64, 64, 3) and (row["width"], row["height"]) == ("64", "64")
    assert cutout[0, 0].tolist() == [255, 128, 0] and cutout[32, 32].tolist() == [0, 0, 0]
    # A box of 30 x 20 px, 3 px around it.
    assert content["cutouts"][0]["window"] == [12, 2, 36, 36] and row["window_height"] == "36"


def test_annotated_garments_with_their_landmarks(tmp_path):
    dataset = made_sample(tmp_path / "data", 3, seed=5)
    output = tmp_path / "out"
    assert call("--truth", "--dataset", tmp_path / "data", "--subset", "train",
                "--output", output) == 0
    content, table = read_tables(output)
    truth = [(image_id, i) for image_id in dataset.image_ids
             for i in range(len(dataset.load_boxes(image_id)))]
    assert len(content["cutouts"]) == len(table) == len(truth)
    for (image_id, i), row, cells in zip(truth, content["cutouts"], table, strict=True):
        class_id = dataset.image_class_ids(image_id)[i]
        assert row["class"] == cells["class"] == dataset.class_names[class_id]
        assert row["score"] is None and cells["score"] == ""
        y1, x1, y2, x2 = dataset.load_boxes(image_id)[i]
        np.testing.assert_allclose(row["box"], [x1, y1, x2 - x1, y2 - y1], atol=1e-3)
        np.testing.assert_allclose(float(cells["box_x"]), x1, atol=1e-3)
        points = dataset.load_keypoints(image_id)[i][by_id(class_id).landmarks]
        np.testing.assert_allclose(row["landmarks"], points.ravel(), atol=1e-3)
        assert len(cells["landmarks"].split()) == points.size
        cutout = np.asarray(Image.open(output / row["file"]))
        x, y, width, height = row["window"]
        photo = dataset.load_image(image_id)
        np.testing.assert_array_equal(cutout[..., :3], photo[y:y + height, x:x + width])


@pytest.mark.parametrize("subset, said", [(None, "train and validation"), ("train", "train"),
                                          ("validation", "validation")])
def test_annotated_garments_of_all_subsets_or_of_one(tmp_path, capsys, subset, said):
    write_album(tmp_path / "data", "via2", 6, validation=0.5)
    words = ["--subset", subset] if subset else []
    assert call("--truth", "--dataset", tmp_path / "data", "--output", tmp_path / "out",
                *words) == 0
    rows = read_tables(tmp_path / "out")[0]["cutouts"]
    folders = {Path(row["photo"]).parent.name for row in rows}
    assert folders == {"val" if name == "validation" else name for name in said.split(" and ")}
    last = capsys.readouterr().out.splitlines()[-1]
    assert f"{3 * len(folders)} photos of {said}, cut out" in last


def test_what_an_earlier_run_has_cut_out_is_gone_and_nothing_else(tmp_path):
    photos, output = photo_folder(tmp_path / "photos"), tmp_path / "out"
    call("--image", photos, "--output", output)
    Image.new("RGB", (9, 9)).save(output / "mine.png")
    call("--image", photos / "turned.jpg", "--output", output)
    assert {path.name for path in output.glob("*.png")} == {"turned_1_trousers.png", "mine.png"}
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (9, 9)).save(other / "mine.png")
    (other / "cutouts.json").write_text("[1]")
    with pytest.raises(ValueError, match="cutouts.json"):
        call("--image", photos, "--output", other)
    assert (other / "cutouts.json").read_text() == "[1]" and (other / "mine.png").exists()


def test_a_full_disk_leaves_no_half_picture(tmp_path, monkeypatch):
    def save(image, path, *words, **more):
        path.write_bytes(b"half a picture")
        raise OSError("the disk is full")

    photo = photo_folder(tmp_path / "photos") / "rgb.jpg"
    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(OSError, match="full"):
        call("--image", photo, "--output", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_tables_name_photos_wherever_one_reads_them(tmp_path, monkeypatch):
    photos = photo_folder(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    call("--image", "photos", "--output", "out")
    content, table = read_tables(tmp_path / "out")
    assert {row["photo"] for row in table} == {row["photo"] for row in content["cutouts"]}
    assert str(photos / "turned.jpg") in {row["photo"] for row in table}
    assert content["failed"][0]["photo"] == str(photos / "cut.jpg")


def test_nothing_found_is_said(tmp_path, monkeypatch, capsys):
    class Blind(OneGarment):
        def predict(self, images):
            for raw in super().predict(images):
                yield replace(raw, boxes_px=raw.boxes_px[:0], class_ids=raw.class_ids[:0],
                              scores=raw.scores[:0], mask_probs=raw.mask_probs[:0])

    photo = photo_folder(tmp_path / "photos") / "rgb.jpg"
    words = "--image", photo, "--output", tmp_path / "out"
    call(*words)
    assert "--min-score" not in capsys.readouterr().out
    monkeypatch.setattr(matching, "open_detector", lambda arguments, head: (Blind(), None))
    assert call(*words) == 0
    assert "--min-score" in capsys.readouterr().out


def test_only_some_categories(tmp_path):
    photo = photo_folder(tmp_path / "photos") / "rgb.jpg"
    assert call("--image", photo, "--output", tmp_path / "out", "--category", "Skirt") == 0
    assert read_tables(tmp_path / "out")[0]["cutouts"] == []
    with pytest.raises(ValueError, match="no 'boots'; known are short sleeve top"):
        call("--image", photo, "--output", tmp_path / "out", "--category", "boots")


@pytest.mark.parametrize("words, message", [
    ([], "--image"),
    (["--truth", "--image", "a.jpg"], "--truth"),
    (["--image", "a.jpg", "--dataset", "data"], "--dataset is for --truth"),
])
def test_what_does_not_go_together_is_said(words, message):
    with pytest.raises(ValueError, match=message):
        call(*words)


@pytest.mark.parametrize("words", [
    ["--background", "blueish"], ["--margin", "-1"], ["--margin", "wide"], ["--size", "0"]])
def test_wrong_looks_are_refused(words, capsys):
    with pytest.raises(SystemExit):
        call("--image", "a.jpg", *words)
    assert "expected" in capsys.readouterr().err


def test_garments_without_a_pixel_are_counted(tmp_path):
    class Vague(OneGarment):
        def predict(self, images):
            for raw in super().predict(images):
                raw.mask_probs[:] = 0.4
                yield raw

    cutouts = extract.Cutouts(tmp_path, ("BG", *"abcdefgh"), extract.Look(), {8})
    from fashion.cutouts import found_garments
    image = np.zeros((40, 60, 3), np.uint8)
    cutouts.add("a.jpg", image, [g for raw in Vague().predict([image]) for g in
                                 found_garments(raw)])
    assert cutouts.empty == 1 and not list(tmp_path.glob("*.png"))


def test_weights_without_masks_are_refused(tmp_path, monkeypatch):
    monkeypatch.undo()
    path = weights_file(tmp_path / "boxes.h5", name="tiny", config={"HEADS": ["box"]})
    with pytest.raises(ValueError, match="mask head"):
        call("--image", photo_folder(tmp_path / "photos") / "rgb.jpg", "--weights", path)
