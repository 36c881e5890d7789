"""Augmentation moves the picture and its labels alike, whichever pipeline it is."""

import numpy as np
import pytest

from mrcnn.data import augment, imgaug_compat  # noqa: F401 (before imgaug)
from mrcnn.data.examples import load_example
from tests.mrcnn.drawn_dataset import Drawn, DrawnConfig, overlap

iaa = pytest.importorskip("imgaug.augmenters")

KEYPOINT_CONFIG = type("KeypointConfig", (DrawnConfig,), {"HEADS": ("box", "mask", "keypoint")})()
CONFIG = DrawnConfig()

AFFINE = {
    "jitter": augment.Jitter(rotate=25, colour=0),
    "jitter, no turn": augment.Jitter(),
    "flip": iaa.Fliplr(1.0),
    "up and down": iaa.Flipud(1.0),
    "crop": iaa.Crop(percent=(0, 0.15)),
    "affine": iaa.Affine(scale=(0.8, 1.1), rotate=(-30, 30), shear=(-10, 10), translate_px=(-9, 9)),
    "quarter turn": iaa.Rot90(1),
    "nested": iaa.Sequential([iaa.Sometimes(0.5, iaa.Fliplr(1.0)),
                              iaa.OneOf([iaa.Affine(rotate=12), iaa.TranslateX(px=(-9, 9))])]),
}
WARPS = {
    "elastic": iaa.ElasticTransformation(alpha=40, sigma=6),
    "perspective": iaa.PerspectiveTransform(scale=0.08),
    "jigsaw": iaa.Jigsaw(4, 4),
    "polar": iaa.WithPolarWarping(iaa.CropAndPad(percent=(-0.1, 0.1))),
}
COLOURS = iaa.Sequential([iaa.Multiply((0.8, 1.2)), iaa.GaussianBlur(1.0), iaa.Add(5),
                          iaa.LinearContrast((0.8, 1.2))])


@pytest.mark.parametrize("bitmaps", [False, True])
@pytest.mark.parametrize("name", [*AFFINE, *WARPS])
def test_masks_and_boxes_stay_on_the_object(name, bitmaps):
    augmentation = {**AFFINE, **WARPS}[name]
    dataset = Drawn(bitmaps=bitmaps)
    for image_id in range(3):
        rng = np.random.default_rng(image_id)
        row, _ = load_example(dataset, image_id, CONFIG, augmentation, rng)
        assert overlap(row) > 0.93
        if name != "jitter, no turn":
            continue  # others may cut or bend the shape: its extents are the label's by IoU
        white = np.argwhere(row["input_image"][..., 0] > row["input_image"].max() / 2)
        extents = [*white.min(0), *(white.max(0) + 1)]
        np.testing.assert_allclose(row["gt_boxes"][0], extents, atol=1.5)


def test_affine_pipelines_keep_the_outlines_and_warps_give_bitmaps():
    objects = augmented_objects(AFFINE["affine"])
    assert objects.polygons is not None and objects.bitmaps is None
    objects = augmented_objects(WARPS["elastic"])
    assert objects.polygons is None and objects.bitmaps[0].shape == (120, 100)


def augmented_objects(pipeline):
    from mrcnn.data.objects import read_objects

    dataset = Drawn()
    image = dataset.load_image(0)
    objects, _ = read_objects(dataset, 0, image.shape)
    return augment.apply_imgaug(pipeline, image, objects, np.random.default_rng(0))[1]


def test_colours_leave_the_labels_alone():
    plain, _ = load_example(Drawn(), 0, CONFIG)
    row, _ = load_example(Drawn(), 0, CONFIG, COLOURS, np.random.default_rng(0))
    assert not np.array_equal(row["input_image"], plain["input_image"])
    for name in ("gt_boxes", "gt_masks", "gt_class_ids"):
        np.testing.assert_array_equal(row[name], plain[name])


@pytest.mark.parametrize(
    "pipeline, mirrors",
    [
        (iaa.Fliplr(1.0), True),
        (iaa.Flipud(1.0), True),
        (iaa.Sequential([iaa.Fliplr(1.0), iaa.Flipud(1.0)]), False),
        (iaa.Rot90(1), False),
        (iaa.Sequential([iaa.Affine(rotate=40), iaa.Sometimes(1.0, iaa.OneOf([iaa.Fliplr(1.0)]))]),
         True),
        (iaa.Sequential([iaa.PerspectiveTransform(0.05), iaa.Fliplr(1.0)]), True),
        (iaa.PerspectiveTransform(0.05), False),
        (augment.Jitter(flip=1.0), True),
        (augment.Jitter(flip=0.0, rotate=180), False),
    ],
)
def test_a_mirrored_picture_swaps_left_and_right(pipeline, mirrors):
    dataset = Drawn()
    plain, _ = load_example(dataset, 0, KEYPOINT_CONFIG)
    row, _ = load_example(dataset, 0, KEYPOINT_CONFIG, pipeline, np.random.default_rng(1))
    visibility = row["gt_keypoints"][0, :, 2]
    assert list(plain["gt_keypoints"][0, :, 2]) == [2, 1, 0]
    assert list(visibility) == ([1, 2, 0] if mirrors else [2, 1, 0])


