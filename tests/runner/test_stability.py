"""`ticketsmith rewind-point`: instability on a straight line, and the earliest update without it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from ticketsmith.cli import main
from ticketsmith.lottery.results import Connectivity, Summary
from ticketsmith.lottery.stability import CONNECTIVITY, POINTS, STABLE, candidates, earliest, stability
from ticketsmith_runner.execute import execute
from ticketsmith_runner.steps.stability import _between

from .conftest import Run

WILD = {"training": {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.3, "steps": 60, "schedule": "cosine"}}
"""A rate at which two orders of the same data lead to different valleys; at the end it is next to nothing."""


def found(run: Run, *after: int) -> list[Connectivity]:
    steps = list(stability(run.spec, after))
    for step in steps:
        execute(step, run.context)
    return [Connectivity.model_validate_json(run.ledger.read(step, CONNECTIVITY)) for step in steps]


def rise(after: int, mean: float, high: float | None) -> Connectivity:
    low = None if high is None else 2 * mean - high
    spread = Summary(mean=mean, se=None, low=low, high=high, n=1 if high is None else 5)
    return Connectivity(after=after, replicates=[0], errors=[[0.0]], instability=spread)


def test_a_wild_training_is_unstable_at_first_and_stable_near_its_end(start: Callable[..., Run]) -> None:
    first, last = found(start(WILD), 0, 59)
    assert len(first.errors) == 5 and {len(each) for each in first.errors} == {POINTS}
    assert first.instability.mean > STABLE > last.instability.mean
    rises = [max(each) - (each[0] + each[-1]) / 2 for each in first.errors]
    assert first.instability.mean == pytest.approx(sum(rises) / 5)


def test_the_ends_differ_and_share_their_beginning(start: Callable[..., Run]) -> None:
    """Two copies in the same order would be one network, and every update would look stable."""
    (early,) = found(start(WILD), 0)
    assert any(each[0] != each[-1] for each in early.errors)


def test_the_line_is_straight_and_leaves_counters_alone() -> None:
    a, b = torch.tensor([0.0, 1.0]), torch.tensor([2.0, -1.0])
    assert _between(a, b, 0.25).tolist() == [0.5, 0.5]
    assert _between(torch.tensor(7), torch.tensor(9), 0.5).item() == 7


def test_the_earliest_stable_update_wins_and_its_interval_decides() -> None:
    assert earliest([rise(9, 0.001, 0.002), rise(0, 0.019, 0.021), rise(5, 0.015, 0.0199)]) == rise(5, 0.015, 0.0199)
    assert earliest([rise(0, 0.019, None)]) == rise(0, 0.019, None)
    assert earliest([rise(0, 0.03, 0.04)]) is None


def test_what_was_measured_is_not_measured_again(start: Callable[..., Run]) -> None:
    run = start()
    found(run, 0, 3)
    assert [execute(step, run.context) for step in stability(run.spec, [3, 0, 0])] == [False, False]


def test_the_default_updates_lie_in_the_first_fifth(start: Callable[..., Run]) -> None:
    assert candidates(start({"training": {"steps": 100}}).spec) == [0, 1, 2, 5, 10, 20]


TINY = ["--set", "training.steps=12", "--set", "training.evaluate_every=12", "--set", "options.hidden=[8]"]


def test_the_command_says_what_to_set(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["rewind-point", *TINY, "--replicates", "5", "--after", "11", "--store", str(tmp_path), "--workers", "1"]
    with pytest.raises(SystemExit, match="0"):
        main([*argv, "-o", "json"])
    assert json.loads(capsys.readouterr().out)["rewind_to"] == 11
    with pytest.raises(SystemExit, match="0"):
        main(argv)
    assert "rewind to update 11: --set pruning.rewind_to=11" in capsys.readouterr().out


def test_an_update_beyond_the_training_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["rewind-point", *TINY, "--after", "12"])
    assert "expected updates from 0 to 11, got 12" in capsys.readouterr().err
