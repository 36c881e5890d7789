"""The charts of a benchmark report's page. Each function takes the report; "" where it has none."""

from fashion.benchmark import charts, curves, markup
from fashion.benchmark.charts import Field, Line
from fashion.benchmark.errors import KINDS
from fashion.benchmark.page_tables import BOXES, TASKS
from fashion.evaluation.retrieval import RANKS

_CURVES = {"AP50": ("at 0.50", charts.BLUE, ""), "AP75": ("at 0.75", charts.VERMILION, "6 3"),
           "AP": ("mean of 0.50:0.05:0.95", charts.GREEN, "2 2")}
_THIRDS = ((0, 0.5, 1), (0, 0.5, 1))


def precision_recall(report: dict) -> str:
    """Precision over recall of each task, and of each category."""
    found = {task: curve for task, curve in report["analysis"].get("curves", {}).items()
             if task in TASKS and curve["all"]}
    if not found:
        return ""
    whole = [charts.titled(TASKS[task].capitalize(), "", _curve(TASKS[task], curve["all"]))
             for task, curve in found.items()]
    legend = charts.legend([Line(name, [], color, dash)
                            for name, color, dash in _CURVES.values()])
    pages = [markup.figure(
        "<b>Precision over recall</b>, mean over the categories, by the IoU (for landmarks the "
        "OKS) that makes a detection right. The area below a curve is its average precision.",
        legend + charts.grid(whole))]
    for task, curve in found.items():
        small = [charts.titled(name, f"{sum(levels['AP50']) / len(levels['AP50']):.3f}",
                               _curve(name, levels, is_small=True))
                 for name, levels in curve["per_class"].items()]
        pages.append(markup.figure(
            f"<b>Precision over recall of every category, {TASKS[task]}</b>, with AP50.",
            legend + charts.grid(small, is_small=True)))
    return "".join(pages)


def _curve(name, levels, is_small=False) -> str:
    field = (Field("", "", ticks=_THIRDS, size=(170, 130)) if is_small
             else Field("recall", "precision"))
    return charts.lines(f"Precision over recall, {name}", [
        Line(title, list(zip(curves.RECALLS, levels[level], strict=True)), color, dash)
        for level, (title, color, dash) in _CURVES.items()], field)


def top_k(report: dict) -> str:
    """Top-k of retrieval over k."""
    series = []
    for task, color in zip(BOXES, (charts.BLUE, charts.GREEN), strict=True):
        numbers = report["retrieval"].get(task)
        if numbers:
            series += [Line(BOXES[task], _tops(numbers), color, dots=True),
                       Line(f"{BOXES[task]}, by chance", _tops(numbers, "chance_"), color, "2 3")]
    if not series:
        return ""
    published = report["published"]["readme"]["retrieval"]
    if published:
        features, numbers = max(published.items(), key=lambda each: each[1]["top20"])
        series.append(Line(f"README, detected boxes, {features}", _tops(numbers), charts.GRAY,
                           "6 3"))
    field = Field("k", "share of queries", ((0, 20), (0, 1)),
                  (RANKS, (0, 0.25, 0.5, 0.75, 1)), (460, 260))
    return markup.figure("<b>Retrieval</b>: queries with a right garment among the first k.",
                         charts.legend(series) + charts.lines("Top-k of retrieval", series, field))


def _tops(numbers, prefix=""):
    return [(k, numbers.get(f"{prefix}top{k}")) for k in RANKS]


def calibration(report: dict) -> str:
    """What scores are worth, and where to cut them off."""
    panels, legend = [], ""
    for kind in ("bbox", "segm"):
        scored = report["analysis"].get(kind, {}).get("calibration")
        if scored and scored["best"]:
            series = _cut_lines(scored)
            legend = charts.legend(series)
            panels += [
                charts.titled(f"Precision of each score, {TASKS[kind]}",
                              f"calibration error {scored['error']:.3f}", _reliability(scored)),
                charts.titled(f"Cut off at a score, {TASKS[kind]}",
                              f"F1 {scored['best']['F1']:.3f} at {scored['best']['score']:.2f}",
                              _cuts(scored, series))]
    if not panels:
        return ""
    return markup.figure(
        "<b>Scores.</b> Bars: how often detections of a score are right (IoU 0.50); on the dashed "
        "line a score says what it is worth, and the number is how many there are; the calibration "
        "error is the mean distance from that line, weighted by these numbers. Lines: what is left "
        "of precision and recall when weaker detections are cut off.",
        legend + charts.grid(panels))