def test_keypoints_follow_a_flip_exactly():
    dataset = Drawn()
    plain, _ = load_example(dataset, 0, KEYPOINT_CONFIG)
    row, _ = load_example(dataset, 0, KEYPOINT_CONFIG, iaa.Fliplr(1.0), np.random.default_rng(0))
    left, right = plain["gt_keypoints"][0, :2]
    np.testing.assert_allclose(row["gt_keypoints"][0, 0, :2], (128 - right[0], right[1]), atol=1e-3)
    np.testing.assert_allclose(row["gt_keypoints"][0, 1, :2], (128 - left[0], left[1]), atol=1e-3)


class Dots(Drawn):
    """On each photo three dots, a red, a green and a blue one, where its three keypoints are."""

    def load_image(self, image_id):
        y, x = np.mgrid[:120, :100][..., None] + 0.5
        squares = [(axis - at) ** 2 for axis, at in zip((x, y), self.dots(image_id).T, strict=True)]
        return np.round(255 * np.exp(-sum(squares) / 8)).astype(np.uint8)

    def load_keypoints(self, image_id):
        dots = np.column_stack([self.dots(image_id), (2, 2, 2)])
        return np.stack([dots] * len(self.image_info[image_id]["class_ids"]))

    def keypoint_flip(self, class_id):
        return None

    def dots(self, image_id):
        return np.random.default_rng(image_id).uniform(20, 80, (3, 2))


@pytest.mark.parametrize("name", [*AFFINE, *WARPS, "piecewise"])
@pytest.mark.filterwarnings("ignore:`estimate`:FutureWarning")  # of skimage, from within imgaug
def test_keypoints_stay_where_the_picture_shows_them(name):
    pipeline = {**AFFINE, **WARPS, "piecewise": iaa.PiecewiseAffine(scale=0.03)}[name]
    dataset, distances = Dots(images=8), []
    for image_id in dataset.image_ids:
        row, _ = load_example(
            dataset, image_id, KEYPOINT_CONFIG, pipeline, np.random.default_rng(image_id))
        for channel, point in zip(row["input_image"].transpose(2, 0, 1), row["gt_keypoints"][0],
                                  strict=True):
            y, x = np.argwhere(channel > 0.9 * channel.max()).mean(axis=0) + 0.5
            if point[2] and channel.max() > 150:
                distances.append(np.hypot(x - point[0], y - point[1]))
    assert len(distances) >= 20, "hardly any leaves the picture"
    assert np.median(distances) < 1 and np.percentile(distances, 95) < 2.5


def test_keypoints_that_leave_the_picture_are_not_there():
    shifted = iaa.Affine(translate_px={"x": 70})
    row, _ = load_example(Drawn(), 0, KEYPOINT_CONFIG, shifted, np.random.default_rng(0))
    assert list(row["gt_keypoints"][0, :, 2]) == [2, 0, 0]


@pytest.mark.parametrize("name", ["jitter", "nested", "elastic"])
def test_the_generator_alone_decides(name):
    augmentation, dataset = {**AFFINE, **WARPS}[name], Drawn()
    rows = [
        load_example(dataset, 0, CONFIG, augmentation, np.random.default_rng(seed))[0]
        for seed in (3, 4, 3)
    ]
    np.testing.assert_array_equal(rows[0]["input_image"], rows[2]["input_image"])
    np.testing.assert_array_equal(rows[0]["gt_masks"], rows[2]["gt_masks"])
    assert not np.array_equal(rows[0]["input_image"], rows[1]["input_image"])


def test_a_pipeline_that_changes_the_size_is_refused():
    with pytest.raises(augment.AugmentationError, match="keep_size"):
        load_example(
            Drawn(), 0, CONFIG, iaa.Crop(px=8, keep_size=False), np.random.default_rng(0)
        )


def test_what_is_no_augmentation_is_refused():
    with pytest.raises(augment.AugmentationError, match="expected an imgaug augmenter"):
        augment.check(lambda image: image)
    for known in (None, augment.Jitter(), iaa.Fliplr(0.5)):
        augment.check(known)


def test_any_object_with_the_same_interface_will_do():
    class Mirror:
        def to_deterministic(self):
            return self

        def augment_image(self, image):
            return image[:, ::-1]

        def augment_keypoints(self, points):
            for point in points.keypoints:
                point.x = points.shape[1] - point.x
            return points

    row, _ = load_example(Drawn(), 0, CONFIG, Mirror(), np.random.default_rng(0))
    assert overlap(row) > 0.95


def test_jitter_that_does_nothing():
    still = augment.Jitter(flip=0, scale=(1, 1), translate=0, rotate=0, colour=0)
    matrix, colour = still.sample(np.random.default_rng(0), (60, 80))
    np.testing.assert_allclose(matrix, np.eye(3)[:2], atol=1e-12)
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    np.testing.assert_array_equal(colour(image), image)


def test_jitter_stays_within_its_limits():
    jitter = augment.Jitter(scale=(0.5, 2.0), translate=0.1, rotate=30, colour=0.5)
    rng, flips = np.random.default_rng(0), 0
    for _ in range(200):
        matrix, colour = jitter.sample(rng, (60, 80))
        flips += np.linalg.det(matrix[:, :2]) < 0
        assert 0.5 <= np.sqrt(abs(np.linalg.det(matrix[:, :2]))) <= 2.0
        centre = matrix @ (40, 30, 1)
        assert abs(centre[0] - 40) <= 8 and abs(centre[1] - 30) <= 6
    assert 70 < flips < 130
    assert not colour(np.zeros((4, 4, 3), np.uint8)).any()
