"""A data set of one's own as a `Dataset`."""

import pickle

import numpy as np
import pytest

from fashion.datasets import formats, own
from fashion.datasets.own import OwnDataset
from fashion.datasets.regions import Annotations, Photo, Region
from mrcnn.data.objects import read_objects
from tests.fashion.own_photos import SQUARE, TRIANGLE, annotations, bitmap, save_photo


def dataset_of(read, **arguments):
    dataset = OwnDataset()
    dataset.add(read, **arguments)
    dataset.prepare()
    return dataset


def one_photo(folder, *regions, **more):
    photo = Photo(save_photo(folder / "a.jpg"), 80, 60, list(regions))
    return Annotations([photo], ("top", "bag"), "test", **more)


def assert_same_parts(parts, expected):
    for part, points in zip(parts, expected, strict=True):
        np.testing.assert_array_equal(part, points)


def test_outlines_and_masks(tmp_path):
    dataset = dataset_of(annotations(tmp_path))
    assert dataset.class_names == ["BG", "top", "bag", "rain boots"]
    assert [dataset.image_class_ids(i).tolist() for i in dataset.image_ids] == [[1, 2], [3], []]
    assert_same_parts(dataset.load_polygons(0)[0], [TRIANGLE, SQUARE])
    assert dataset.load_polygons(1) is None
    masks, class_ids = dataset.load_mask(1)
    np.testing.assert_array_equal(masks[..., 0], bitmap())
    assert class_ids.tolist() == [3]
    assert dataset.load_mask(2)[0].shape == (60, 80, 0)
    np.testing.assert_array_equal(dataset.load_boxes(1), [(20, 5, 40, 45)])
    assert dataset.load_image(0).shape == (60, 80, 3)


@pytest.mark.parametrize("image_id, count", [(0, 2), (1, 1), (2, 0)])
def test_the_road_of_training_takes_it(tmp_path, image_id, count):
    objects, left_out = read_objects(dataset_of(annotations(tmp_path)), image_id, (60, 80, 3))
    assert len(objects) == count
    assert not any(left_out.values())


def test_crowds_have_negative_ids_and_annotated_boxes_stand(tmp_path):
    crowd = Region("bag", [SQUARE], crowd=True)
    dataset = dataset_of(one_photo(tmp_path, crowd, Region("top", [SQUARE], box_px=(1, 2, 3, 4))))
    assert dataset.image_class_ids(0).tolist() == [-2, 1]
    np.testing.assert_array_equal(dataset.load_boxes(0), [(10, 50, 30, 70), (1, 2, 3, 4)])


def test_keypoints_and_what_a_mirror_does_to_them(tmp_path):
    points = np.array([(1, 2, 2), (3, 4, 1), (5, 6, 2)], np.float32)
    read = one_photo(tmp_path, Region("top", [SQUARE], keypoints=points), Region("bag", [SQUARE]),
                     keypoint_names=("left_sleeve", "collar", "right_sleeve"))
    dataset = dataset_of(read)
    np.testing.assert_array_equal(dataset.load_keypoints(0), [points, np.zeros((3, 3))])
    assert dataset.keypoint_flip(1).tolist() == [2, 1, 0]
    unnamed = dataset_of(one_photo(tmp_path, keypoint_names=("1", "2", "3")))
    assert unnamed.keypoint_flip(1) is None
    assert dataset_of(one_photo(tmp_path)).load_keypoints(0) is None


def test_weights_fix_the_order_of_classes(tmp_path):
    dataset = dataset_of(annotations(tmp_path), class_names=["bag", "hat", "top"])
    assert dataset.class_names == ["BG", "bag", "hat", "top"]
    assert [dataset.image_class_ids(i).tolist() for i in dataset.image_ids] == [[3, 1], [], []]
    assert dataset.problems.counts == {own.UNKNOWN_CLASS: 1}
    with pytest.raises(ValueError, match="classes hat, but the data set has top, bag, rain boots"):
        dataset_of(annotations(tmp_path), class_names=["hat"])


def test_a_turned_photo_is_turned_as_its_regions_are(tmp_path):
    path = save_photo(tmp_path / "a.jpg", orientation=6)
    for upright, shape in ((True, (80, 60, 3)), (False, (60, 80, 3))):
        photo = Photo(path, shape[1], shape[0], [Region("top", [TRIANGLE])], upright)
        dataset = dataset_of(Annotations([photo], ("top",), "test"))
        assert dataset.load_image(0).shape == shape
        assert dataset.load_mask(0)[0].shape[:2] == shape[:2]


def test_loading(tmp_path):
    for subset in ("train", "val"):
        formats.write(annotations(tmp_path / "photos", with_masks=False), "via2",
                      tmp_path / "set" / subset)
    dataset = OwnDataset()
    dataset.load(tmp_path / "set", "validation", limit=2)
    dataset.prepare()
    assert dataset.num_images == 2
    again = pickle.loads(pickle.dumps(dataset))
    assert_same_parts(again.load_polygons(0)[0], dataset.load_polygons(0)[0])
    with pytest.raises(ValueError, match="loaded already"):
        dataset.load(tmp_path / "set", "train")
    with pytest.raises(ValueError, match="no subset 'test', only train, validation"):
        OwnDataset().load(tmp_path / "set", "test")


def test_nothing_usable(tmp_path):
    with pytest.raises(ValueError, match="No usable photo"):
        dataset_of(Annotations([], ("top",), "test"))


def test_no_photo_has_a_region(tmp_path):
    photo = Photo(save_photo(tmp_path / "a.jpg"), 80, 60)
    read = Annotations([photo], (), "test")
    read.problems.add("region without a class: left out", "a.jpg region 0")
    with pytest.raises(ValueError, match="No photo has a region(.|\n)*without a class.*region 0"):
        dataset_of(read)
