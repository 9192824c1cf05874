"""Margins as they are written: a number in recorded units, or a share of dense's mean score."""

from typing import Any

import pytest

from ticketsmith.errors import UsageError
from ticketsmith.lottery.spec import GateRule
from ticketsmith.specs import read_spec

UNIT = "expected a number in the metric's recorded unit, or a share of dense's mean score such as '1 %'"


@pytest.mark.parametrize(("given", "kept"), [("1 %", "1 %"), ("1%", "1 %"), ("+1.50 %", "1.5 %"), ("1e-2 %", "0.01 %")])
def test_one_share_is_one_margin_however_it_is_written(given: str, kept: str) -> None:
    assert read_spec(None, {"gate": {"margin": given}}).gate.margin == kept


@pytest.mark.parametrize("given", [1, 2.5, 1e308])
def test_a_number_may_be_any_above_0(given: float) -> None:
    assert read_spec(None, {"gate": {"margin": given}}).gate.margin == given


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (0, "expected greater than 0, got 0"),
        (-0.1, "expected greater than 0, got -0.1"),
        ("0 %", "expected greater than 0, got '0 %'"),
        ("-1 %", UNIT),
        ("1 percent", UNIT),
        ("0.01", UNIT),
        (True, UNIT),
        (None, UNIT),
        ([1], UNIT),
        (10**400, "expected a finite number"),
        ("1e999 %", "expected a finite number, got '1e999 %'"),
    ],
)
def test_anything_else_is_refused_with_what_was_expected(given: Any, expected: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_spec(None, {"gate": {"margin": given}})
    assert f"- gate.margin: {expected}" in str(refused.value)


@pytest.mark.parametrize(("mean", "margin"), [(0.5, 0.01), (-0.5, 0.01), (200.0, 4.0), (0.0, 1e-12)])
def test_a_share_is_of_the_magnitude_of_the_mean(mean: float, margin: float) -> None:
    assert GateRule(margin="2 %").against(mean) == pytest.approx(margin, rel=1e-12)
