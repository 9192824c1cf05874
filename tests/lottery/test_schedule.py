"""Counts are exact: the paper's table of remaining weights, and the target to the last weight."""

import math
from itertools import pairwise
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketsmith.lottery.schedule import hold, kept, learning_rate, rounds
from ticketsmith.lottery.spec import Pruning, Training

LENET = {"1.weight": 235200, "3.weight": 30000, "5.weight": 1000}

# Frankle & Carbin 2019, remaining weights of LeNet-300-100 in per cent by round (18 rounds; 1 and 2 decimals in print).
PAPER = [80.04, 64.06, 51.28, 41.05, 32.87, 26.32, 21.07, 16.88, 13.52, 10.83, 8.68, 6.95, 5.57, 4.47, 3.58, 2.87]


@pytest.mark.parametrize(("level", "percent"), list(enumerate(PAPER, start=1)) + [(18, 1.85)])
def test_remaining_weights_are_the_papers(level: int, percent: float) -> None:
    left = sum(kept(LENET, "5.weight", Pruning(sparsity=0.99), level).values())
    assert round(100 * left / 266200, 2) == pytest.approx(percent, abs=0.0101)


@given(
    st.lists(st.integers(50, 5000), min_size=1, max_size=5),
    st.floats(0.05, 0.97),
    st.floats(0.05, 0.6),
    st.floats(0.1, 1),
    st.sampled_from(["layerwise", "global"]),
)
def test_the_last_round_lands_on_the_target_and_no_layer_grows(
    sizes: list[int], sparsity: float, fraction: float, output_rate: float, scope: str
) -> None:
    layers = {str(i): size for i, size in enumerate(sizes)}
    pruning = Pruning(sparsity=sparsity, fraction=fraction, output_rate=output_rate, scope=scope)
    levels = [kept(layers, str(len(sizes) - 1), pruning, level) for level in range(1, rounds(pruning) + 1)]
    assert sum(levels[-1].values()) == round(sum(sizes) * (1 - sparsity))
    for before, after in zip([layers, *levels], levels, strict=False):
        assert all(0 <= after[name] <= before.get(name, sum(sizes)) for name in after)


@given(
    st.lists(st.integers(1, 500), min_size=1, max_size=4),
    st.floats(0.05, 0.95),
    st.floats(0.1, 1),
    st.sampled_from(["layerwise", "global"]),
)
def test_past_the_target_each_round_leaves_half(
    sizes: list[int], sparsity: float, output_rate: float, scope: str
) -> None:
    layers = {str(i): size for i, size in enumerate(sizes)}
    pruning = Pruning(sparsity=sparsity, fraction=0.5, output_rate=output_rate, scope=scope)
    target, last = rounds(pruning), str(len(sizes) - 1)
    levels = [kept(layers, last, pruning, level) for level in range(target, target + 9)]
    sums = [sum(level.values()) for level in levels]
    assert sums == [math.ceil(sums[0] / 2**past) for past in range(9)]
    for before, after in pairwise(levels):
        assert all(0 <= after[name] <= before[name] for name in after)


def test_an_output_layer_that_is_not_pruned_stays_past_the_target() -> None:
    pruning = Pruning(sparsity=0.5, fraction=0.5, output_rate=0.0)
    assert [kept({"1": 90, "3": 10}, "3", pruning, level)["3"] for level in (1, 2, 3, 4, 9)] == [10] * 5


def test_a_target_that_the_output_layer_forbids_is_refused() -> None:
    with pytest.raises(ValueError, match="the output layer alone has 50 weights, 25 may survive in all"):
        kept({"1": 50, "3": 50}, "3", Pruning(sparsity=0.75, fraction=0.5, output_rate=0.0), 2)


@pytest.mark.parametrize("schedule", [{"schedule": "step"}, {"schedule": "milestones", "milestones": (50, 75)}])
def test_a_training_that_is_held_goes_on_at_the_last_rate_from_its_first_update(schedule: dict[str, Any]) -> None:
    held = hold(Training(steps=100, batch_size=1, learning_rate=0.1, warmup=60, **schedule))
    assert {learning_rate(held, update) for update in range(100)} == {0.001}


def test_a_warmup_rises_by_equal_steps_to_the_rate_and_wastes_no_update() -> None:
    training = Training(steps=100, batch_size=1, learning_rate=0.5, warmup=4)
    assert [learning_rate(training, update) for update in range(6)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.5])


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine"])
def test_every_rate_is_above_zero_whatever_is_warmed_up(schedule: Literal["constant", "step", "cosine"]) -> None:
    """The last one too, with which a control may go on."""
    for warmup in range(8):
        training = Training(steps=8, batch_size=1, learning_rate=0.1, schedule=schedule, warmup=warmup)
        assert all(0 < learning_rate(training, update) <= 0.1 for update in range(8))
