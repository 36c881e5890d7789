"""The afternoon of the README at a small size: photos, training, measure, cut-outs."""

import csv
import json

import pytest

from fashion import fashion
from fashion.datasets.sample import outfits
from mrcnn import resume, weights


@pytest.fixture(scope="module")
def afternoon(tmp_path_factory):
    """Folder with photos that VIA has annotated, and a training of one step."""
    folder = tmp_path_factory.mktemp("afternoon")
    assert fashion.main(["sample", "--format=via2", f"--output={folder / 'photos'}",
                         "--images=6", "--validation=0.34"]) == 0
    assert fashion.main([
        "train", "--weights=random", "--config=tiny", f"--dataset={folder / 'photos'}",
        f"--logs={folder / 'logs'}", "--steps=1", "--epochs=1", "--eval-limit=0", "--seed=0",
        "--debug", "--set", "IMAGE_MAX_DIM=64", "IMAGES_PER_GPU=1", "BACKBONE_WIDTH=0.25"]) == 0
    return folder


def test_checkpoints_remember_the_classes(afternoon):
    saved = weights.read_metadata(resume.find_last(afternoon / "logs", "tiny"))
    assert set(saved["class_names"]) == {"BG", *outfits.CLASSES}
    assert saved["heads"] == ["box", "mask"]


def test_own_garments_are_measured_and_cut_out(afternoon, capsys):
    words = ["--weights=last", f"--logs={afternoon / 'logs'}", "--debug"]
    assert fashion.main(["evaluate", *words, f"--dataset={afternoon / 'photos'}",
                         f"--output={afternoon / 'evaluation'}"]) == 0
    assert "boots" in capsys.readouterr().out
    truth = json.loads((afternoon / "evaluation" / "ground_truth.json").read_text())
    assert {category["name"] for category in truth["categories"]} == set(outfits.CLASSES)
    assert len(truth["images"]) == 2
    assert fashion.main(["extract", *words, f"--image={afternoon / 'photos' / 'val'}",
                         f"--output={afternoon / 'cutouts'}", "--min-score=0.05"]) == 0
    with (afternoon / "cutouts" / "cutouts.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert rows, "so little was learned that much is found"
    assert {row["class"] for row in rows} <= set(outfits.CLASSES)
    assert all((afternoon / "cutouts" / row["file"]).is_file() for row in rows)


def test_annotated_garments_are_cut_out_without_a_network(afternoon):
    folder = afternoon / "truth"
    assert fashion.main(["extract", "--truth", f"--dataset={afternoon / 'photos'}",
                         "--subset=validation", f"--output={folder}"]) == 0
    project = json.loads((afternoon / "photos" / "val" / "via_project.json").read_text())
    drawn = [region["region_attributes"]["name"] for photo in project["_via_img_metadata"].values()
             for region in photo["regions"]]
    with (folder / "cutouts.csv").open(encoding="utf-8-sig") as file:
        assert sorted(row["class"] for row in csv.DictReader(file)) == sorted(drawn)
