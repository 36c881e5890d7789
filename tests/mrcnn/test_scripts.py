"""Users' scripts, in the manner of Matterport's samples, run as they are on tiny data."""

import csv
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest

from mrcnn.model import MaskRCNN

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "tests" / "scripts"
COLOUR, GREY = (200, 40, 40), (90, 90, 90)


@pytest.fixture(autouse=True)
def scripts_import_their_neighbours(monkeypatch):
    """As Python lets them when it runs one."""
    monkeypatch.syspath_prepend(SCRIPTS)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run a script's command in this process, in a folder of its own."""
    plt.switch_backend("Agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda *args, **kwargs: None)

    def run(script, *arguments):
        path = str(SCRIPTS / script)
        monkeypatch.setattr(sys, "argv", [path, *map(str, arguments)])
        monkeypatch.setattr(sys, "path", list(sys.path))
        return runpy.run_path(path, run_name="__main__")

    yield run
    plt.close("all")


def write_image(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)


def photo(boxes, size=(96, 120)):
    """Red boxes (y1, x1, y2, x2) on grey."""
    image = np.full((*size, 3), GREY, np.uint8)
    for y1, x1, y2, x2 in boxes:
        image[y1:y2, x1:x2] = COLOUR
    return image


def via_region(box, name):
    y1, x1, y2, x2 = box
    return {"shape_attributes": {"name": "polygon", "all_points_x": [x1, x2, x2, x1],
                                 "all_points_y": [y1, y1, y2, y2]},
            "region_attributes": {"name": name}}


def write_via(folder, subset, names, as_list=False):
    """Two annotated photos and one without regions, with a region for each name."""
    annotations = {}
    for photo_name in ("a.jpg", "b.jpg", "empty.jpg"):
        boxes = [(10 + 20 * i, 8 + 30 * i, 40 + 20 * i, 38 + 30 * i) for i in range(len(names))]
        write_image(folder / subset / photo_name, photo(boxes))
        regions = [via_region(box, name) for box, name in zip(boxes, names, strict=True)]
        regions = [] if photo_name == "empty.jpg" else regions
        annotations[photo_name] = {
            "filename": photo_name, "size": 1,
            "regions": regions if as_list else {str(i): r for i, r in enumerate(regions)}}
    (folder / subset / "via_region_data.json").write_text(json.dumps(annotations))


def write_nuclei(folder, images):
    for i in range(images):
        boxes = [(5 + i, 6, 25 + i, 30), (40, 50, 62, 70)]
        write_image(folder / f"n{i}" / "images" / f"n{i}.png", photo(boxes, (70, 90)))
        for j, (y1, x1, y2, x2) in enumerate(boxes):
            mask = np.zeros((70, 90), np.uint8)
            mask[y1:y2, x1:x2] = 255
            write_image(folder / f"n{i}" / "masks" / f"{j}.png", mask)


def write_start(script, config_name, path, classes, solid_masks=False):
    """Random weights of a script's small network for a number of classes."""
    class Start(runpy.run_path(str(SCRIPTS / script))[config_name]):
        NUM_CLASSES = classes

    keras.utils.set_random_seed(0)
    model = MaskRCNN("training", Start(), path.parent / "start")
    if solid_masks:  # every object that is found has pixels
        logits = model.network.layers_by_name()["mrcnn_mask"]
        logits.set_weights([0 * logits.kernel, 9 + logits.bias])
    model.save_weights(path)
    return path


def checkpoints_of(logs, name):
    """Checkpoints of the only run, by name."""
    (folder,) = [path for path in logs.iterdir() if path.is_dir()]
    assert folder.name.startswith(name)
    return sorted(path.name for path in folder.glob("mask_rcnn_*.h5"))


def test_balloon(run, tmp_path):
    data = tmp_path / "balloon"
    write_via(data, "train", ["balloon", "balloon"])
    write_via(data, "val", ["balloon"], as_list=True)  # VIA 2
    start = write_start("balloon.py", "SmallBalloonConfig", tmp_path / "start.h5", classes=2)
    run("balloon.py", "train", f"--dataset={data}", f"--weights={start}", "--small")
    assert checkpoints_of(tmp_path / "logs", "balloon") == ["mask_rcnn_balloon_0001.h5"]
    # As a user does it: a process of its own, from a folder that is not the project's.
    picture = data / "val" / "a.jpg"
    done = subprocess.run(
        [sys.executable, SCRIPTS / "balloon.py", "splash", "--weights=last", "--small",
         f"--image={picture}"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": ""},
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "mask_rcnn_balloon_0001.h5" in done.stdout
    (splash,) = tmp_path.glob("splash_*.png")
    result, original = cv2.imread(str(splash)), cv2.imread(str(picture))
    assert result.shape == original.shape
    grey = np.ptp(result.astype(int), axis=-1) == 0
    assert grey.any() and not grey.all()
    np.testing.assert_array_equal(result[~grey], original[~grey])


def test_shapes(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SHAPES_LOGS", str(tmp_path / "logs"))
    monkeypatch.setenv("SHAPES_IMAGES", "16")
    names = run("shapes.py")
    checkpoints = ["mask_rcnn_shapes_0001.h5", "mask_rcnn_shapes_0002.h5"]
    assert checkpoints_of(tmp_path / "logs", "shapes") == checkpoints
    assert names["model_path"].endswith(checkpoints[-1])
    assert (tmp_path / "logs" / "shapes.png").stat().st_size > 1000
    out = capsys.readouterr().out
    assert "gt_bbox" in out and "mAP: " in out
    assert len(names["APs"]) == 5 and np.isfinite(names["APs"]).all()
    r = names["r"]
    assert r["masks"].shape == (128, 128, len(r["rois"])) and r["rois"].dtype == np.int32


def test_nucleus(run, tmp_path):
    data = tmp_path / "cells"
    write_nuclei(data / "stage1_train", 4)
    write_nuclei(data / "stage1_test", 2)
    start = write_start("nucleus.py", "SmallNucleusConfig", tmp_path / "start.h5", classes=2,
                        solid_masks=True)
    run("nucleus.py", "train", f"--dataset={data}", "--subset=train", f"--weights={start}",
        "--small")
    assert checkpoints_of(tmp_path / "logs", "nucleus") == [
        "mask_rcnn_nucleus_0001.h5", "mask_rcnn_nucleus_0002.h5"]
    names = run("nucleus.py", "detect", f"--dataset={data}", "--subset=stage1_test",
                "--weights=last", "--small")
    assert names["weights_path"].endswith("mask_rcnn_nucleus_0002.h5")
    (folder,) = (tmp_path / "results" / "nucleus").iterdir()
    assert sorted(path.name for path in folder.glob("*.png")) == ["n0.png", "n1.png"]
    rows = list(csv.reader((folder / "submit.csv").open()))
    assert rows[0] == ["ImageId", "EncodedPixels"] and {row[0] for row in rows[1:]} == {"n0", "n1"}
    for name in ("n0", "n1"):
        runs = [np.array(row[1].split(), int).reshape(-1, 2) for row in rows[1:] if row[0] == name]
        pixels = np.concatenate([np.arange(a, a + n) for run in runs for a, n in run] or [[]])
        assert len(pixels) == len(np.unique(pixels)) and pixels.size
        assert pixels.min() >= 1 and pixels.max() <= 70 * 90


def test_fashion_via(run, tmp_path):
    data = tmp_path / "photos"
    for subset in ("train", "val"):
        write_via(data, subset, ["top", "boots", "bag"])
    write_start("fashion_via.py", "SmallFashionConfig", tmp_path / "mask_rcnn_coco.h5", classes=81)
    names = run("fashion_via.py", "train", f"--dataset={data}", "--weights=coco", "--small")
    assert {"mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"} <= set(
        names["model"].report.new_layers)
    assert checkpoints_of(tmp_path / "logs", "fashion") == ["mask_rcnn_fashion_0001.h5"]
    picture = data / "val" / "b.jpg"
    run("fashion_via.py", "extract", "--weights=last", "--small", f"--image={picture}")
    rois = np.load(tmp_path / "garments" / "rois.npy")
    garments = sorted((tmp_path / "garments").glob("*.png"))
    assert len(garments) == len(rois) > 0
    original = cv2.imread(str(picture))
    for path, (y1, x1, y2, x2) in zip(garments, rois, strict=True):
        assert path.name.split("_")[1] in ("top", "boots", "bag")
        garment = cv2.imread(str(path))
        assert garment.shape == (y2 - y1, x2 - x1, 3)
        kept = np.any(garment != 255, axis=-1)
        np.testing.assert_array_equal(garment[kept], original[y1:y2, x1:x2][kept])
