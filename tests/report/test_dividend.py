"""The lottery dividend: said in one plain sentence, and never where its interval includes 0."""

from collections.abc import Callable

import pytest

from ticketsmith.report import levels
from ticketsmith.report.dividend import dividend
from ticketsmith.report.html import render as html
from ticketsmith.report.markdown import render as markdown

from .conftest import Run

OVER = "over Random Re-init, the best control"
SURE = f"{OVER} (95 %)"
SENTENCES = [
    ((0.008, 0.003, 0.013), f"Lottery dividend at 48.8 %: +0.80 points [+0.30, +1.30] {SURE}."),
    ((0.002, -0.001, 0.005), f"No dividend at 48.8 %: +0.20 points [−0.10, +0.50] {SURE}; the interval includes 0."),
    ((-0.004, -0.006, -0.002), f"No dividend at 48.8 %: −0.40 points [−0.60, −0.20] {SURE}; the control is better."),
    ((0.008, None, None), f"Lottery dividend at 48.8 %: +0.80 points {OVER}; one replicate has no interval."),
]


@pytest.mark.parametrize(("lead", "sentence"), SENTENCES)
def test_the_sentence(build: Callable[..., Run], lead: tuple[float, float, float], sentence: str) -> None:
    said = dividend(build(lead=lead).findings)
    assert said and said.replace("\N{NO-BREAK SPACE}", " ") == sentence


def test_several_controls_share_the_confidence_of_their_intervals(build: Callable[..., Run]) -> None:
    said = dividend(build(options={"controls": ["reinit", "random"]}).findings)
    assert said and "the best control (95 % for all 2 controls together)." in said


def test_it_stands_in_every_report_and_in_the_table(build: Callable[..., Run]) -> None:
    findings = build().findings
    said = dividend(findings)
    assert said and said in html(findings).decode()
    assert "Lottery dividend at 48.8" in markdown(findings).decode()
    assert {row[4] for row in levels.controls(findings).rows} == {"+0.80 [+0.30, +1.30]"}


def test_without_a_control_there_is_nothing_to_say(build: Callable[..., Run]) -> None:
    assert dividend(build(options={"controls": []}).findings) is None


@pytest.mark.parametrize(("needed", "said"), [
    (15, "about 10 more, `--replicates 15`, are likely to settle it, for 2.7 min of one core"),
    (20, "about 15 more, `--replicates 20`, are likely to settle it, for 4.0 min of one core"),
    (25, "about 25 replicates are likely to settle it, and this run ends with 20: ask anew with fresh seeds, "
         "`--seed 1 --replicates 25`"),
    (None, "no number of replicates is likely to settle it"),
])  # fmt: skip
def test_an_open_question_says_what_would_settle_it(build: Callable[..., Run], needed: int | None, said: str) -> None:
    from ticketsmith.report.decision import decide

    assert said in decide(build(statuses=("PASS", "PASS", "UNDECIDED"), needed=needed).findings).sentence
