"""The first screen: what an executive asks, answered in words of the street, and the next step."""

import re
from collections.abc import Callable
from html import unescape

import pytest

from ticketsmith.report import html, write
from ticketsmith.report.advice import Advice
from ticketsmith.report.brief import brief

from .conftest import Run
from .test_cost import INT8, served
from .test_templates import prices

Build = Callable[..., Run]
TRADE = re.compile(r"\b(bound|margin|n =|replicates?|back-ends?|fp32|int8|batch|dense|ticket|threads?|p50|gate)\b")
"""Terms of the trade, which come below the first screen."""


def plain(said: dict[str, str]) -> dict[str, str]:
    return {question: answer.replace("\N{NO-BREAK SPACE}", " ") for question, answer in said.items()}


def told(build: Build, **fake: object) -> dict[str, str]:
    return plain(brief(build(**fake).findings))


def test_after_a_pass_all_is_said(build: Build) -> None:
    findings = build(served=served("inference"), **INT8).findings.model_copy(update={"rates": prices("m")})
    assert plain(brief(findings)) == {
        "How sparse": "48.8 % of the weights can go: 5,120 of 10,000 stay.",
        "How sure": "95 % sure, after 5 trainings of each, that accuracy is not worse by more than 0.50 points.",
        "How fast": "1.84x as fast as the full network, and 0.90x as fast as that in fewer bits.",
        "How many $": "$0.0104 for a million inferences, 50 % less than the cheapest other way; "
        "the search cost $0.000839.",
    }


@pytest.mark.parametrize(
    ("seconds", "fast", "paid"),
    [
        (1e-3, "4.00x the tokens a second of the full network, more than that in fewer bits.", "50 % less than"),
        (
            1.95e-3,
            "2.05x the tokens a second of the full network, about as many as that in fewer bits.",
            "about as much as",
        ),
        (3e-3, "1.33x the tokens a second of the full network, fewer than that in fewer bits.", "50 % more than"),
    ],
)
def test_tokens_are_held_against_the_fastest_other_way_too(build: Build, seconds: float, fast: str, paid: str) -> None:
    """A difference that lies within the interval is none."""
    timed = served(ticket=seconds, ticket_int8=None)
    said = plain(brief(build(served=timed, **INT8).findings.model_copy(update={"rates": prices("m")})))
    assert said["How fast"] == fast
    assert f"for a million tokens, {paid} the cheapest other way; the search cost" in said["How many $"]


def test_after_a_fail_nobody_is_told_how_fast_it_would_be(build: Build) -> None:
    assert told(build, statuses=("PASS", "PASS", "FAIL")) == {
        "How sparse": "48.8 % of the weights cannot go. Up to 36.0 % can.",
        "How sure": "95 % sure, after 5 trainings of each, that accuracy is worse by more than 0.50 points.",
    }


def test_what_is_open_is_said_to_be(build: Build) -> None:
    said = told(build, statuses=("UNDECIDED",) * 3)
    assert said["How sparse"] == "It is open whether 48.8 % of the weights can go. No level has passed."
    assert said["How sure"].startswith("Not sure yet, after 5 trainings of each")
    unfinished = told(build, missing=lambda step: step.level > 1)
    assert unfinished == {"How sparse": "It is not known yet whether 48.0 % of the weights can go. Up to 20.0 % can."}


def test_a_speed_that_is_none_is_none(build: Build) -> None:
    assert told(build, ratio=(1.02, 0.97, 1.07))["How fast"] == "No faster than the full network."


@pytest.mark.parametrize("statuses", [("PASS",) * 3, ("FAIL",) * 3, ("UNDECIDED",) * 3])
def test_no_term_of_the_trade_is_in_it(build: Build, statuses: tuple[str, ...]) -> None:
    assert not [each for each in told(build, statuses=statuses, served=served(), **INT8).values() if TRADE.search(each)]


def test_the_page_begins_with_it_and_says_what_comes_next(build: Build) -> None:
    run = build()
    page = unescape(html.render(run.findings, [Advice("Pack it.", ["pack", "my run"])]).decode())
    first = page.partition("Key numbers")[0]
    assert all(answer in first for answer in brief(run.findings).values())
    assert "Pack it. <code>ticketsmith pack 'my run'</code>" in first


def test_a_report_in_the_store_says_what_comes_next(build: Build) -> None:
    run = build(statuses=("PASS", "PASS", "FAIL"))
    page = write(run.ledger, run.spec, run.card).documents["html"].decode()
    assert "<code>ticketsmith best fake-0123456789ab</code>" in page
