"""Matterport's Dataset face."""

import numpy as np
import pytest
from PIL import Image

from mrcnn.data.dataset import Dataset


class Two(Dataset):
    """Two sources, three classes; the second image has no objects."""

    def __init__(self):
        super().__init__()
        self.add_class("shop", 7, "top, shirt")
        self.add_class("street", 7, "bag")
        self.add_class("shop", 9, "skirt")
        self.add_class("shop", 7, "again")
        outline = np.array([(1, 1), (4, 1), (4, 5), (1, 5)], float)
        self.add_image("shop", "a", "x/a.jpg", width=8, height=6, class_ids=[1], outline=outline)
        self.add_image("street", "b", "x/b.jpg", width=8, height=6)
        self.prepare()

    def load_polygons(self, image_id):
        outline = self.image_info[image_id].get("outline")
        return [] if outline is None else [[outline]]


def test_classes_and_images():
    dataset = Two()
    assert dataset.num_classes == 4 and dataset.num_images == 2
    assert dataset.class_names == ["BG", "top", "bag", "skirt"]
    assert list(dataset.class_ids) == [0, 1, 2, 3] and list(dataset.image_ids) == [0, 1]
    assert dataset.sources == ["", "shop", "street"]
    assert dataset.source_class_ids == {"": [0], "shop": [0, 1, 3], "street": [0, 2]}


def test_lookups():
    dataset = Two()
    assert dataset.map_source_class_id("street.7") == 2
    assert dataset.get_source_class_id(3, "shop") == 9
    with pytest.raises(ValueError, match="comes from 'shop'"):
        dataset.get_source_class_id(3, "street")
    assert dataset.image_from_source_map["street.b"] == 1
    assert dataset.source_image_link(0) == dataset.image_reference(0) == "x/a.jpg"
    assert dataset.image_info[0]["width"] == 8


def test_active_classes_are_those_of_the_image():
    dataset = Two()
    assert list(dataset.active_class_ids(0)) == [1, 1, 0, 1]
    assert list(dataset.active_class_ids(1)) == [1, 0, 1, 0]


def test_a_dot_in_a_source_is_refused():
    with pytest.raises(ValueError, match="dot"):
        Dataset().add_class("a.b", 1, "x")


def test_bitmaps_are_drawn_from_polygons():
    masks, class_ids = Two().load_mask(0)
    assert masks.shape == (6, 8, 1) and masks.dtype == bool and list(class_ids) == [1]
    assert masks[1:5, 1:4, 0].all() and masks.sum() == 12


def test_no_objects():
    masks, class_ids = Two().load_mask(1)
    assert masks.shape == (6, 8, 0) and len(class_ids) == 0


def test_append_data():
    dataset, other = Dataset(), Two()
    dataset.append_data(other.class_info, other.image_info)
    dataset.prepare()
    assert dataset.class_names == other.class_names
    assert dataset.image_info == other.image_info


def test_load_image_and_what_is_not_available(tmp_path):
    dataset = Dataset()
    Image.new("L", (5, 4)).save(tmp_path / "a.png")
    dataset.add_image("s", 1, tmp_path / "a.png")
    dataset.prepare()
    assert dataset.load_image(0).shape == (4, 5, 3)
    assert dataset.load_mask(0)[0].shape == (4, 5, 0)
    for method in ("load_polygons", "load_boxes", "load_keypoints", "load_identities"):
        assert getattr(dataset, method)(0) is None
    assert dataset.keypoint_flip(1) is None and dataset.image_class_ids(0) is None


def test_subclasses_that_hand_on_a_class_map():
    class Old(Dataset):
        def __init__(self, class_map=None):
            super().__init__(class_map)

        def prepare(self, class_map=None):
            super().prepare(class_map)

    dataset = Old({"ignored": 1})
    dataset.add_class("shop", 1, "top")
    dataset.prepare()
    assert dataset.class_names == ["BG", "top"]
