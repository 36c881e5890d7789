"""Reading DeepFashion's landmark benchmark from its published lists, whole and spoiled."""

import numpy as np
import pytest

from fashion.datasets import landmark_benchmark as benchmark
from tests.fashion.landmark_lists_files import (
    BOXES,
    FULL,
    LANDMARKS,
    LOWER,
    PARTITION,
    UPPER,
    load,
    replaced,
    write_lists,
)

FIRST = 2  # row of the first photo in the files


def test_a_type_s_landmarks_stand_in_their_places(tmp_path):
    dataset = load(write_lists(tmp_path))
    assert [info["id"] for info in dataset.image_info] == [UPPER, LOWER]
    upper, lower = (dataset.load_keypoints(i)[0] for i in range(2))
    np.testing.assert_array_equal(upper, [(30, 10, 2), (50, 10, 2), (10, 30, 1), (70, 30, 2),
                                          (0, 0, 0), (0, 0, 0), (20, 80, 2), (0, 0, 0)])
    np.testing.assert_array_equal(lower[:4], np.zeros((4, 3)))
    np.testing.assert_array_equal(lower[4:], [(20, 10, 2), (60, 10, 2), (22, 90, 2), (58, 90, 1)])
    assert [dataset.image_class_ids(i) for i in range(2)] == [[1], [2]]
    assert dataset.variations.tolist() == [1, 4]
    assert dataset.problems.counts == {}


def test_boxes_are_y_first_and_stand_for_outlines(tmp_path):
    dataset = load(write_lists(tmp_path))
    np.testing.assert_array_equal(dataset.load_boxes(0), [[8, 5, 85, 75]])
    (polygon,), = dataset.load_polygons(0)
    assert (polygon.min(axis=0), polygon.max(axis=0)) == (pytest.approx((5, 8)),
                                                          pytest.approx((75, 85)))
    assert dataset.load_image(0).shape == (100, 80, 3)


def test_subsets_are_those_of_the_partition(tmp_path):
    write_lists(tmp_path)
    assert [info["id"] for info in load(tmp_path, "test").image_info] == [FULL]
    assert load(tmp_path, limit=1).num_images == 1
    assert benchmark.subsets_present(tmp_path) == ["train", "test"]
    with pytest.raises(ValueError, match="no usable photo in subset 'val'"):
        load(tmp_path, "val")
    with pytest.raises(ValueError, match="expected one of train, val, test"):
        load(tmp_path, "validation")


def test_a_flip_exchanges_left_and_right():
    names = [benchmark.LANDMARKS[i] for i in benchmark.FLIP]
    mirrored = [name.replace("L.", "x.").replace("R.", "L.").replace("x.", "R.")
                for name in benchmark.LANDMARKS]
    assert names == mirrored


def test_lists_without_variation_type_are_read(tmp_path):
    lines = [line if i == 0 else line.replace(" variation_type", "") if i == 1 else
             " ".join(line.split()[:2] + line.split()[3:]) for i, line in enumerate(LANDMARKS)]
    dataset = load(write_lists(tmp_path, landmarks=lines))
    assert dataset.variations.tolist() == [0, 0]
    assert dataset.load_keypoints(0)[0, 0].tolist() == [30, 10, 2]


@pytest.mark.parametrize("folder", [".", "Anno"])
def test_a_missing_list_is_an_error_that_names_it(tmp_path, folder):
    write_lists(tmp_path)
    (tmp_path / "Anno" / "list_bbox.txt").unlink()
    with pytest.raises(ValueError, match="expected list_bbox.txt"):
        load(tmp_path)
    (tmp_path / folder / "list_bbox.txt").write_text("\n".join(BOXES))
    assert load(tmp_path).num_images == 2


