"""Data sets of one's own on the command line: what is found, and the network that fits it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from fashion import fashion
from fashion.commands import data_sets, models, own_data, train
from fashion.config import CONFIGS
from fashion.datasets import formats
from fashion.datasets.regions import Annotations, Photo, Region
from fashion.datasets.sample import album, outfits
from mrcnn import weights
from tests.fashion.command_files import weights_file
from tests.fashion.own_photos import SQUARE, save_photo


def annotations(folder, *class_names, photos=2):
    """Photos with one object of each class, the whole as one subset."""
    found = [Photo(save_photo(folder / f"{i}.jpg"), 80, 60,
                   [Region(name, [SQUARE]) for name in class_names]) for i in range(photos)]
    return Annotations(found, class_names, "via2")


def test_what_was_found_is_a_table_of_objects_and_oddities(tmp_path):
    found = {"train": annotations(tmp_path, "top", "rain boots"),
             "validation": annotations(tmp_path, "top", "rain boots", photos=1)}
    lines = own_data.describe(found).splitlines()
    assert lines[0].endswith("via2:") and lines[-1] == "Nothing odd."
    assert lines[1].split() == ["photos", "objects", "top", "rain", "boots"]
    assert [line.split() for line in lines[2:4]] == [
        ["train", "2", "4", "2", "2"], ["validation", "1", "2", "1", "1"]]
    found["train"].problems.add("photo is missing: left out", "7.jpg")
    assert "missing" in own_data.describe(found) and "7.jpg" in own_data.describe(found)


def test_many_classes_are_rows_and_those_without_a_training_photo_are_named(tmp_path):
    names = tuple(f"kind of garment {i}" for i in range(200))
    found = {"train": annotations(tmp_path, *names[:150]), "validation": annotations(tmp_path)}
    found = {subset: replace(some, class_names=names) for subset, some in found.items()}
    text = own_data.describe(found)
    assert max(map(len, text.splitlines())) < 150
    assert [line.split() for line in text.splitlines()[1:5]] == [
        ["train", "validation"], ["photos", "2", "2"], ["objects", "300", "0"],
        ["kind", "of", "garment", "0", "2", "0"]]
    assert "50  class on no training photo" in text and "kind of garment 150, " in text
    assert not found["train"].problems, "nothing is odd in the files"
    del found["train"]
    assert "training" not in own_data.describe(found)


@pytest.mark.parametrize("words", [["check"], ["train", "--weights=random"],
                                   ["extract", "--truth"]])
def test_a_data_set_that_is_not_there_may_be_of_any_format(tmp_path, capsys, words):
    assert fashion.main([*words, f"--dataset={tmp_path / 'typo'}"]) == 1
    said = capsys.readouterr().err
    assert "typo" in said and formats.EXPECTED in said


def test_classes_come_from_the_data_and_keep_the_order_of_the_weights(capsys):
    config = own_data.fit(CONFIGS["via"](), ("top", "bag"))
    assert (config.CLASS_NAMES, config.NUM_CLASSES) == (("BG", "top", "bag"), 3)
    assert not capsys.readouterr().out
    again = own_data.fit(config, ("bag", "top"))
    assert again.CLASS_NAMES == ("BG", "top", "bag")
    other = own_data.fit(config, ("top", "bag", "boots"))
    assert other.CLASS_NAMES == ("BG", "top", "bag", "boots")


def test_heads_that_need_deepfashion2_are_left_out(capsys):
    config = own_data.fit(CONFIGS["tiny"](), ("top",))
    assert config.HEADS == ("box", "mask") and config.NUM_KEYPOINTS == 0
    assert "keypoint" in capsys.readouterr().out


def test_other_classes_or_heads_are_another_training():
    tiny = CONFIGS["tiny"]()
    own = own_data.fit(tiny, ("top",))
    assert train._is_another(own, tiny) and not train._is_another(own_data.fit(own, ["top"]), own)
    assert train._is_another(own_data.fit(tiny, tiny.CLASS_NAMES[1:]), tiny), "fewer heads"


def test_class_ids_are_those_of_the_weights(tmp_path, capsys):
    found = {"train": annotations(tmp_path, "top", "bag", "hat, straw")}
    data = data_sets.Data(tmp_path, None, found)
    dataset = data_sets.load(data, "train", class_names=("BG", "bag", "top"))
    assert dataset.image_class_ids(0).tolist() == [2, 1]
    assert "hat, straw" in capsys.readouterr().out
    assert data_sets.load(data, "train", limit=1).num_images == 1
    whole = data_sets.load(data, "train", class_names=("BG", "top", "bag", "hat, straw"))
    assert whole.image_class_ids(0).tolist() == [1, 2, 3]


@pytest.mark.parametrize("arguments, word", [
    ({"subset": "validation"}, "only train"), ({"where": "scale==1"}, "--where"),
    ({"class_names": ("BG", "shoe")}, "shoe.*top"),
])
def test_what_cannot_be_loaded_is_explained(tmp_path, arguments, word):
    data = data_sets.Data(tmp_path, None, {"train": annotations(tmp_path, "top")})
    with pytest.raises(ValueError, match=word):
        data_sets.load(data, **{"subset": "train", **arguments})


def test_weights_for_other_garments_do_not_measure_deepfashion2(tmp_path):
    from fashion.datasets.sample import write_sample

    write_sample(tmp_path, 2, validation=0)
    data = data_sets.resolve(tmp_path)
    assert data.own is None and data_sets.load(data, "train").num_images == 2
    with pytest.raises(ValueError, match="trousers.*the weights know top, bag"):
        data_sets.load(data, "train", class_names=("BG", "top", "bag"))


def test_a_folder_or_a_file_of_annotations_is_a_data_set(tmp_path, capsys):
    file, _ = formats.write(annotations(tmp_path, "top", "bag", photos=6), "coco", tmp_path)
    for path in (tmp_path, file):
        data = data_sets.resolve(str(path))
        assert set(data.subsets) == {"train", "validation"} and data.root == path
        assert sum(len(some.photos) for some in data.own.values()) == 6
    assert "format coco" in capsys.readouterr().out
    with pytest.raises(ValueError, match="nowhere"):
        data_sets.resolve(str(tmp_path / "nowhere"))


def test_own_annotations_are_checked_photo_by_photo(tmp_path, capsys):
    file, _ = formats.write(annotations(tmp_path, "top", photos=4), "via1", tmp_path)
    words = ["check", f"--dataset={tmp_path}", f"--output={tmp_path / 'report' / 'check.json'}"]
    (tmp_path / "report").mkdir()
    assert fashion.main(words) == 0
    out = capsys.readouterr().out
    assert "format via1" in out and "Usable" in out and "cannot be decoded" not in out
    photo = tmp_path / "2.jpg"
    photo.write_bytes(photo.read_bytes()[:-30])
    assert fashion.main([*words, "--quick"]) == 0
    assert "cannot be decoded" not in capsys.readouterr().out
    assert fashion.main(words) == 0
    assert "2.jpg" in capsys.readouterr().out
    report = json.loads((tmp_path / "report" / "check.json").read_text())
    assert "2.jpg" in report["problems"][own_data.BROKEN_PHOTO][0]
    for photo in tmp_path.glob("*.jpg"):
        photo.write_bytes(photo.read_bytes()[:-30])
    assert fashion.main(words) == 1


def test_weights_of_another_network_keep_it_and_train_as_asked(tmp_path):
    knobs = CONFIGS["tiny"]().override({"BACKBONE_WIDTH": 0.25, "STEPS_PER_EPOCH": 7})
    path = weights_file(tmp_path / "w.h5", name="tiny", backbone="resnet18",
                        config=json.loads(json.dumps(knobs.to_dict())))
    config = models.restore(weights.read_metadata(path), "via")
    assert (config.NAME, config.BACKBONE, config.BACKBONE_WIDTH) == ("via", "resnet18", 0.25)
    assert (config.EPOCHS, config.STEPS_PER_EPOCH, config.OPTIMIZER) == (20, None, "adam")
    assert models.restore({"name": "deepfashion2", "backbone": "resnet101"}, "via") is None
    assert models.restore(weights.read_metadata(path), "match_rcnn") is None


@pytest.mark.parametrize("layout", formats.FILE_NAMES)
def test_the_sample_is_written_as_any_tool_writes_it(tmp_path, layout):
    record = album.write_album(tmp_path / "a", layout, 6, seed=2, validation=0.5)
    assert record["counts"] == {"train": 3, "val": 3} and record["format"] == layout
    data = data_sets.resolve(str(tmp_path / "a"))
    assert data.own["train"].format == layout and data.sample == record
    assert not any(some.problems for some in data.own.values())
    drawn = [outfits.draw(1, 2, index)[1] for index in range(6)]
    found = {photo.path.stem: photo.regions
             for some in data.own.values() for photo in some.photos}
    for objects, (_, regions) in zip(drawn, sorted(found.items()), strict=True):
        assert sorted(name for name, _ in objects) == sorted(r.class_name for r in regions)
        if layout != "masks":
            for (_, polygon), region in zip(objects, regions, strict=True):
                np.testing.assert_allclose(region.polygons[0], polygon, atol=1e-3)


def test_the_sample_is_written_once_and_over_another_only(tmp_path):
    folder = tmp_path / "a"
    album.write_album(folder, "via1", 3)
    photo = next((folder / "train").glob("*.jpg"))
    photo.unlink()
    album.write_album(folder, "via1", 3)
    assert not photo.exists(), "nothing was to be done"
    album.write_album(folder, "masks", 3)
    assert not list((folder / "train").glob("*.json")) and (folder / "train/images").is_dir()
    with pytest.raises(ValueError, match="expected"):
        album.write_album(folder, "via1", 0)
