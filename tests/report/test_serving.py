"""Speed is that of the token or the image that is served, and not of the forward pass."""

from collections.abc import Callable

import pytest

from ticketsmith.report.decision import decide, remarks

from .conftest import Run
from .test_cost import INT8, served

QUANTIZE = "int8 dense is faster: quantize instead"


def said(run: Run) -> str:
    return " ".join(remarks(run.findings))


@pytest.mark.parametrize("unit", ["token", "image"])
def test_the_fastest_ticket_is_held_against_the_fastest_other_way(build: Callable[..., Run], unit: str) -> None:
    run = build(served=served(unit), **INT8)
    assert f"The ticket makes {unit}s 2.00x [1.80, 2.20] as fast as dense in int8, the fastest other way." in said(run)
    assert "In forward passes it saves" in said(run)


def test_what_is_not_sure_is_said_to_be_so(build: Callable[..., Run]) -> None:
    text = said(build(served=served(dense_int8=1.05e-3)))
    assert "The ticket makes tokens 1.05x" in text and "the fastest other way; neither is surely the faster." in text


def test_dense_in_int8_is_advised_for_what_is_served(build: Callable[..., Run]) -> None:
    """In forward passes it is faster in both runs; in tokens in the second alone."""
    slower, faster = build(served=served(), **INT8), build(served=served(dense_int8=0.5e-3), **INT8)
    assert QUANTIZE not in decide(slower.findings).sentence and QUANTIZE in decide(faster.findings).sentence
    assert "Dense in int8 makes tokens faster: the ticket is 0.50x [0.45, 0.55] as fast." in said(faster)


def test_dense_in_int8_that_nobody_judged_is_not_advised(build: Callable[..., Run]) -> None:
    assert QUANTIZE not in decide(build(served=served(dense_int8=0.5e-3)).findings).sentence


def test_forward_passes_are_told_as_ever(build: Callable[..., Run]) -> None:
    text = said(build(served=served("inference"), **INT8))
    assert "In forward passes" not in text and "makes inferences" not in text
