"""Rates by hand, lengths and stages."""

import pytest

from mrcnn.schedules import make_schedule
from tests.mrcnn.stand_in import StandInConfig


def schedule(name, epoch=100, epochs=None, rate=None, layers="all", **knobs):
    return make_schedule(StandInConfig().override(knobs), epoch, name, rate, epochs, layers)


def test_paper_falls_by_ten_every_2000_steps_and_ends_after_8000():
    paper = schedule("paper")
    assert [paper.rate(step) for step in (0, 1999, 2000, 4000, 7999)] == pytest.approx(
        [1e-5, 1e-5, 1e-6, 1e-7, 1e-8])
    assert paper.steps == 8000 and paper.rate(8000) == pytest.approx(1e-9)
    assert schedule("paper", epochs=3).steps == 300


def test_1x_scales_with_the_batch_and_warms_up():
    # 2 images a step, accumulated 8 times, are the paper's 16.
    full = schedule("1x", epoch=1000, ACCUMULATION_STEPS=8)
    assert [full.rate(step) for step in (500, 7999, 8000, 10999, 11000, 11999)] == pytest.approx(
        [0.02, 0.02, 0.002, 0.002, 0.0002, 0.0002])
    assert full.steps == 12000
    assert [full.rate(step) for step in (0, 249, 499)] == pytest.approx([4e-5, 0.01, 0.02])
    assert schedule("1x", epoch=1000).rate(600) == pytest.approx(0.0025)
    assert schedule("1x", rate=0.5).rate(150) == 0.5


def test_matterport_trains_heads_then_stage_4_then_all():
    stages = schedule("matterport", epochs=20, rate=0.001)
    assert [(stage.layers, stage.end) for stage in stages.stages] == [
        ("heads", 500), ("4+", 1500), ("all", 2000)]
    assert [stages.stage(step).layers for step in (0, 499, 500, 1499, 1500, 1999)] == [
        "heads", "heads", "4+", "4+", "all", "all"]
    assert [stages.rate(step) for step in (0, 1499, 1500)] == pytest.approx([1e-3, 1e-3, 1e-4])
    assert schedule("matterport").steps == 16000
    with pytest.raises(ValueError, match="chooses the layers itself"):
        schedule("matterport", layers="heads")


def test_one_cycle_rises_and_falls_to_zero():
    cycle = schedule("one_cycle", epochs=10, rate=0.1, WARMUP_STEPS=100)
    assert [cycle.rate(step) for step in (0, 49, 99)] == pytest.approx([0.001, 0.05, 0.1])
    assert cycle.rate(550) == pytest.approx(0.05)  # half of the way down
    assert 0 < cycle.rate(999) < 1e-6
    rates = [cycle.rate(step) for step in range(100, 1000)]
    assert rates == sorted(rates, reverse=True)


def test_constant_takes_the_configured_rate_and_layers():
    constant = schedule("constant", epochs=2, layers="heads")
    assert constant.steps == 200 and constant.rate(0) == constant.rate(199) == 0.01
    assert constant.stage(0).layers == constant.stage(200).layers == "heads"


@pytest.mark.parametrize("name", ["constant", "one_cycle"])
def test_schedules_without_a_length_ask_for_epochs(name):
    with pytest.raises(ValueError, match=f"'{name}' has no length.*epochs"):
        schedule(name)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="'2x'; choose one of constant, paper, 1x"):
        schedule("2x", epochs=1)
