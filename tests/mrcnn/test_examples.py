"""One row of a batch: which objects are on it and what is said of them."""

import numpy as np
import pytest

from mrcnn import masks
from mrcnn.data import examples
from mrcnn.data.examples import load_example
from mrcnn.data.objects import WITHOUT_AREA, Objects
from tests.mrcnn.drawn_dataset import Drawn, DrawnConfig, overlap


def configured(**knobs):
    return type("Changed", (DrawnConfig,), knobs)()


def with_objects(outlines, class_ids, **methods):
    """A data set of one photo with these outlines; methods replace those of the data set."""
    dataset = type("Changed", (Drawn,), methods)(images=1)
    dataset.image_info[0].update(outlines=outlines, class_ids=class_ids)
    return dataset


def square(x, y, side):
    return [np.array([(x, y), (x + side, y), (x + side, y + side), (x, y + side)], float)]


def test_shapes_and_types():
    row, left_out = load_example(Drawn(), 2, DrawnConfig())
    expected = {
        "input_image": ((128, 128, 3), np.uint8),
        "gt_class_ids": ((4,), np.int32),
        "gt_boxes": ((4, 4), np.float32),
        "gt_masks": ((4, 28, 28), np.uint8),
        "active_class_ids": ((3,), np.int32),
    }
    assert {name: (a.shape, a.dtype.type) for name, a in row.items()} == expected
    assert list(row["gt_class_ids"]) == [1, 2, 1, 0] and not left_out
    assert not row["gt_boxes"][3].any() and not row["gt_masks"][3].any()


@pytest.mark.parametrize("bitmaps", [False, True])
def test_boxes_by_hand_and_masks_on_the_picture(bitmaps):
    dataset = with_objects([square(10, 20, 30)], [2])
    dataset.bitmaps = bitmaps
    row, _ = load_example(dataset, 0, DrawnConfig())
    np.testing.assert_allclose(row["gt_boxes"][0], [20 / 120 * 128, 10 * 107 / 100 + 10,
                                                    50 / 120 * 128, 40 * 107 / 100 + 10], atol=0.6)
    row, _ = load_example(Drawn(bitmaps=bitmaps), 0, DrawnConfig())
    assert overlap(row) > 0.96


def test_whole_masks_without_mini_masks():
    row, _ = load_example(Drawn(), 0, configured(USE_MINI_MASK=False))
    assert row["gt_masks"].shape == (4, 128, 128)
    white = row["input_image"][..., 0].astype(int)
    assert np.abs(row["gt_masks"][0] - white).mean() < 1.5


def test_mini_masks_hold_fractions():
    row, _ = load_example(with_objects([square(10.25, 20, 30)], [1]), 0,
                          configured(USE_MINI_MASK=False, IMAGE_RESIZE_MODE="none"))
    assert row["gt_masks"][0, 30, 10] == 191 and row["gt_masks"][0, 30, 11] == 255


def test_an_image_without_objects_is_kept():
    row, left_out = load_example(with_objects([], []), 0, DrawnConfig())
    assert not row["gt_class_ids"].any() and not row["gt_boxes"].any() and not left_out


def test_crowds_keep_their_negative_class():
    dataset = with_objects([square(10, 10, 20), square(40, 40, 30)], [-1, 2])
    row, _ = load_example(dataset, 0, DrawnConfig())
    assert list(row["gt_class_ids"]) == [-1, 2, 0, 0]


def test_annotated_boxes_are_used_and_cut_at_the_photo():
    dataset = with_objects([square(10, 20, 30)], [1],
                           load_boxes=lambda self, image_id: [(18, -5, 55, 45)])
    row, _ = load_example(dataset, 0, configured(IMAGE_RESIZE_MODE="none"))
    np.testing.assert_array_equal(row["gt_boxes"][0], [18, 0, 55, 45])
    cells = masks.rasterise(square(10, 20, 30), (18, 0, 55, 45), (28, 28))
    np.testing.assert_array_equal(row["gt_masks"][0], np.round(255 * cells))


@pytest.mark.parametrize(
    "outlines",
    [
        [[np.array([(1, 1), (5, 5)], float)]],  # a polygon of two points
        [square(10, 10, 0)],  # no area
        [[np.array([(1, 1), (np.nan, 5), (5, 9)], float)]],
        [[]],
        [square(500, 10, 5)],  # beyond the photo
    ],
)
def test_objects_without_a_usable_outline_are_left_out_and_counted(outlines):
    dataset = with_objects([square(20, 20, 30), *outlines], [2, 1])
    row, left_out = load_example(dataset, 0, DrawnConfig())
    assert list(row["gt_class_ids"]) == [2, 0, 0, 0]
    assert left_out == {WITHOUT_AREA: 1}


