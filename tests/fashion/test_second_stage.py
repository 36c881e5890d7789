"""Cut-outs on their way into an index and back: by the match head, and by any image model."""

import json

import numpy as np
import pytest
from PIL import Image

from fashion import fashion
from fashion.retrieval.index import RetrievalIndex
from mrcnn.detection import Raw
from tests.fashion.color_detector import ColorDetector, use, write_colors
from tests.fashion.mean_color import save_mean_color


def extracted(folder, **colors):
    """Cut-outs of 60 x 80 px of one class each, named as their colours, and their list."""
    write_colors(folder, **colors)
    rows = [{"file": f"{name}.png", "class": "bag", "box": [5, 5, 50, 70], "width": 60,
             "height": 80, "window": [0, 0, 60, 80]} for name in colors]
    (folder / "cutouts.json").write_text(json.dumps({"cutouts": rows}))
    return folder


@pytest.fixture
def mean_color(tmp_path):
    return save_mean_color(tmp_path)


def test_an_index_and_a_search_by_an_image_model(tmp_path, mean_color, capsys):
    gallery = extracted(tmp_path / "gallery", red=(250, 0, 0), blue=(0, 0, 250), teal=(0, 99, 99))
    query = extracted(tmp_path / "query", crimson=(220, 20, 60))
    Image.new("RGB", (30, 30)).save(tmp_path / "photo.png")
    index, hits = tmp_path / "index", tmp_path / "hits"
    words = ["index", f"--weights={mean_color}", f"--gallery={gallery}", f"--output={index}"]
    assert fashion.main(words) == 0
    assert RetrievalIndex.open(index).class_names == ["BG", "bag"]
    assert "0 to look at" not in capsys.readouterr().out
    assert fashion.main(words) == 0 and "0 to look at" in capsys.readouterr().out
    assert fashion.main(["search", f"--index={index}", "--image", str(query),
                         str(tmp_path / "photo.png"), f"--output={hits}", "--json"]) == 0
    content = json.loads((hits / "hits.json").read_text())
    [found] = content["images"][0]["garments"]
    assert found["category"] == "bag" and found["bbox"] == [5, 5, 50, 70]
    assert found["hits"][0]["file"].endswith("red.png")
    assert [entry["file"] for entry in content["failed"]] == [str(tmp_path / "photo.png")]
    assert "no cut-out that extract has made" in capsys.readouterr().out


class Describing(ColorDetector):
    """Finds nothing on photos; what it is told of it describes by the colour."""

    def predict(self, images):
        for image in images:
            yield Raw(image.shape[:2], np.zeros((0, 4), np.float32), np.zeros(0, int),
                      np.zeros(0, np.float32), embeddings=np.zeros((0, 3), np.float32))

    def describe(self, photos):
        for image, boxes_px, class_ids in photos:
            color = image.reshape(-1, 3).mean(axis=0, keepdims=True).astype(np.float32) / 255
            yield Raw(image.shape[:2], np.array(boxes_px), np.array(class_ids), np.ones(1),
                      embeddings=color)


def test_the_match_head_is_told_what_is_on_a_cutout(tmp_path, monkeypatch, capsys):
    detector = use(monkeypatch, Describing())
    gallery = extracted(tmp_path / "gallery", red=(250, 0, 0), blue=(0, 0, 250))
    rows = json.loads((gallery / "cutouts.json").read_text())
    for row in rows["cutouts"]:
        row["class"] = "vest dress" if row["file"] == "red.png" else "boots"
    (gallery / "cutouts.json").write_text(json.dumps(rows))
    write_colors(gallery, photo=(0, 200, 0))
    index = tmp_path / "index"
    assert fashion.main(["index", "--weights=w.h5", f"--gallery={gallery}",
                         f"--output={index}"]) == 0
    garments = RetrievalIndex.open(index).garments
    assert [path.rsplit("/")[-1].rsplit("\\")[-1] for path in garments.photos] == ["red.png"]
    assert garments.boxes_px.tolist() == [[5, 5, 75, 55]]
    assert detector.config.CLASS_NAMES[garments.class_ids[0]] == "vest dress"
    assert "blue.png: a cut-out of class 'boots'" in capsys.readouterr().out
