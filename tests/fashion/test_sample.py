"""The made-up data set: DeepFashion2's schema, and annotations that say what is really painted.

Drawing speed is not asserted here, as it depends on the machine; measure it with
`python -m timeit -n 100 -s "from fashion.datasets.sample.writer import draw" "draw(0, 7)"`.
"""

import json
from argparse import ArgumentParser

import cv2
import numpy as np
import pytest

from fashion.categories import CATEGORIES, by_id
from fashion.commands import sample as command
from fashion.datasets.locate import subsets_present
from fashion.datasets.sample import VERSION, statistics, write_sample, writer
from fashion.datasets.sample.annotation import annotate, outlines
from fashion.datasets.sample.canvas import Camera, Canvas
from fashion.datasets.sample.cuts import random_cut
from fashion.datasets.sample.figure import Figure, Pose
from fashion.datasets.sample.geometry import ellipse
from fashion.datasets.sample.identities import Item, Plan
from fashion.datasets.sample.pieces import Frame, Piece
from fashion.datasets.sample.scene import Scene, bend
from fashion.datasets.sample.textures import PATTERNS, plain, random_cloth, tile
from fashion.datasets.sample.writer import read_record

IMAGES = 120
ITEM_KEYS = {
    "category_id", "category_name", "style", "bounding_box", "landmarks", "segmentation",
    "scale", "occlusion", "zoom_in", "viewpoint",
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample") / "data"
    write_sample(folder, IMAGES, seed=5)
    return folder


@pytest.fixture(scope="module")
def annotations(root):
    """(height, width), record of every image."""
    return [(cv2.imread(str(path)).shape[:2], r) for path, r in statistics.records(root)]


def all_items(annotations):
    for shape, record in annotations:
        for item in statistics.items(record):
            yield shape, item, np.array(item["landmarks"]).reshape(-1, 3)


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# What is on disk


def test_layout_and_counts(root):
    record = json.loads((root / "sample.json").read_text())
    assert record["version"] == VERSION
    assert record["seed"] == 5
    assert record["counts"] == {"train": 96, "validation": 24}
    for subset, count in record["counts"].items():
        names = [f"{number:06d}" for number in range(1, count + 1)]
        assert sorted(p.stem for p in (root / subset / "image").glob("*.jpg")) == names
        assert sorted(p.stem for p in (root / subset / "annos").glob("*.json")) == names


def test_schema(annotations):
    for _, record in annotations:
        count = len(statistics.items(record))
        assert 1 <= count <= 4
        assert set(record) == {"source", "pair_id", *(f"item{i + 1}" for i in range(count))}
        assert record["source"] in ("user", "shop")
        assert record["pair_id"] > 0
    for _, item, landmarks in all_items(annotations):
        assert set(item) == ITEM_KEYS
        category = by_id(item["category_id"])
        assert item["category_name"] == category.name
        assert landmarks.shape == (category.count, 3)
        assert all(len(polygon) >= 6 and len(polygon) % 2 == 0 for polygon in item["segmentation"])
        assert all(isinstance(value, int) for value in (*item["bounding_box"], *item["landmarks"]))


def test_every_category_occurs_and_the_commonest_is_far_commoner_than_the_rarest(annotations):
    counts = np.bincount([item["category_id"] for _, item, _ in all_items(annotations)])[1:]
    assert len(counts) == len(CATEGORIES)
    assert counts.min() >= 1
    assert counts.max() > 3 * counts.min()


def test_landmarks_are_in_the_frame_unless_they_are_zero(annotations):
    for (height, width), _, landmarks in all_items(annotations):
        inside = landmarks[landmarks[:, 2] > 0]
        assert (inside[:, :2] >= 0).all()
        assert (inside[:, :2] < (width, height)).all()
        assert (landmarks[landmarks[:, 2] == 0] == 0).all()


def test_boxes_are_the_extents_of_the_polygons(annotations):
    for (height, width), item, _ in all_items(annotations):
        points = np.concatenate([np.reshape(p, (-1, 2)) for p in item["segmentation"]])
        extents = [*points.min(axis=0), *points.max(axis=0)]
        np.testing.assert_allclose(item["bounding_box"], extents, atol=1)
        assert (points >= 0).all()
        assert (points <= (width, height)).all()


def test_visible_landmarks_lie_on_the_mask(annotations):
    straps = {6: (6, 14), 13: (6, 18)}  # their ends lie beyond the outline, as in the template
    for _, item, landmarks in all_items(annotations):
        rings = [np.reshape(p, (-1, 1, 2)).astype(np.float32) for p in item["segmentation"]]
        for index, (x, y, visibility) in enumerate(landmarks):
            # Point 0, at the back of the neck, shows on the inside of the cloth.
            if visibility == 2 and index > 0 and index not in straps.get(item["category_id"], ()):
                point = (x + 0.5, y + 0.5)
                assert max(cv2.pointPolygonTest(ring, point, True) for ring in rings) > -2.5


def test_attributes_follow_from_the_annotation(annotations):
    for (height, width), item, landmarks in all_items(annotations):
        x1, y1, x2, y2 = item["bounding_box"]
        share = (x2 - x1) * (y2 - y1) / (height * width)
        assert item["scale"] == (1 if share < 0.1 else 2 if share <= 0.4 else 3)
        covered, outside = (np.mean(landmarks[:, 2] == v) for v in (1, 0))
        assert item["occlusion"] == (1 if covered < 0.2 else 2 if covered < 0.5 else 3)
        assert item["zoom_in"] == (1 if outside == 0 else 2 if outside < 0.3 else 3)
        assert item["viewpoint"] in (1, 2, 3)


def test_identities_are_paired_across_sources_and_not_across_subsets(root):
    pairs = {}
    for subset in ("train", "validation"):
        styles = {"user": set(), "shop": set()}
        for _, record in statistics.records(root, (subset,)):
            for item in statistics.items(record):
                if item["style"]:
                    styles[record["source"]].add((record["pair_id"], item["style"]))
        pairs[subset] = {pair for keys in styles.values() for pair, _ in keys}
        assert len(styles["user"] & styles["shop"]) >= 0.9 * len(pairs[subset])
    assert not pairs["train"] & pairs["validation"]


# Writing


def test_the_seed_decides_and_a_larger_sample_extends_a_smaller(tmp_path):
    for name, images, seed in (("a", 6, 1), ("b", 6, 1), ("more", 9, 1), ("other", 6, 2)):
        write_sample(tmp_path / name, images, seed)
    a, b, more, other = (files(tmp_path / name) for name in ("a", "b", "more", "other"))
    assert a == b
    name = "train/image/000001.jpg"
    assert a[name] != other[name]
    assert all(more[name] == data for name, data in a.items() if name != "sample.json")


def test_a_subset_without_images_is_not_there(tmp_path):
    write_sample(tmp_path, 3, validation=0.0)
    assert subsets_present(tmp_path) == ["train"]


def test_processes_write_the_same_sample(tmp_path, monkeypatch):
    write_sample(tmp_path / "one", 6)
    monkeypatch.setattr(writer, "_FEW", 0)
    monkeypatch.setattr(writer, "_MOST_PROCESSES", 2)
    monkeypatch.setattr(writer.os, "cpu_count", lambda: 100)
    write_sample(tmp_path / "many", 6)
    assert files(tmp_path / "one") == files(tmp_path / "many")


def test_a_finished_sample_is_kept_and_an_unfinished_one_made_anew(tmp_path):
    folder = tmp_path / "sample"
    first = write_sample(folder, 2)
    extra = folder / "train" / "extra.txt"
    extra.write_text("still here")
    assert write_sample(folder, 2) == first
    assert extra.exists()
    with pytest.raises(KeyboardInterrupt):
        write_sample(folder, 3, progress=interrupted)
    assert read_record(folder) is None
    write_sample(folder, 2)
    assert read_record(folder) == first
    assert not extra.exists()


def interrupted(steps, **_):
    yield next(iter(steps))
    raise KeyboardInterrupt


def test_a_folder_of_something_else_is_not_touched(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "photo.jpg").write_bytes(b"mine")
    with pytest.raises(ValueError, match="no sample"):
        write_sample(tmp_path, 2)
    assert files(tmp_path) == {"train/photo.jpg": b"mine"}


@pytest.mark.parametrize("wrong", [{"images": 0}, {"validation": 1.0}, {"seed": -1}])
def test_arguments_out_of_range_are_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match="expected"):
        write_sample(tmp_path / "sample", **{"images": 2, **wrong})


