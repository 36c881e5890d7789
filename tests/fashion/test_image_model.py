"""The second stage: cut-outs, read back as what they are, and vectors of any Keras model."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from fashion.commands.extract import Cutouts, Look
from fashion.cutouts import Garment
from fashion.retrieval import image_model
from fashion.retrieval.cutout_files import class_names, listed, read_cutouts
from fashion.retrieval.image_model import ImageModel
from tests.fashion.mean_color import save_mean_color

NAMES = ("BG", "bag", "boots")


def extracted(folder, look=None):
    """Cut-outs of a red bag and blue boots on a green wall; their box is (10, 20, 50, 40)."""
    cutouts = Cutouts(folder, NAMES, look or Look(), {1, 2})
    for class_id, color in ((1, (255, 0, 0)), (2, (0, 0, 255))):
        photo = np.full((60, 80, 3), (0, 255, 0), np.uint8)
        photo[10:50, 20:40] = color

        def coverage(window):
            grid = np.zeros((60, 80), np.float32)
            grid[10:50, 20:40] = 1
            padded = np.pad(grid, 40)
            return padded[40 + window[0]:40 + window[2], 40 + window[1]:40 + window[3]]

        cutouts.add("a.jpg", photo, [Garment(class_id, None, np.array([10, 20, 50, 40]), coverage)])
    cutouts.write_tables({})
    return sorted(folder.glob("*.png"))


@pytest.fixture
def mean_color(tmp_path):
    return save_mean_color(tmp_path)


@pytest.mark.parametrize("look, box", [
    (Look(), (0, 0, 40, 20)),
    (Look(margin=0.25, square=True, size=120), (20, 40, 100, 80)),
])
def test_cutouts_know_what_they_show(tmp_path, look, box):
    paths, failed = extracted(tmp_path / "cut", look), {}
    files = listed([*paths, tmp_path / "photo.jpg"])
    assert list(files) == paths and class_names(files.values()) == NAMES
    np.testing.assert_allclose([file.box_px for file in files.values()], [box, box])
    read = list(read_cutouts(list(files.values()), NAMES, failed))
    assert [class_id for _, class_id, _ in read] == [1, 2] and not failed
    y1, x1, y2, x2 = box
    for _, class_id, picture in read:
        expected = np.full_like(picture, 255)
        expected[y1:y2, x1:x2] = (255, 0, 0) if class_id == 1 else (0, 0, 255)
        # Enlarged ones have soft edges.
        assert np.abs(picture.astype(int) - expected).mean() < (0.01 if look == Look() else 2)


def test_cutouts_of_other_classes_and_broken_ones_are_named(tmp_path):
    paths, failed = extracted(tmp_path), {}
    paths[1].write_bytes(b"no picture")
    assert not list(read_cutouts(list(listed(paths).values()), ("BG", "boots"), failed))
    assert "class 'bag', expected one of boots" in str(failed[paths[0]])
    assert "expected a photo" in str(failed[paths[1]])


def test_another_list_of_that_name_is_refused(tmp_path):
    paths = extracted(tmp_path)
    for content in ("[]", '{"cutouts": [{"file": "a.png"}]}', "{"):
        (tmp_path / "cutouts.json").write_text(content)
        with pytest.raises(ValueError, match=r"cutouts\.json"):
            listed(paths)
    (tmp_path / "cutouts.json").write_text(json.dumps({"cutouts": []}))
    assert listed(paths) == {}


def test_vectors_of_a_saved_model(tmp_path, mean_color):
    paths, failed = extracted(tmp_path / "cut", Look(square=True)), {}
    Image.new("RGB", (9, 9)).save(tmp_path / "photo.png")
    model = ImageModel(str(mean_color), NAMES)
    (bag_path, bag), (_, boots) = model.embed([*paths, tmp_path / "photo.png"], failed)
    assert list(failed) == [tmp_path / "photo.png"] and "no cut-out" in str(*failed.values())
    assert bag_path == paths[0] and bag.photos.tolist() == [str(paths[0])]
    assert bag.class_ids.tolist() == [1] and boots.class_ids.tolist() == [2]
    # Half of the square is white, half (1, -1, -1): the mean is (1, 0, 0).
    np.testing.assert_allclose(bag.embeddings, [[1, 0, 0]], atol=0.01)
    np.testing.assert_allclose(boots.embeddings, [[0, 0, 1]], atol=0.01)
    logits = model.similarity.logits(bag.embeddings, np.stack([bag.embeddings[0],
                                                               boots.embeddings[0]]))
    np.testing.assert_allclose(logits, [[2, -8]], atol=0.3)  # 10 (cos - 0.8)


def test_equal_weights_have_equal_fingerprints(tmp_path, mean_color):
    def digest(bias):
        picture = keras.Input((8, 8, 3))
        pooled = keras.layers.GlobalAveragePooling2D()(picture)
        model = keras.Model(picture, keras.layers.Dense(
            2, kernel_initializer="ones", bias_initializer=keras.initializers.Constant(bias))(
            pooled))
        model.save(tmp_path / "other.keras")
        return ImageModel(str(tmp_path / "other.keras"), NAMES).fingerprint

    assert digest(1) == digest(1) != digest(2)


def test_models_by_name(monkeypatch):
    """Built without their weights, which come from the network."""
    seen = []

    def offline(include_top, weights, pooling):
        assert not include_top and weights == "imagenet" and pooling == "avg"
        model = keras.applications.mobilenet.MobileNet(
            alpha=0.25, include_top=False, weights=None, pooling="avg")
        predict = model.predict_on_batch
        model.predict_on_batch = lambda pictures: seen.append(pictures) or predict(pictures)
        return model

    offline.__module__ = keras.applications.MobileNet.__module__
    monkeypatch.setattr(keras.applications, "MobileNet", offline)
    model = ImageModel("keras:MobileNet", NAMES)
    pictures = [np.full((30, 90, 3), value, np.uint8) for value in (0, 255)]
    vectors = model.vectors(pictures)
    assert vectors.shape == (2, 256) and model.similarity.size == 256
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    # Prepared as that model wants it: from -1 to 1.
    assert seen[0].shape == (2, 224, 224, 3)
    assert (seen[0].min(), seen[0].max()) == (-1, 1)


def test_models_that_do_not_serve_are_refused(tmp_path, monkeypatch):
    def unreachable(**_):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "ResNet50", unreachable)
    with pytest.raises(OSError, match="cannot be fetched: URL fetch failure"):
        ImageModel("keras:ResNet50", NAMES)
    with pytest.raises(ValueError, match="no such model, only"):
        ImageModel("keras:ResNet", NAMES)
    with pytest.raises(FileNotFoundError, match="keras:MobileNetV3Small"):
        ImageModel(str(tmp_path / "none.keras"), NAMES)
    with pytest.raises(ValueError, match="extract"):
        ImageModel("keras:MobileNet", ("BG",))
    picture = keras.Input((8, 8, 3))
    keras.Model(picture, keras.layers.Conv2D(4, 3)(picture)).save(tmp_path / "map.keras")
    with pytest.raises(ValueError, match=r"gives a vector, \[N, E\]"):
        ImageModel(str(tmp_path / "map.keras"), NAMES)


def test_pictures_lie_on_white_as_they_are():
    square = image_model._on_white(np.zeros((20, 10, 3), np.uint8), 8)
    assert (square[:, 2:6] == 0).all() and (square[:, :2] == 255).all()
    assert (square[:, 6:] == 255).all()
