"""The report's page: whole, self-contained, and as true as the report that it shows."""

import base64
import io
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fashion.benchmark import charts, gallery_garments, markup, page, page_compare
from fashion.benchmark.gallery_pictures import Photo, garment_photo
from fashion.benchmark.sights import Sight, sights
from fashion.evaluation.instances import InstanceEvaluator
from fashion.evaluation.retrieval_outcomes import MISSED, NEVER, Answer
from tests.fashion.landmark_garments import SHAPE as GARMENT_SHAPE
from tests.fashion.landmark_garments import SKIRT, Garments
from tests.fashion.landmark_garments import predict as mark
from tests.fashion.made_report import CLASSES, report
from tests.fashion.rectangles import APART, BIG, SHAPE, SMALL, Rectangles, predict

VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Reads a page and fails where its elements do not nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.sources = [], [], [], []
        self.rows, self.tables = [], 0
        self.feed(text)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.links += [attributes["href"]] if "href" in attributes else []
        self.sources += [attributes["src"]] if "src" in attributes else []
        self.tables += tag == "table"
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if self.rows and {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def written(tmp_path, content, scores=None):
    path = tmp_path / "report.html"
    page.write_page(path, content, scores)
    return path.read_text(encoding="utf-8")


def test_the_page_needs_nothing_else(tmp_path):
    text = written(tmp_path, report())
    read = Reader(text)
    assert "<script" not in text and "@import" not in text and "url(" not in text
    assert all(link.removeprefix("#") in read.ids for link in read.links)
    assert len(read.links) == len(set(read.ids)) == 9  # all sections but the galleries
    assert read.sources == []
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_tables_are_rectangular_and_show_the_reports_numbers(tmp_path):
    content = report()
    rows = Reader(written(tmp_path, content)).rows
    [boxes] = [row for row in rows if row[0] == "boxes" and len(row) == 14]
    bbox = content["tasks"]["bbox"]
    assert boxes[1:4] == [f"{bbox[name]:.3f}" for name in ("AP", "AP50", "AP75")]
    assert boxes[8:] == ["0.638", "0.789", "0.745", "0.667", "0.814", "0.773"]
    heavy = [row for row in rows if row[0] == "boxes AP"][0][6]
    assert heavy == f"{bbox['subsets']['occlusion']['heavy']['AP']:.3f}"
    found = [row for row in rows if row[0].startswith("detected boxes, class and keypoints")][0]
    assert found[1] == f"{content['retrieval']['retrieval']['top1']:.3f}"
    assert found[-3:] == ["120", "5", "374"]


def test_names_from_outside_are_escaped(tmp_path):
    text = written(tmp_path, report(name="<b>x</b>", weights={
        "file": "a&b<script>.h5", "fingerprint": "0", "refiner": "r<script>.h5"}))
    assert "<script" not in text and "&lt;script&gt;" in text
    assert "landmarks refined by r&lt;script&gt;.h5, whose costs are not counted" in text
    assert CLASSES[1] not in text and "skirt &amp; &lt;belt&gt;" in text
    assert "<h1>Benchmark of &lt;b&gt;x&lt;/b&gt;</h1>" in text


def test_a_network_that_only_finds_boxes_has_a_page_without_the_rest(tmp_path):
    whole = report()
    text = written(tmp_path, report(
        tasks={"bbox": whole["tasks"]["bbox"]}, retrieval={}, subsets={},
        analysis={"curves": {"bbox": whole["analysis"]["curves"]["bbox"]},
                  "bbox": whole["analysis"]["bbox"]}))
    assert set(Reader(text).ids) == {"overview", "categories", "curves", "errors", "scores",
                                     "costs", "method"}


def test_a_report_with_nothing_to_measure_is_a_page_too(tmp_path):
    empty = {"AP": None, "AP50": None, "AP75": None, "AR": None, "objects": 0}
    errors = report()["analysis"]["bbox"]["errors"] | {"AP50": None}
    errors["kinds"] = {kind: {"count": 0, "cost": None} for kind in errors["kinds"]}
    text = written(tmp_path, report(
        tasks={"bbox": {**empty, "per_class": dict.fromkeys(CLASSES, empty)}}, retrieval={},
        subsets={}, analysis={
            "curves": {"bbox": {"all": None, "per_class": {}}},
            "bbox": {"errors": errors, "confusion": report()["analysis"]["bbox"]["confusion"],
                     "calibration": {"error": None, "best": None, "bins": [], "cuts": [],
                                     "per_class": dict.fromkeys(CLASSES)}}}))
    assert [markup.NOTHING] * 3 == [row for row in Reader(text).rows if row[0] == "boxes"][0][1:4]


@pytest.mark.parametrize("dataset, words", [
    ({"sample": {"version": 1, "seed": 1}, "is_whole_validation_set": False}, "made-up pictures"),
    ({"sample": None, "is_whole_validation_set": False}, "not comparable"),
    ({"sample": None, "is_whole_validation_set": True}, None)])
def test_the_page_says_whether_published_numbers_compare(tmp_path, dataset, words):
    text = written(tmp_path, report(dataset={**report()["dataset"], **dataset}))
    assert (words in text) if words else ('class="warning"' not in text)


def test_a_line_of_a_chart_goes_through_its_points():
    field = charts.Field("recall", "precision", size=(300, 230))
    svg = charts.lines("label", [charts.Line("a", [(0, 0), (0.5, None), (1, 1)], "#000000")], field)
    [points] = re.findall(r'<polyline points="([^"]*)"', svg)
    (x0, y0), (x1, y1) = (map(float, point.split(",")) for point in points.split())
    assert (x0, y0) == pytest.approx(field.at(0, 0), abs=0.06)
    assert (x1, y1) == pytest.approx(field.at(1, 1), abs=0.06)
    assert x0 < x1 and y0 > y1  # SVG's y runs down


class Photos(Rectangles):
    """`Rectangles` on photos; the last photo is gone."""

    def load_image(self, image_id):
        if image_id == len(self.image_ids) - 1:
            raise ValueError("gone")
        return np.full((*SHAPE, 3), 60 * image_id + 40, np.uint8)


def scores():
    """Photo 0 is right, 1 lacks a garment, 2 has one of another class, 3 has one too many."""
    dataset = Photos([(1, BIG)], [(1, BIG), (2, APART)], [(1, BIG)], [(2, SMALL)], [(1, BIG)])
    instances = InstanceEvaluator(dataset)
    found = (predict((1, 0.9, BIG)), predict((1, 0.8, BIG)), predict((2, 0.8, BIG)),
             predict((2, 0.9, SMALL), (1, 0.7, APART)), predict((1, 0.3, BIG)))
    for image_id, prediction in zip(dataset.image_ids, found, strict=True):
        instances.add(image_id, SHAPE, prediction)
    box = np.array([5.0, 5, 60, 90])
    answers = [
        Answer(0, 0, 1, box, place, *(np.array(values) for values in (
            [1, 2], [box, box], [1, 2], [place == 0, False]))) for place in (0, 7, NEVER)]
    answers.append(Answer(0, 0, 1, None, MISSED, *[np.zeros(0)] * 4))
    return SimpleNamespace(
        dataset=dataset, instances=instances, metrics={"bbox": {}, "segm": {}, "retrieval": {}},
        image_ids={image["id"]: i for i, image in enumerate(instances.ground_truth["images"])},
        garments=SimpleNamespace(answers=lambda task: iter(answers)))


def test_sights_know_what_went_wrong():
    right, lacking, other, more, weak = sights(scores())
    assert (right.missed, right.wrong, right.alone) == ([], [], [])
    assert [each["category_id"] for each in lacking.missed] == [2]
    assert (other.wrong, other.alone, len(other.missed)) == ([0], [], 1)
    assert (more.wrong, more.alone) == ([], [1])
    assert weak.found == [] and len(weak.missed) == 1
    assert right.worst_mask == (pytest.approx(1, abs=0.1), 0) and weak.worst_mask is None


def test_crowds_are_no_sight():
    box = [10.0, 10.0, 30.0, 30.0]
    sight = Sight(0, {"file_name": "a.jpg", "height": 60, "width": 60},
                  [{"category_id": 1, "bbox": box, "iscrowd": 1},
                   {"category_id": 1, "bbox": box, "iscrowd": 0}],
                  [{"category_id": 1, "bbox": box, "score": 0.9}])
    assert sight.places == [1] and sight.missed == [] and sight.partners.tolist() == [0]


def test_galleries_show_what_their_captions_say(tmp_path):
    text = written(tmp_path, report(), scores())
    read = Reader(text)
    assert "galleries" in read.ids
    for title in ("Found", "Missed", "Taken for another category", "False alarms",
                  "Inaccurate masks", "Found at once", "Found late", "Not found"):
        assert f"<b>{title}" in text, title
    assert "1 of 1 such photos" in text
    assert "000006.jpg: 1 of 2 garments missed" in text
    assert "000007.jpg: skirt 0.80 (top)" in text
    assert "000008.jpg: top 0.70" in text
    assert "000009" not in text  # its photo cannot be read
    assert "000005: top, the first right one is number 8" in text
    assert text.count('class="right"') == 1
    assert all(source.startswith("data:image/jpeg;base64,") for source in read.sources)


class Worn(Garments):
    """`Garments` on gray photos."""

    def load_image(self, image_id):
        return np.full((*GARMENT_SHAPE, 3), 128, np.uint8)


def test_landmarks_are_sorted_by_how_well_they_fit():
    box = (100, 100, 300, 200)
    points = [(x, y, 2) for x in (110, 190) for y in (110, 180, 240, 290)]
    dataset = Worn(*[[(SKIRT, box, points)]] * 3)
    found = [mark((SKIRT, 0.9, box, [(x + shift, y) for x, y, _ in points]))
             for shift in (20, 2, 10)]
    instances = InstanceEvaluator(dataset)
    for image_id, prediction in zip(dataset.image_ids, found, strict=True):
        instances.add(image_id, GARMENT_SHAPE, prediction)
    measured = SimpleNamespace(
        dataset=dataset, instances=instances, metrics={"keypoints_visible": {}},
        image_ids={image["id"]: i for i, image in enumerate(instances.ground_truth["images"])},
        results=[SimpleNamespace(found=each) for each in found])
    text = gallery_garments.landmarks(measured, sights(measured))
    Reader(text)
    # The best and the worst of three garments, off by 2 and 20 px where the box is 200 px high.
    assert re.findall(r"<p>(\d+)\.jpg: skirt, mean distance (0\.\d+)", text) == [
        ("000002", "0.010"), ("000001", "0.100")]
    assert "of 3 found garments" in text


def test_a_picture_shows_boxes_where_they_lie():
    image = np.zeros((100, 200, 3), np.uint8)
    photo = Photo(image, (400, 500), window=(-50, 0, 150, 200))
    assert photo.picture.shape == (400, 400, 3)
    assert (photo.picture[:90] == 240).all() and (photo.picture[110:290] == 0).all()
    np.testing.assert_allclose(photo.boxes([(0, 0, 100, 200)]), [(100, 0, 300, 400)])
    np.testing.assert_allclose(photo.points([(10.0, 20.0, 0.5)]), [(20, 140, 0.5)])


def test_a_garment_without_area_is_shown_with_its_whole_photo():
    photo = garment_photo(np.zeros((50, 100, 3), np.uint8), (10, 10, 10, 10), 80)
    assert photo.picture.shape == (40, 80, 3)


def test_pictures_in_the_page_are_jpegs(tmp_path):
    read = Reader(written(tmp_path, report(), scores()))
    picture = Image.open(io.BytesIO(base64.b64decode(read.sources[0].split(",")[1])))
    assert picture.format == "JPEG" and picture.size == (300, 360)


def test_a_comparison_marks_what_is_better(tmp_path):
    reports = [{"name": name,
                "weights": {"file": "w.h5", "fingerprint": "0", "refiner": f"{name}.h5"},
                "configuration": "tiny", "images": 3, "made": "2026-11-21T12:00:00",
                "dataset": {"folder": "sample", "subset": "validation"}}
               for name in ("old", "new")]
    rows = [("AP", [0.5, 0.625], [None, 0.125], "higher", "share"),
            ("seconds", [1.0, 1.5], [None, 0.5], "lower", "seconds"),
            ("items", [3, 3], [None, 0], "higher", "count"),
            ("top-1", [None, 0.1], [None, None], "higher", "share")]
    names = ("name", "values", "differences", "better", "kind")
    path = tmp_path / "compare.html"
    page_compare.write_page(path, {
        "reports": reports, "notes": ["Other <images>."],
        "tables": [{"title": "Tasks", "rows": [dict(zip(names, row, strict=True))
                                               for row in rows]}]})
    text = path.read_text(encoding="utf-8")
    shown = {row[0]: row[1:] for row in Reader(text).rows}
    assert shown["AP"] == ["0.500", "0.625", "+0.125"]
    assert shown["seconds"] == ["1.000", "1.500", "+0.500"]
    assert shown["items"] == ["3", "3", "="]
    assert shown["top-1"] == [markup.NOTHING, "0.100", markup.NOTHING]
    assert re.search(r'class="better"[^>]*>\+0\.125', text)
    assert re.search(r'class="worse"[^>]*>\+0\.500', text)
    assert "Other &lt;images&gt;." in text and "refined by new.h5" in text
