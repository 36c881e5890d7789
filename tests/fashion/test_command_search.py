"""`search`: hits that are right, printed, drawn and written; and what cannot be searched."""

import json

import numpy as np
import pytest
from PIL import Image

from fashion import fashion
from fashion.commands import matching
from fashion.retrieval.pictures import Tile, draw_search
from tests.fashion.color_detector import ColorDetector, use, write_colors

COLORS = {"red": (250, 0, 0), "pink": (250, 120, 120), "rose": (250, 60, 60), "green": (0, 250, 0),
          "blue": (0, 0, 250)}


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A folder with an index of five photos, and queries."""
    use(monkeypatch, ColorDetector())
    write_colors(tmp_path / "gallery", **COLORS)
    (tmp_path / "w.h5").write_text("weights")
    assert fashion.main(["index", f"--weights={tmp_path / 'w.h5'}", "--gallery",
                         str(tmp_path / "gallery"), f"--output={tmp_path / 'index'}"]) == 0
    write_colors(tmp_path, query=(245, 5, 5), black=(0, 0, 0), grass=(5, 240, 5))
    return tmp_path


def search(world, *words, image="query.png"):
    return fashion.main(["search", f"--index={world / 'index'}", f"--image={world / image}",
                         f"--output={world / 'hits'}", *words])


def test_hits_come_in_order_with_their_probabilities(world, capsys):
    assert search(world, "--json", "--top-k=3") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    hits = [line for line in lines if len(line) > 2 and line[1].endswith("%")]
    assert [line[-1].rsplit("/")[-1] for line in hits] == ["red.png", "rose.png", "pink.png"]
    content = json.loads((world / "hits" / "hits.json").read_text())
    [garment] = content["images"][0]["garments"]
    assert garment["category"] == "short sleeve top" and garment["bbox"] == [15, 20, 30, 40]
    # Hand: 5 - 50 (3 * (5 / 255)^2 - one of them, blue and green by 5 and red by 5).
    first = garment["hits"][0]
    assert first["logit"] == pytest.approx(5 - 50 * 3 * (5 / 255) ** 2, abs=1e-4)
    assert first["probability"] == pytest.approx(1 / (1 + np.exp(-first["logit"])))
    assert first["file"] == str(world / "gallery" / "red.png") and len(garment["hits"]) == 3
    sheet = Image.open(world / "hits" / garment["picture"])
    assert sheet.size == (440 + 3 * 236, 650)


def test_one_category_only(world, capsys):
    assert search(world, "--category=short sleeve top", "--json") == 0
    content = json.loads((world / "hits" / "hits.json").read_text())
    assert {hit["category"] for hit in content["images"][0]["garments"][0]["hits"]} == {
        "short sleeve top"}
    assert len(content["images"][0]["garments"][0]["hits"]) == 3
    assert search(world, "--category=Short Sleeve Top") == 0, "as for extract and splash"
    assert search(world, "--category=long sleeve top") == 1
    assert search(world, "--category=short slevee top") == 1
    assert "did you mean 'short sleeve top'?" in capsys.readouterr().err


def test_queries_without_garments_are_said_and_the_others_are_searched(world, capsys):
    (world / "broken.jpg").write_text("no photo")
    assert search(world, image="*.*g") == 0
    out = capsys.readouterr().out
    assert "black.png: no garment" in out and "Looked for 2 garments" in out
    assert "broken.jpg: expected a photo" in out
    assert len(list((world / "hits").glob("*.jpg"))) == 2
    assert "; contact sheets in" in out
    assert search(world, image="black.png") == 1
    assert "Looked for 0 garments.\n" in capsys.readouterr().out
    (world / "file").write_text("")
    assert search(world, f"--output={world / 'file'}") == 1
    assert "file is a file, expected a folder" in capsys.readouterr().err


def test_an_index_of_other_weights_is_refused(world, monkeypatch, capsys):
    use(monkeypatch, ColorDetector(), fingerprint="f00d")
    assert search(world) == 1
    error = capsys.readouterr().err
    assert "c0105" in error and "f00d" in error


def test_weights_that_were_moved_are_asked_for(world, capsys):
    (world / "w.h5").rename(world / "moved.h5")
    assert search(world) == 1
    assert "--weights=PATH" in capsys.readouterr().err
    assert search(world, f"--weights={world / 'moved.h5'}") == 0


def test_what_is_no_index_and_an_empty_or_damaged_one_are_said(world, monkeypatch, capsys):
    assert fashion.main(["search", f"--index={world}", f"--image={world / 'query.png'}"]) == 1
    assert "is not an index" in capsys.readouterr().err
    assert fashion.main(["index", f"--weights={world / 'w.h5'}", "--gallery",
                         str(world / "black.png"), f"--output={world / 'empty'}"]) == 1
    with monkeypatch.context() as patch:
        patch.setattr(matching, "open_describer", lambda *_: pytest.fail("loads weights"))
        assert fashion.main(["search", f"--index={world / 'empty'}",
                             f"--image={world / 'query.png'}"]) == 1
    assert "has no garments" in capsys.readouterr().err
    largest = max((file for file in (world / "index").rglob("*") if file.is_file()),
                  key=lambda file: file.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-100])
    assert search(world) == 1
    assert largest.name in capsys.readouterr().err


def test_settings_of_the_index_are_those_of_the_search(world, monkeypatch):
    write_colors(world / "gallery", gray=(90, 90, 90))
    assert fashion.main(["index", f"--weights={world / 'w.h5'}", "--gallery",
                         str(world / "gallery"), f"--output={world / 'index'}",
                         "--min-score=0.4", "--config=tiny", "--set", "IMAGE_MAX_DIM=128"]) == 0
    seen = []
    inner = matching.open_detector
    monkeypatch.setattr(matching, "open_detector", lambda arguments: seen.append(
        arguments) or inner(arguments))
    assert search(world, "--min-score=0.3") == 0
    assert seen[0].config == "tiny" and seen[0].set == [
        "IMAGE_MAX_DIM=128", "DETECTION_MIN_CONFIDENCE=0.4", "DETECTION_MIN_CONFIDENCE=0.3"]


def test_a_contact_sheet_shows_every_hit_also_where_its_photo_is_gone(tmp_path):
    write_colors(tmp_path, red=(250, 0, 0))
    query = Tile(tmp_path / "red.png", np.array([20, 15, 60, 45]), 1, ("trousers",))
    gone = Tile(tmp_path / "gone.png", np.array([20, 15, 60, 45]), 1, ("9.0%",), 0.09)
    shrunk = Tile(tmp_path / "red.png", np.array([200, 150, 600, 450]), 1, ("99.0%",), 0.99)
    sheet = draw_search(query, [gone] * 6 + [shrunk])
    assert sheet.shape == (2 * 20 + 2 * 348 - 20, 440 + 5 * 236, 3)
    assert tuple(sheet[40, 300]) == (250, 0, 0)  # the query
    assert tuple(sheet[100, 640]) == (239, 241, 243)  # a photo that is gone
    assert tuple(sheet[20 + 348 + 100, 440 + 236 + 108]) == (250, 0, 0)
    assert draw_search(query, []).shape[0] == 650
