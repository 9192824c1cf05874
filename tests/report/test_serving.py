"""Speed is that of the token or the image that is served, and not of the forward pass."""

from collections.abc import Callable

import pytest

from ticketsmith.report import collect
from ticketsmith.report.decision import decide, remarks
from ticketsmith.report.figures import figures

from .conftest import Run
from .test_cost import INT8, RATES, served

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


def test_the_cards_are_about_what_is_served(build: Callable[..., Run]) -> None:
    run = build(served=served(), **INT8)
    speed, money = figures(collect(run.ledger, run.spec, run.card, RATES))[2:]
    assert (speed.name, speed.value) == ("Tokens a second against dense fp32", "4.00x")
    assert speed.basis.startswith("the ticket, 1,000 tokens a second; 2.00x [1.80, 2.20] of dense in int8")
    assert (money.name, money.value) == ("A million tokens", "$0.0500")
    assert money.basis == "as a ticket; $0.200 dense in fp32, $0.100 dense in int8; the search cost $0.00402"


def test_a_card_is_about_a_ticket_that_passes(build: Callable[..., Run]) -> None:
    run = build(served=served(), statuses=("PASS", "PASS", "FAIL"), **INT8)
    speed, money = figures(collect(run.ledger, run.spec, run.card, RATES))[2:]
    assert speed.value == "2.67x" and speed.basis.startswith("the ticket in int8, 667 tokens a second")
    assert money.basis.startswith("as a ticket in int8; ")


def test_without_a_price_a_card_says_how_to_give_one(build: Callable[..., Run]) -> None:
    assert figures(build().findings)[3].basis == "give --price or --prices (docs/cost.md)"


def test_forward_passes_that_are_not_served_advise_nothing(build: Callable[..., Run]) -> None:
    run = build(served=served(), int8=(0.5, 0.4, 0.6))
    assert "Dense in int8 is faster (small, 2.00x as fast, and passes the gate)." in said(run)
    assert "quantize instead" not in said(run)
    assert "quantize instead" in said(build(served=served("inference"), int8=(0.5, 0.4, 0.6)))