def test_the_command_reports_and_fails_politely(tmp_path, capsys):
    parser = ArgumentParser()
    command.add_arguments(parser)
    args = parser.parse_args([f"--output={tmp_path / 'sample'}", "--images=4", "--seed=3"])
    assert command.run(args) == 0
    assert "sample version" in capsys.readouterr().out
    assert command.run(args) == 0
    assert "already holds" in capsys.readouterr().out
    (tmp_path / "file").write_text("not a folder")
    assert command.run(parser.parse_args([f"--output={tmp_path / 'file' / 'sample'}"])) == 1
    assert "No sample was written" in capsys.readouterr().err


# Annotations against what is painted


def painted(category_id=2, camera=None, cover=None):
    """The annotation's item of one garment laid flat on 400 x 400 px, `cover` painted over it."""
    item = Item(category_id, random_cut(np.random.default_rng(0), category_id), plain((9, 9, 9)), 1)
    figure = Figure(Pose(worn=False))
    garment = bend(item, figure)
    canvas = Canvas(np.full((400, 400, 3), 255, np.uint8), camera or Camera(800, 0.0, (200, 50)))
    for piece in garment.pieces():
        canvas.paint(piece, item.cloth, 0)
    if cover is not None:
        canvas.paint(Piece("thing", [cover], garment.pieces()[0].frame), plain((0, 0, 255)))
    scene = Scene(canvas, [garment], [item], [figure])
    record = annotate(scene, Plan(1, "shop", (item,), (), True))
    return record["item1"], canvas.camera.pixels(garment.landmarks)