def test_bad_parts_of_an_outline_do_not_cost_the_object():
    dataset = with_objects([[*square(20, 20, 30), np.array([(1.0, 1.0)])]], [2])
    row, left_out = load_example(dataset, 0, DrawnConfig())
    assert row["gt_class_ids"][0] == 2 and not left_out


def test_too_many_objects():
    dataset = with_objects([square(5 * i, 20, 30) for i in range(9)], [1, 2] * 4 + [1])
    row, left_out = load_example(dataset, 0, DrawnConfig())
    assert list(row["gt_class_ids"]) == [1, 2, 1, 2] and left_out == {examples.BEYOND_G: 5}
    drawn = {
        tuple(load_example(dataset, 0, DrawnConfig(), None, np.random.default_rng(i))[0]
              ["gt_boxes"][:, 1]) for i in range(5)
    }
    assert len(drawn) > 1  # a random choice when training


def test_what_is_cut_down_to_a_sliver_goes():
    boxes = np.array([(-95, 0, 5, 10), (-85, 0, 15, 10), (3, 3, 3.5, 9), (0, 0, 50, 50),
                      (-95, 0, 5, 10)], np.float32)
    objects = Objects(np.array([1, 2, 3, 4, -5]), boxes, polygons=[[]] * 5)
    seen = examples.visible(objects, (64, 64))
    assert list(seen.class_ids) == [2, 4, -5]  # any part of a crowd says where not to judge
    np.testing.assert_array_equal(seen.boxes_px[0], [0, 0, 15, 10])


def test_identities_and_keypoints_only_for_heads_that_ask():
    dataset = with_objects([square(10, 10, 20)], [1], load_identities=lambda self, image_id: [77])
    row, _ = load_example(dataset, 0, configured(HEADS=("box", "mask", "keypoint", "match")))
    assert row["gt_identities"].tolist() == [77, 0, 0, 0]
    assert row["gt_keypoints"].shape == (4, 3, 3)
    np.testing.assert_array_equal(row["gt_keypoints"][0, :, 2], [2, 1, 0])
    assert "gt_keypoints" not in load_example(dataset, 0, DrawnConfig())[0]


def test_a_photo_larger_than_the_batch_shape_is_refused():
    with pytest.raises(ValueError, match="does not fit IMAGE_SHAPE"):
        load_example(Drawn(), 0, configured(IMAGE_MAX_DIM=64, IMAGE_RESIZE_MODE="none"))


@pytest.mark.parametrize("mode", ["square", "pad64", "none", "crop", "shortest"])
def test_every_mode_gives_the_shape_of_the_configuration(mode):
    config = configured(IMAGE_RESIZE_MODE=mode, IMAGE_MIN_DIM=64, IMAGE_MAX_DIM=128)
    row, _ = load_example(Drawn(), 0, config)
    assert row["input_image"].shape == tuple(config.IMAGE_SHAPE)
    assert overlap(row) > 0.93


@pytest.mark.parametrize(
    "class_ids, word", [([99], "class ids \\[99\\]"), ([0], "class ids"), ([1, 2], "2 class ids")]
)
def test_annotations_that_contradict_the_data_set(class_ids, word):
    with pytest.raises(ValueError, match=word):
        load_example(with_objects([square(10, 10, 20)], class_ids), 0, DrawnConfig())


def test_polygons_without_classes_are_the_programmers_error():
    with pytest.raises(NotImplementedError, match="image_class_ids"):
        load_example(with_objects([square(10, 10, 20)], None), 0, DrawnConfig())


@pytest.mark.parametrize("image", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.float32)])
def test_an_image_of_another_kind_is_the_programmers_error(image):
    dataset = with_objects([square(1, 1, 5)], [1], load_image=lambda self, image_id: image)
    with pytest.raises(TypeError, match="load_image must return"):
        load_example(dataset, 0, DrawnConfig())


def test_given_rois_differ_from_image_to_image_and_stay_the_same():
    config = configured(USE_RPN_ROIS=False, POST_NMS_ROIS_TRAINING=6)
    outlines, ids = [square(10, 20, 30)], [1]
    dataset = Drawn()
    for info in dataset.image_info:
        info.update(outlines=outlines, class_ids=ids)
    rois = [load_example(dataset, i, config)[0]["input_rois"] for i in (1, 2, 1)]
    np.testing.assert_array_equal(rois[0], rois[2])
    assert (rois[0] != rois[1]).any()
