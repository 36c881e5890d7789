"""`convert`: any data set in any format."""

import argparse
import json

import pytest
from pycocotools.coco import COCO

from fashion.categories import by_id
from fashion.commands import convert as command
from fashion.datasets import formats, subsets
from tests.fashion.annotated import garment, photo, write
from tests.fashion.own_photos import annotations


def convert(*words):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    command.run(parser.parse_args(list(words)))


@pytest.mark.parametrize("to", ["coco", "via", "via1", "via3", "labelme", "masks"])
def test_subsets_stay_apart(tmp_path, capsys, to):
    for subset in ("train", "val"):
        formats.write(annotations(tmp_path / "photos"), "labelme", tmp_path / "set" / subset)
    convert(f"--dataset={tmp_path / 'set'}", f"--to={to}", f"--output={tmp_path / 'out'}")
    found = subsets.read_subsets(tmp_path / "out")
    assert {subset: part.count_regions() for subset, part in found.items()} == dict.fromkeys(
        ("train", "validation"), {"top": 1, "bag": 1, "rain boots": 1})
    assert "train: 3 photos of labelme" in capsys.readouterr().out


def test_one_subset_into_one_file(tmp_path):
    formats.write(annotations(tmp_path / "photos"), "coco", tmp_path / "set")
    file = tmp_path / "out" / "half.json"
    arguments = [f"--dataset={tmp_path / 'set'}", "--to=coco", f"--output={file}", "--copy"]
    convert(*arguments)
    assert formats.read(file).count_regions() == {"top": 1, "bag": 1, "rain boots": 1}
    convert(*arguments, "--subset=train")
    assert 0 < len(formats.read(file).photos) < 3


def test_two_subsets_do_not_go_into_one_file(tmp_path):
    for subset in ("train", "val"):
        formats.write(annotations(tmp_path / "photos"), "coco", tmp_path / "set" / subset)
    with pytest.raises(ValueError, match="one.json is one file, .* subsets train, validation"):
        convert(f"--dataset={tmp_path / 'set'}", "--to=coco", "--output=one.json")


def test_deepfashion2_as_its_authors_convert_it(tmp_path):
    dress = garment(12, segmentation=[[1.5, 2.25, 60.125, 2, 30, 90]], style=4,
                    bounding_box=[2, 3, 61, 95])
    top = garment(1, landmarks=[30, 40, 2, 31, 41, 1, 0, 0, 0] + [1, 2, 0] * 22)
    root = write(tmp_path / "set", [photo(dress, top, pair_id=9), photo(garment(13))])
    convert(f"--dataset={root}", "--to=coco", f"--output={tmp_path / 'set.json'}")
    content = json.loads((tmp_path / "set.json").read_text())
    assert [(image["id"], image["width"], image["height"]) for image in content["images"]] == [
        (1, 100, 120), (2, 100, 120)]
    assert [category["id"] for category in content["categories"]] == list(range(1, 14))
    assert content["categories"][0]["keypoints"] == [str(i) for i in range(1, 295)]
    first, second, third = content["annotations"]
    assert [first["id"], second["id"], third["id"]] == [1, 2, 3]
    assert first["bbox"] == [2, 3, 59, 92]
    assert first["area"] == 59 * 92
    assert first["segmentation"] == [[1.5, 2.25, 60.125, 2, 30, 90]]
    assert (first["category_id"], first["style"], first["pair_id"]) == (12, 4, 9)
    assert second["num_keypoints"] == 2
    assert second["keypoints"][:9] == [30, 40, 2, 31, 41, 1, 0, 0, 0]
    start = 3 * by_id(12).start
    assert first["keypoints"][start:start + 3] == [30, 40, 2]
    assert sum(first["keypoints"][:start]) == 0
    assert third["image_id"] == 2
    assert len(COCO(tmp_path / "set.json").getAnnIds(catIds=[13])) == 1


@pytest.mark.parametrize("to", ["labelme", "masks", "via"])
def test_old_and_new_annotations_are_not_mixed(tmp_path, to):
    for subset in ("train", "val"):
        formats.write(annotations(tmp_path / "photos"), "labelme", tmp_path / "set" / subset)
    arguments = [f"--dataset={tmp_path / 'set'}", f"--to={to}", f"--output={tmp_path / 'out'}"]
    convert(*arguments)
    with pytest.raises(ValueError, match="out holds annotations or masks already.*without any"):
        convert(*arguments, "--subset=train")
    with pytest.raises(ValueError, match="set holds annotations"):
        convert(*arguments[:2], f"--output={tmp_path / 'set'}")


def test_the_data_set_is_not_written_over(tmp_path):
    file, _ = formats.write(annotations(tmp_path / "photos"), "coco", tmp_path / "set")
    before = file.read_bytes()
    for dataset in (file, file.parent):
        with pytest.raises(ValueError, match="is a file of the data set itself: give another"):
            convert(f"--dataset={dataset}", "--to=via", f"--output={file}")
    assert file.read_bytes() == before