def test_landmarks_lie_where_the_garment_was_bent_to():
    item, points = painted()
    landmarks = np.reshape(item["landmarks"], (-1, 3))
    np.testing.assert_array_equal(landmarks[:, :2], np.floor(points))
    assert (item["viewpoint"], item["zoom_in"]) == (1, 1)


def test_what_is_painted_over_is_covered_and_leaves_the_mask():
    bare, points = painted()
    left_half = np.array([[-1, -1], [0, -1], [0, 1], [-1, 1]], float)
    item, _ = painted(cover=left_half)
    visibility = np.reshape(item["landmarks"], (-1, 3))[:, 2]
    assert (visibility[points[:, 0] < 199] == 1).all()
    unharmed = points[:, 0] > 201
    before = np.reshape(bare["landmarks"], (-1, 3))[:, 2]
    np.testing.assert_array_equal(visibility[unharmed], before[unharmed])
    assert bare["bounding_box"][0] < 150
    assert abs(item["bounding_box"][0] - 200) <= 1
    assert item["bounding_box"][1:] == bare["bounding_box"][1:]


def test_what_is_outside_the_frame_is_zero_and_the_mask_ends_at_the_border():
    item, points = painted(camera=Camera(800, 0.0, (20, 50)))
    landmarks = np.reshape(item["landmarks"], (-1, 3))
    np.testing.assert_array_equal(landmarks[:, 2] == 0, points[:, 0] < 0)
    assert (landmarks[:, 2] == 0).any()
    assert item["bounding_box"][0] == 0
    assert item["zoom_in"] == 3


def disc_canvas(*radii):
    """A canvas of 120 x 160 px with concentric discs around (70.3, 60.6) px, garments 0, 1, ..."""
    canvas = Canvas(np.zeros((120, 160, 3), np.uint8), Camera(100, 0.0, (0, 0)))
    frame = Frame(np.zeros(2), np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    for number, radius in enumerate(radii):
        disc = ellipse((0.703, 0.606), (radius / 100,) * 2, count=200)
        canvas.paint(Piece("disc", [disc], frame), plain((200, 50, 50)), number)
    return canvas


def test_outlines_are_exact_to_a_fraction_of_a_pixel():
    (polygon,), area = outlines(disc_canvas(40.4), 0)
    assert area == pytest.approx(np.pi * 40.4**2, rel=0.02)
    distances = np.hypot(*(polygon - [70.3, 60.6]).T)
    assert np.abs(distances - 40.4).max() < 0.5
    middle = (polygon.min(axis=0) + polygon.max(axis=0)) / 2
    np.testing.assert_allclose(middle, [70.3, 60.6], atol=0.3)


def test_a_large_hole_is_cut_out_of_the_polygon():
    (polygon,), _ = outlines(disc_canvas(40, 20), 0)
    x, y = (polygon - polygon[0]).T
    area = abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2
    assert area == pytest.approx(np.pi * (40**2 - 20**2), rel=0.03)


# Cloth and statistics


@pytest.mark.parametrize("pattern", PATTERNS)
def test_cloth_repeats_without_a_seam(pattern):
    rng = np.random.default_rng(4)
    cloth = next(c for c in (random_cloth(rng) for _ in range(1000)) if c.pattern == pattern)
    picture = tile(cloth, 600).astype(float)
    for axis in (0, 1):
        steps = np.abs(np.diff(picture, axis=axis)).mean(axis=(1 - axis, 2))
        seam = np.abs(np.take(picture, 0, axis) - np.take(picture, -1, axis)).mean()
        assert seam <= steps.max() + 4


def test_histograms_find_colours_and_the_majority_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "imread", None)  # on Windows it opens no path beyond ASCII
    colours = {1: (0, 0, 250), 2: (250, 0, 0)}
    for subset, source, number, pair, colour in (
        ("train", "user", 1, 1, 1), ("train", "user", 2, 2, 1),
        ("validation", "shop", 1, 1, 1), ("validation", "shop", 2, 2, 2),
    ):  # fmt: skip
        folders = [tmp_path / subset / kind for kind in ("image", "annos")]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        picture = np.full((30, 30, 3), colours[colour], np.uint8)
        cv2.imwrite(str(folders[0] / f"{number:06d}.jpg"), picture)
        item = {"category_id": 1, "style": 1, "bounding_box": [5, 5, 25, 25], "landmarks": [],
                "scale": 1, "occlusion": 1, "zoom_in": 1, "viewpoint": 1}  # fmt: skip
        record = {"source": source, "pair_id": pair, "item1": item}
        (folders[1] / f"{number:06d}.json").write_text(json.dumps(record))
    # User 1 wears pair 1 in its colour; user 2 wears pair 2 in the colour of pair 1.
    found = statistics.histogram_retrieval(tmp_path)
    assert found == {"top1": 0.5, "queries": 2, "gallery": 2}
    assert statistics.majority_baseline(statistics.count(tmp_path)) == 1.0