def _reliability(scored) -> str:
    field = Field("score", "precision", size=(300, 240))
    field.rule((0, 0), (1, 1), charts.GRAY, "4 3")
    for each in scored["bins"]:
        if each["count"]:
            field.box((each["low"] + 0.006, 0), (each["high"] - 0.006, each["precision"]),
                      charts.BLUE, f"{each['count']:,} detections of score {each['low']:.1f} to "
                      f"{each['high']:.1f}: precision {each['precision']:.3f}, mean score "
                      f"{each['score']:.3f}", 0.75)
            x, y = field.at((each["low"] + each["high"]) / 2, each["precision"])
            field.text(x, max(y - 4, 16), _short(each["count"]), "middle")
    return field.to_svg("Precision of detections by their score")


def _short(number: int) -> str:
    """A count in at most four letters."""
    return str(number) if number < 1000 else f"{number / 1000:.{number < 10_000:d}f}k"


def _cut_lines(scored) -> list[Line]:
    return [Line(name, [(each["score"], each[name]) for each in scored["cuts"]], color, dash)
            for name, color, dash in (("precision", charts.BLUE, ""),
                                      ("recall", charts.VERMILION, "6 3"),
                                      ("F1", charts.GREEN, "2 2"))]


def _cuts(scored, series) -> str:
    field = Field("least score", "", size=(300, 240))
    field.rule((scored["best"]["score"], 0), (scored["best"]["score"], 1), charts.GRAY, "4 3")
    return charts.lines("Precision, recall and F1 over the least score", series, field)


def error_costs(report: dict) -> str:
    """What each kind of error costs."""
    found = {kind: report["analysis"][kind]["errors"] for kind in ("bbox", "segm")
             if report["analysis"].get(kind, {}).get("errors", {}).get("AP50") is not None}
    if not found:
        return ""
    most = max(numbers["cost"] for errors in found.values()
               for numbers in errors["kinds"].values()) or 1
    rows = [markup.row(kind, *(_cost_cells(errors["kinds"][kind], most)
                               for errors in found.values())) for kind in KINDS]
    return markup.table(
        "<b>Kinds of errors and what they cost.</b> How much AP50 would gain if all errors of a "
        "kind, and nothing else, were mended (TIDE, Bolya et al. 2020): <b>classification</b>, the "
        "place is right; <b>localisation</b>, the category is right, IoU 0.1 to 0.5; <b>both</b> "
        "wrong; <b>duplicate</b> of a surer detection; <b>background</b>, nothing is there; "
        "<b>missed</b>, objects that stay unfound when places and classes are mended.",
        markup.head(*((f"{TASKS[kind]}, AP50 {errors['AP50']:.3f}", ["count", "AP50 to gain", ""])
                      for kind, errors in found.items())), rows,
        "Of all detections with a score of at least 0.05. Costs do not add up: errors hide each "
        "other.")


def _cost_cells(numbers, most):
    return [markup.count(numbers["count"]), markup.number(numbers["cost"]),
            markup.bar(numbers["cost"] / most)]


def confusion(report: dict) -> str:
    """The confusion matrix of boxes."""
    matrix = report["analysis"].get("bbox", {}).get("confusion")
    if not matrix:
        return ""
    names = [each["name"] for each in report["classes"]]
    ids = [each["id"] for each in report["classes"]]
    rows = [_confusion_row(name, matrix["counts"][i], ids, i) for i, name in zip(ids, names,
                                                                               strict=True)]
    rows.append(_confusion_row("nothing there", matrix["counts"][0], ids, None))
    titles = [*((name, "") for name in names), ("missed", "edge"), ("all", "")]
    heading = "".join(f'<th scope="col" class="{css}"><span>{markup.escape(name)}</span></th>'
                      for name, css in titles)
    return markup.table(
        f"<b>What is taken for what.</b> Annotated garments (lines) and what they were detected as "
        f"(columns), boxes with an IoU of at least 0.5 and a score of at least "
        f"{matrix['score']:.2f}, where F1 is greatest. Right ones are blue, wrong ones orange, the "
        "darker the greater their share of the line.",
        f"<tr><td></td>{heading}</tr>", rows,
        "A pair of the same category comes before a pair of two. Missed are garments without a "
        "detection of such a score. The last line are detections where no garment is left.",
        css="matrix")


def _confusion_row(name, counts, ids, own) -> str:
    """A line of the matrix; `own` is its class id, None for where nothing is."""
    total = sum(counts)

    def cell(claimed, css=""):
        value = counts[claimed]
        right = "heat" if claimed == own else "wrong"
        return markup.heat(f"{value:,}" if value else "", 0.9 * value / max(total, 1),
                           f"{right} {css}".strip(), f"{value / max(total, 1):.1%}")

    missed = markup.Cell("", "edge") if own is None else cell(0, "edge")
    return markup.row(name, [*(cell(i) for i in ids), missed, markup.count(total)])
