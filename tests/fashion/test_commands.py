"""The command line: help, spelling, errors, exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest

from fashion import fashion
from fashion.commands import common, models
from mrcnn.training import NonFiniteLoss
from tests.fashion.command_files import photo_folder

ROOT = Path(__file__).resolve().parents[2]


def run_script(*words, folder):
    return subprocess.run([sys.executable, str(ROOT / "fashion" / "fashion.py"), *words],
                          cwd=folder, capture_output=True, text=True)



def test_the_script_runs_from_anywhere(tmp_path):
    done = run_script("--help", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(f"\n    {name}" in done.stdout for name in fashion.COMMANDS)
    assert run_script("--help", folder=ROOT / "fashion").returncode == 0


@pytest.mark.parametrize("command", fashion.COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as end:
        fashion.main([command, "--help"])
    assert end.value.code == 0 and len(capsys.readouterr().out) > 200


@pytest.mark.parametrize("words, meant", [
    (["trian"], "did you mean train?"),
    (["train", "--wieghts=coco"], "did you mean --weights?"),
    (["detect", "--images", "a.jpg"], "did you mean --image?"),
    (["xyz"], "known are demo, sample"),
])
def test_misspelt_words_get_the_right_one(words, meant, capsys):
    with pytest.raises(SystemExit) as end:
        fashion.main(words)
    assert end.value.code == 2 and meant in capsys.readouterr().err


def test_errors_are_one_clear_line(tmp_path, capsys):
    words = ["detect", "--image", str(tmp_path / "none.jpg"), "--weights=random.h5"]
    assert fashion.main(words) == 1
    error = capsys.readouterr().err
    assert "none.jpg is no photo" in error and "Traceback" not in error
    with pytest.raises(FileNotFoundError):
        fashion.main([*words, "--debug"])


@pytest.mark.parametrize("command", ["detect", "extract", "splash"])
def test_an_output_that_is_a_file_is_refused_before_anything_is_loaded(
        command, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(models, "resolve", lambda _: pytest.fail("looked for weights"))
    (tmp_path / "out").write_text("")
    photo_folder(tmp_path / "photos")
    words = [command, "--image", str(tmp_path / "photos"), f"--output={tmp_path / 'out'}"]
    assert fashion.main(words) == 1
    assert "out is a file, expected a folder" in capsys.readouterr().err


@pytest.mark.parametrize("raised, code", [
    (KeyboardInterrupt, 130), (PermissionError("logs"), 1), (NonFiniteLoss("NaN"), 1),
])
def test_exit_codes(monkeypatch, raised, code):
    def fail(*_):
        raise raised

    monkeypatch.setattr(models, "make_config", fail)
    monkeypatch.setattr(common, "load_backend", lambda: None)
    assert fashion.main(["summary"]) == code


def test_a_package_that_is_missing_is_said(monkeypatch, capsys):
    def missing(name):
        raise ModuleNotFoundError("No module named 'numpy'")

    monkeypatch.setattr(fashion.importlib, "import_module", missing)
    assert fashion.main(["summary"]) == 1
    assert "requirements.txt" in capsys.readouterr().err


def test_the_summary_knows_every_part(capsys):
    assert fashion.main(["summary", "--config=tiny", "--debug"]) == 0
    layers, parts = capsys.readouterr().out.split("\ntiny: ")
    starts = {"fpn_": "pyramid", "rpn_": "region proposals", "mrcnn_class": "box head",
              "mrcnn_bbox": "box head", "mrcnn_mask": "mask head",
              "mrcnn_keypoint": "keypoint head", "mrcnn_match": "match head",
              "conv1": "backbone", "bn_conv1": "backbone", "res": "backbone", "bn": "backbone"}
    expected = dict.fromkeys(starts.values(), 0)
    for name, *_, parameters, _, _ in map(str.split, layers.splitlines()[1:]):
        expected[next(starts[start] for start in starts if name.startswith(start))] += int(
            parameters.replace(",", ""))
    rows = [line.rsplit(maxsplit=3) for line in parts.splitlines()[3:]]
    found = {part.strip(): int(parameters.replace(",", "")) for part, parameters, *_ in rows}
    assert found.pop("all") == sum(expected.values()) and found == expected
