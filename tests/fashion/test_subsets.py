"""Training and validation data: by folders, by COCO's files, or by a seeded share."""

import pytest

from fashion.datasets import subsets
from tests.fashion.own_photos import SQUARE, polygon_region, save_json, save_photo, via


def write_via(folder, photos, name="top", file="via_region_data.json"):
    entries = {}
    for photo in photos:
        save_photo(folder / photo)
        entries |= via(polygon_region(name=name), name=photo)
    return save_json(folder / file, entries)


def names(found):
    return {subset: [photo.path.name for photo in part.photos] for subset, part in found.items()}


@pytest.mark.parametrize("validation", ["val", "validation", "valid"])
def test_folders(tmp_path, validation):
    write_via(tmp_path / "train", ["a.jpg", "b.jpg"])
    write_via(tmp_path / validation, ["a.jpg"], name="bag")
    found = subsets.read_subsets(tmp_path)
    assert names(found) == {"train": ["a.jpg", "b.jpg"], "validation": ["a.jpg"]}
    assert all(part.class_names == ("top", "bag") for part in found.values())
    assert found["validation"].photos[0].path.parent.name == validation


def test_subsets_agree_on_a_spelling(tmp_path):
    write_via(tmp_path / "train", ["a.jpg", "b.jpg"], name="Top")
    write_via(tmp_path / "val", ["a.jpg"], name="top")
    found = subsets.read_subsets(tmp_path)
    assert {part.class_names for part in found.values()} == {("Top",)}
    assert len(found["validation"].problems) == 1
    assert len(subsets.all_problems(found.values())) == 1


def write_coco(root, subset, photo_folder, year="2017"):
    image = {"id": 1, "file_name": "1.jpg", "width": 80, "height": 60}
    save_photo(photo_folder / "1.jpg")
    annotation = {"id": 1, "image_id": 1, "category_id": 1,
                  "segmentation": [SQUARE.ravel().tolist()]}
    save_json(root / "annotations" / f"instances_{subset}{year}.json",
              {"images": [image], "annotations": [annotation],
               "categories": [{"id": 1, "name": "top"}]})


@pytest.mark.parametrize("place", ["{0}2017", "images/{0}2017", "{0}"])
def test_cocos_own_layout(tmp_path, place):
    for subset in ("train", "val"):
        write_coco(tmp_path, subset, tmp_path / place.format(subset))
    save_json(tmp_path / "annotations" / "captions_train2017.json", {"annotations": []})
    found = subsets.read_subsets(tmp_path)
    assert names(found) == {"train": ["1.jpg"], "validation": ["1.jpg"]}
    for subset, part in found.items():
        assert part.photos[0].path.parent == tmp_path / place.format(subset[:5].replace("valid",
                                                                                        "val"))
        assert not part.problems


def test_one_of_cocos_files(tmp_path):
    write_coco(tmp_path, "val", tmp_path / "val2017")
    found = subsets.read_sources(tmp_path / "annotations" / "instances_val2017.json")
    assert names(found) == {"all": ["1.jpg"]}


def test_a_share_is_drawn_by_name(tmp_path):
    photos = [f"{number:03d}.jpg" for number in range(60)]
    write_via(tmp_path, photos[:40])
    before = names(subsets.read_subsets(tmp_path))
    assert sorted(sum(before.values(), [])) == photos[:40]
    assert 4 <= len(before["validation"]) <= 12
    write_via(tmp_path, photos)
    after = names(subsets.read_subsets(tmp_path))
    assert set(before["train"]) < set(after["train"])
    assert set(before["validation"]) < set(after["validation"])
    assert names(subsets.read_subsets(tmp_path, seed=2)) != after
    assert names(subsets.read_sources(tmp_path)) == {"all": photos}


def test_a_folder_for_training_only_is_shared_out(tmp_path):
    write_via(tmp_path / "train", ["a.jpg", "b.jpg", "c.jpg"])
    found = subsets.read_subsets(tmp_path)
    assert len(found["train"].photos) + len(found["validation"].photos) == 3
    assert found["train"].photos and found["validation"].photos
    found["train"].problems.add("odd", "a.jpg")
    assert len(subsets.all_problems(found.values())) == 1


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_either_side_has_a_photo(tmp_path, share):
    write_via(tmp_path, ["a.jpg", "b.jpg", "c.jpg"])
    assert all(part.photos for part in subsets.read_subsets(tmp_path, share=share).values())


def test_one_photo_cannot_be_shared_out(tmp_path):
    file = write_via(tmp_path, ["a.jpg"])
    with pytest.raises(ValueError, match="two photos at least, found 1"):
        subsets.read_subsets(file)


@pytest.mark.parametrize("stems", [
    ["carnival_1", "trainers_2", "valentino", "trainval", "dress"],
    ["train_1", "train_2", "dress"], ["train_1", "dress"], ["train", "val", "dress"]])
def test_labelmes_files_are_no_subsets_whatever_their_names(tmp_path, stems):
    for stem in stems:
        save_photo(tmp_path / f"{stem}.jpg")
        shape = {"label": "top", "points": SQUARE.tolist(), "shape_type": "polygon"}
        save_json(tmp_path / f"{stem}.json", {"shapes": [shape], "imagePath": f"{stem}.jpg"})
    found = subsets.read_sources(tmp_path)
    assert names(found) == {"all": sorted(f"{stem}.jpg" for stem in stems)}
    assert not found["all"].problems


def test_a_word_in_a_word_is_no_subset(tmp_path):
    write_via(tmp_path, ["a.jpg", "b.jpg"], file="trainers_val2.json")
    assert names(subsets.read_sources(tmp_path)) == {"validation": ["a.jpg", "b.jpg"]}
    write_via(tmp_path, ["a.jpg"], file="carnival.json")
    noted = subsets.read_sources(tmp_path)["validation"].problems
    assert noted.places(subsets.OTHER_FILE) == ["carnival.json"]


def test_files_of_which_none_is_meant_are_asked_for(tmp_path):
    for file in ("train_1.json", "train_2.json"):
        write_via(tmp_path, ["a.jpg"], file=file)
    with pytest.raises(ValueError, match="Several annotation files.*train_1.json, train_2.json"):
        subsets.read_sources(tmp_path)


def test_a_file_of_both_subsets_is_passed_over(tmp_path):
    write_via(tmp_path, ["a.jpg"], file="train.json")
    write_via(tmp_path, ["b.jpg"], file="val.json")
    write_via(tmp_path, ["a.jpg", "b.jpg"], file="train_val.json")
    found = subsets.read_sources(tmp_path)
    assert names(found) == {"train": ["a.jpg"], "validation": ["b.jpg"]}
    assert subsets.all_problems(found.values()).places(subsets.OTHER_FILE) == ["train_val.json"]


def test_no_such_folder(tmp_path):
    with pytest.raises(ValueError, match="no file or folder .*nowhere.*--dataset takes VIA"):
        subsets.read_subsets(tmp_path / "nowhere")
