"""The sample as the landmark benchmark: same figures, one garment, eight landmarks."""

import argparse
import json

import numpy as np
import pytest

from fashion.categories import by_id
from fashion.commands import sample as sample_command
from fashion.datasets.landmark_benchmark import LANDMARKS, OF_TYPE, SUBSETS, has_lists
from fashion.datasets.sample import landmark_lists, writer
from mrcnn.data.images import read_image
from tests.fashion.landmark_lists_files import load

IMAGES = 24


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("landmark_sample")
    record = landmark_lists.write_landmark_lists(folder, IMAGES, seed=3, validation=0.8)
    return folder, record


def test_every_photo_is_read_back(sample):
    folder, record = sample
    datasets = {subset: load(folder, subset) for subset in SUBSETS}
    assert {name: data.num_images for name, data in datasets.items()} == record["counts"]
    assert all(not len(data.problems) for data in datasets.values())
    assert sum(record["counts"].values()) > 0.8 * IMAGES
    assert has_lists(folder)


def test_pictures_are_those_of_the_other_layout(sample):
    folder, _ = sample
    image, _ = writer.draw(3, 4)
    jpeg = read_image(folder / "Img" / "img" / "img_00000005.jpg")
    assert np.abs(jpeg.astype(int) - image[..., ::-1]).mean() < 6


def test_identities_are_in_one_subset(sample):
    folder, _ = sample
    names = {subset: [info["id"] for info in load(folder, subset).image_info] for subset in SUBSETS}
    pairs = {subset: {(int(name[-12:-4]) - 1) // writer.IMAGES_PER_PAIR for name in own}
             for subset, own in names.items()}
    assert all(pairs.values())
    assert not (pairs["train"] & pairs["val"] or pairs["train"] & pairs["test"]
                or pairs["val"] & pairs["test"])


def test_landmarks_of_a_type_and_left_before_right(sample):
    dataset = load(sample[0])
    for image_id in dataset.image_ids:
        points, (class_id,) = dataset.load_keypoints(image_id)[0], dataset.image_class_ids(image_id)
        others = np.setdiff1d(range(8), OF_TYPE[class_id])
        assert not points[others].any()
        neck = points[:2] if class_id != 2 else points[4:6]
        if (neck[:, 2] > 0).all():
            assert neck[0, 0] < neck[1, 0]


@pytest.mark.parametrize("category_id, clothes_type, expected", [
    (1, 1, [1, 5, 8, 22, 14, 16]), (5, 1, [1, 5, 6, 14, 9, 11]), (8, 2, [0, 2, 5, 11]),
    (9, 2, [0, 2, 4, 6]), (4, 1, [1, 5, 10, 28, 18, 20])])
def test_the_eight_are_those_of_deepfashion2_at_the_same_places(category_id, clothes_type,
                                                                 expected):
    count = by_id(category_id).count
    record = {"category_id": category_id,
              "landmarks": [value for i in range(count) for value in (i, 2 * i, 2)]}
    kind, points = landmark_lists.eight_landmarks(record)
    assert (kind, [x for x, _, _ in points]) == (clothes_type, expected)


def test_a_dress_has_its_waist_between_armpit_and_hem():
    record = {"category_id": 12, "landmarks": [value for i in range(19) for value in (i, 0, 2)]}
    kind, points = landmark_lists.eight_landmarks(record)
    by_name = dict(zip(LANDMARKS, (x for x, _, _ in points), strict=True))
    assert kind == 3 and 7 <= by_name["L.Waistline"] < by_name["L.Hem"] == 11


def test_a_finished_sample_is_not_written_again(sample):
    folder, record = sample
    path = folder / "Anno" / "list_bbox.txt"
    path.write_text("touched")
    assert landmark_lists.write_landmark_lists(folder, IMAGES, seed=3, validation=0.8) == record
    assert path.read_text() == "touched"
    again = landmark_lists.write_landmark_lists(folder, 4, seed=3, validation=0.8)
    assert again["images"] == 4 and path.read_text().startswith("4\n")
    assert json.loads((folder / "sample.json").read_text())["counts"] == again["counts"]


def test_another_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="no sample"):
        landmark_lists.write_landmark_lists(tmp_path, 4)


def test_the_command_says_what_it_wrote_and_how_to_train_on_it(tmp_path, capsys):
    parser = argparse.ArgumentParser()
    sample_command.add_arguments(parser)
    arguments = parser.parse_args(["--format=deepfashion_landmarks", "--images=4",
                                   f"--output={tmp_path}", "--validation=0"])
    assert sample_command.run(arguments) == 0
    out = capsys.readouterr().out
    count = load(tmp_path).num_images
    assert f"images: {count} train, 0 val, 0 test" in out and "train --config=cspn_tiny" in out