@pytest.mark.parametrize("lines, message", [
    (["4", *LANDMARKS[1:]], "first line says 4 rows, but there are 3"),
    (LANDMARKS[:-1], "first line says 3 rows, but there are 2"),
    (LANDMARKS[1:], "expected the number of rows in the first line"),
    ([], "expected the number of rows in the first line, got ''"),
    (["0"], "second line lacks"),
    ([LANDMARKS[0], LANDMARKS[1].replace("clothes_type", "type"), *LANDMARKS[2:]],
     "second line lacks 1 columns: clothes_type"),
])
def test_a_list_that_is_not_as_published_is_an_error(tmp_path, lines, message):
    write_lists(tmp_path, landmarks=lines)
    with pytest.raises(ValueError, match=message) as error:
        load(tmp_path)
    assert "list_landmarks.txt" in str(error.value)


@pytest.mark.parametrize("files, reason", [
    ({"landmarks": replaced(LANDMARKS, FIRST, " ".join(LANDMARKS[FIRST].split()[:-1]))},
     benchmark.SHORT_ROW),
    ({"landmarks": replaced(LANDMARKS, FIRST, UPPER)}, benchmark.SHORT_ROW),
    ({"landmarks": replaced(LANDMARKS, FIRST, LANDMARKS[FIRST].replace("jpg 1", "jpg 4"))},
     benchmark.UNKNOWN_TYPE),
    ({"landmarks": replaced(LANDMARKS, FIRST, LANDMARKS[FIRST].replace("030", "left"))},
     benchmark.NO_NUMBERS),
    ({"landmarks": replaced(LANDMARKS, FIRST, None)}, benchmark.WITHOUT_LANDMARKS),
    ({"boxes": replaced(BOXES, FIRST, None)}, benchmark.WITHOUT_BOX),
    ({"boxes": replaced(BOXES, FIRST, f"{UPPER} 5 8 75")}, benchmark.SHORT_ROW),
    ({"boxes": replaced(BOXES, FIRST, f"{UPPER} 75 8 75 85")}, benchmark.EMPTY_BOX),
    ({"partition": replaced(PARTITION, FIRST, f"{UPPER} holiday")}, benchmark.UNKNOWN_STATUS),
    ({"partition": replaced(PARTITION, FIRST, UPPER)}, benchmark.UNKNOWN_STATUS),
])
def test_a_row_that_cannot_be_used_is_counted_and_left_out(tmp_path, files, reason):
    dataset = load(write_lists(tmp_path, **files))
    assert [info["id"] for info in dataset.image_info] == [LOWER]
    assert dataset.problems.counts == {reason: 1}
    assert UPPER in dataset.problems.places(reason)[0]


def test_a_missing_photo_is_counted_and_left_out(tmp_path):
    write_lists(tmp_path)
    (tmp_path / "Img" / UPPER).unlink()
    dataset = load(tmp_path)
    assert [info["id"] for info in dataset.image_info] == [LOWER]
    assert dataset.problems.counts == {benchmark.MISSING_PHOTO: 1}
    (tmp_path / "Img" / LOWER).unlink()
    with pytest.raises(ValueError, match="photo is not there: left out"):
        load(tmp_path)


def test_odd_values_are_counted_and_the_photo_is_kept(tmp_path):
    odd = LANDMARKS[FIRST].replace("jpg 1 1 0 030", "jpg 1 9 7 030")
    dataset = load(write_lists(tmp_path, landmarks=replaced(LANDMARKS, FIRST, odd)))
    assert dataset.load_keypoints(0)[0, 0].tolist() == [0, 0, 0]
    assert dataset.variations[0] == 0
    assert dataset.problems.counts == {benchmark.UNKNOWN_VISIBILITY: 1,
                                       benchmark.UNKNOWN_VARIATION: 1}


def test_of_a_photo_listed_twice_the_first_row_counts(tmp_path):
    dataset = load(write_lists(tmp_path, boxes=["4", *BOXES[1:], f"{UPPER} 1 1 2 2"]))
    np.testing.assert_array_equal(dataset.load_boxes(0), [[8, 5, 85, 75]])
    assert dataset.problems.counts == {benchmark.TWICE: 1}
