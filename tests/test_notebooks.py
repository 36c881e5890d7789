"""Notebooks run from the first cell to the last, are committed bare, and are found again.

All are executed on a small sample with FASHION_FAST=1, which makes them look at less of everything;
by hand they run on the whole one, see notebooks/README.md.
"""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from fashion.datasets.sample.writer import write_sample

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
ALL = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
STORIES = [name for name in ALL if name != "00_demo"]
MOST_BYTES = 2_000_000  # of the one notebook that has its pictures with it
SECONDS = 600  # of one cell, on a busy machine


def read(name):
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A folder in DeepFashion2's layout: 48 photos to train and 32 to validate."""
    root = tmp_path_factory.mktemp("sample")
    write_sample(root, 80, 1, 0.4)
    return root


@pytest.mark.parametrize("name", ALL)
def test_a_notebook_runs_to_its_end(name, sample, monkeypatch):
    monkeypatch.setenv("FASHION_FAST", "1")
    monkeypatch.setenv("DEEPFASHION2_DIR", str(sample))
    notebook = read(name)
    NotebookClient(notebook, timeout=SECONDS, kernel_name="python3",
                   resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    pictures = [output for output in outputs if {"image/png", "image/jpeg"} & set(
        output.get("data", ()))]
    assert len(pictures) >= 4
    said = "".join(output.get("text", "") for output in outputs if output.output_type == "stream")
    assert "Traceback" not in said and "oneDNN" not in said  # quiet, also the library below


def test_there_are_eight_stories_and_a_demo():
    assert [name[:2] for name in ALL] == [f"0{number}" for number in range(9)]


@pytest.mark.parametrize("name", STORIES)
def test_a_notebook_opens_with_what_is_seen_and_ends_with_what_should_worry(name):
    texts = [cell.source for cell in read(name).cells if cell.cell_type == "markdown"]
    assert texts[0].startswith(f"# {int(name[:2])} ") and "You will see" in texts[0]
    assert texts[-1].startswith("## What should worry you")


@pytest.mark.parametrize("name", ALL)
def test_a_notebook_is_plain(name):
    notebook = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    ids = [cell["id"] for cell in notebook["cells"]]
    assert ids == [f"{name[:2]}-{number:02d}" for number in range(len(ids))]
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code" and name in STORIES:
            assert cell["outputs"] == [] and cell["execution_count"] is None
            assert len(cell["source"]) <= 20, f"{name} {cell['id']}: a cell is short"


def test_the_demo_shows_its_pictures_and_is_small():
    path = NOTEBOOKS / "00_demo.ipynb"
    outputs = [output for cell in read("00_demo").cells for output in cell.get("outputs", ())]
    assert sum("image/jpeg" in output.get("data", ()) for output in outputs) >= 5
    assert path.stat().st_size < MOST_BYTES


def test_the_first_code_cell_is_the_same_everywhere():
    first = {next(cell.source for cell in read(name).cells if cell.cell_type == "code")
             for name in ALL}
    assert len(first) == 1


def test_the_table_of_old_steps_leads_to_headings_that_there_are():
    text = (NOTEBOOKS / "README.md").read_text(encoding="utf-8")
    headings = {path.name: set(re.findall(r"(?m)^#+ (.+)$", "\n".join(
        cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown")))
        for path in NOTEBOOKS.glob("*.ipynb")}
    places = re.findall(r"\[\d \"([^\"]+)\"\]\((\w+\.ipynb)\)", text)
    assert len(places) > 30
    for heading, file in places:
        assert heading in headings[file], f"{file} has no heading {heading!r}"
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", text):
        assert (NOTEBOOKS / target).exists(), target
