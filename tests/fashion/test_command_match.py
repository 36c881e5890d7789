"""`match`: which garment of one photo is which of another."""

import numpy as np
import pytest
from PIL import Image

from fashion import fashion
from fashion.commands import match, matching
from fashion.retrieval import pictures
from fashion.retrieval.garments import Garments
from fashion.retrieval.similarity import Similarity
from tests.fashion.color_detector import ColorDetector, use, write_colors


def table(*embeddings):
    count = len(embeddings)
    boxes = [[20 * i, 5, 20 * i + 15, 40] for i in range(count)]
    return Garments(["a.jpg"] * count, boxes, np.arange(count) + 1, [0.9] * count, embeddings)


def test_partners_are_found_by_logits_where_probabilities_saturate():
    similarity = Similarity([-1.0], 40.0)
    partners, nearest, probabilities = match.compare(
        similarity, table([0], [9]), table([2], [1], [2.5]))
    assert partners.tolist() == [1, -1] and nearest.tolist() == [1, 2]
    # Hand: 40 - 1 and 40 - 42.25.
    assert probabilities == pytest.approx([1, 1 / (1 + np.exp(2.25))])


def test_no_garment_is_that_of_two_others():
    similarity = Similarity([-1.0], 4.0)
    # Hand: both are most like 1; 0.5 gets it (3.75 against 3.19), and 1.9 gets 3 (2.79).
    partners, nearest, _ = match.compare(similarity, table([1.9], [0.5]), table([1], [3]))
    assert partners.tolist() == [1, 0] and nearest.tolist() == [0, 0]
    # What fits better has it, however unlike its other choice is.
    partners, _, probabilities = match.compare(similarity, table([2], [1]), table([1], [9]))
    assert partners.tolist() == [-1, 0]
    assert probabilities == pytest.approx([1 / (1 + np.exp(-3)), 1 / (1 + np.exp(-4))])
    partners, _, _ = match.compare(similarity, table([1], [1.5], [9]), table([1]))
    assert partners.tolist() == [0, -1, -1]


def test_a_garment_whose_partner_is_taken_is_told_so(capsys):
    tables = table([2], [1]), table([1])
    match.print_matches("ab", tables, *match.compare(Similarity([-1.0], 4.0), *tables),
                        ("BG", "vest", "skirt"))
    out = capsys.readouterr().out
    assert "95.3% for the nearest, 1 vest, which is another's\n" in out
    assert out.endswith("2 skirt" + " " * 19 + "1 vest" + " " * 20 + "98.2%\n")


def test_an_output_that_cannot_be_written_is_said_before_the_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(matching, "open_detector", lambda *_: pytest.fail("loads weights"))
    write_colors(tmp_path, a=(250, 0, 0))
    (tmp_path / "folder.jpg").mkdir()
    for name, message in (("m.docx", "does not end as a picture"), ("m", "does not end"),
                          ("m.svg", "does not end"), ("folder.jpg", "is a folder")):
        assert fashion.main(["match", "--weights=w.h5", *[str(tmp_path / "a.png")] * 2,
                             f"--output={tmp_path / name}"]) == 1
        assert message in capsys.readouterr().err


def test_two_photos_are_compared_printed_and_drawn(tmp_path, monkeypatch, capsys):
    use(monkeypatch, ColorDetector())
    write_colors(tmp_path, a=(250, 0, 0), b=(240, 0, 0), c=(0, 250, 0))
    a, b, c = (str(tmp_path / f"{name}.png") for name in "abc")
    target = tmp_path / "new" / "m.png"
    assert fashion.main(["match", "--weights=w.h5", a, b, f"--output={target}"]) == 0
    out = capsys.readouterr().out
    assert f"A: {a}, 1 garment\n" in out and "1 short sleeve top" in out and "99.3%" in out
    same = np.asarray(Image.open(target))
    assert fashion.main(["match", "--weights=w.h5", a, c, f"--output={target}"]) == 0
    assert "none" in capsys.readouterr().out
    # A line joins those that are the same, in the first garment's colour, and no others.
    colour = np.array(pictures.class_color(1))
    assert (same == colour).all(axis=2).any()
    assert not (np.asarray(Image.open(target)) == colour).all(axis=2).any()


def test_photos_that_cannot_be_compared_are_said(tmp_path, monkeypatch, capsys):
    use(monkeypatch, ColorDetector())
    write_colors(tmp_path, a=(250, 0, 0), black=(0, 0, 0))
    words = ["match", "--weights=w.h5", str(tmp_path / "a.png")]
    assert fashion.main([*words, str(tmp_path / "black.png")]) == 1
    assert "black.png: no garment" in capsys.readouterr().err
    assert fashion.main([*words, str(tmp_path / "none.png")]) == 1
    assert "no such file" in capsys.readouterr().err


def test_weights_without_a_match_head_are_refused(tmp_path, monkeypatch, capsys):
    detector = ColorDetector()
    detector.config = detector.config.override({"HEADS": ("box", "mask")})
    use(monkeypatch, detector)
    write_colors(tmp_path, a=(250, 0, 0))
    assert fashion.main(["match", "--weights=w.h5", *[str(tmp_path / "a.png")] * 2]) == 1
    assert "no match head" in capsys.readouterr().err


def test_the_picture_of_two_photos_holds_both_and_joins_what_is_the_same():
    images = [np.full((100, 60, 3), 200, np.uint8), np.full((50, 100, 3), 90, np.uint8)]
    picture = pictures.draw_matches(images, [table([0], [1]), table([0])], [0, -1], [0.9, 0.1],
                                    ("BG", "vest", "skirt"), ("a" * 300, "b"))
    assert picture.shape == (936, 540 + 20 + 900, 3)
    assert tuple(picture[700, 10]) == (200,) * 3 and tuple(picture[400, 900]) == (90,) * 3
    assert (picture == pictures.class_color(1)).all(axis=2).sum(axis=0)[540:560].all()


def test_partners_share_a_colour_and_the_others_are_gray():
    first, second = pictures._pair_colors([-1, 0, -1], 2)
    assert second == [first[1], pictures._LONE] and first[::2] == [pictures._LONE] * 2
    assert first[1] != pictures._LONE
