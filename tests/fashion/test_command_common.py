"""What the commands share: kinds of arguments, and which data set is worked on."""

import argparse

import pytest

from fashion.commands import common, data_sets


@pytest.mark.parametrize("text", ["nan", "inf", "-0.1", "2.1", "two"])
def test_a_number_out_of_its_range_is_refused(text):
    assert common.number(0, 2)("2") == 2.0
    with pytest.raises(argparse.ArgumentTypeError, match=f"from 0 to 2, got '{text}'"):
        common.number(0, 2)(text)


@pytest.mark.parametrize("number", ["0", "-3", "many", "1.5"])
def test_counts_are_whole_numbers_from_one(number):
    with pytest.raises(argparse.ArgumentTypeError, match="from 1"):
        common.positive(number)


def test_without_data_the_sample_is_made_and_said(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("DEEPFASHION2_DIR", raising=False)
    monkeypatch.setattr(data_sets.locate, "find_dataset", lambda path: None)
    monkeypatch.setattr(data_sets, "SAMPLE", tmp_path / "sample")
    monkeypatch.setattr(data_sets, "SAMPLE_IMAGES", 12)
    data = data_sets.resolve()
    assert sum(data.sample["counts"].values()) == 12
    said = capsys.readouterr().out
    assert "made-up" in said and "github.com/switchablenorms/DeepFashion2" in said
    assert f"version {data.sample['version']}" in str(data)
    again = data_sets.resolve()
    assert again == data
