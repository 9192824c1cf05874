"""The reach of the evidence, as a report states it beside a verdict."""

from collections.abc import Callable
from typing import Any

import pytest

from ticketsmith.report import Findings
from ticketsmith.report.decision import decide, remarks
from ticketsmith.report.evidence import more, tails
from ticketsmith.report.limits import limits
from ticketsmith.report.zones import zones

Build = Callable[..., Any]


def shown(findings: Findings, **changes: Any) -> Findings:
    """The same findings with the ticket's last verdict changed."""
    last = findings.shown
    verdicts = [v.model_copy(update=changes) if v is last else v for v in findings.verdicts]
    return findings.model_copy(update={"verdicts": verdicts})


@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        (0, "0 of 10 trainings lost more than 1 point: with 95 % confidence fewer than 26 % of all trainings do."),
        (1, "1 of 10 trainings lost more than 1 point: with 95 % confidence fewer than 40 % of all trainings do."),
    ],
)
def test_a_pass_says_how_many_collapses_it_leaves_possible(build: Build, lost: int, sentence: str) -> None:
    findings = shown(
        build().findings,
        test_score=[0.90] * lost + [0.97] * (10 - lost),
        dense_test_score=[0.97] * 10,
        replicates=list(range(10)),
    )
    assert findings.shown is not None
    assert tails(findings.shown).replace("\N{NO-BREAK SPACE}", " ") == sentence
    assert tails(findings.shown) in remarks(findings)


def test_where_all_collapsed_nothing_is_ruled_out(build: Build) -> None:
    findings = shown(build().findings, test_score=[0.5] * 5, dense_test_score=[0.97] * 5)
    assert findings.shown is not None
    assert tails(findings.shown) == "5 of 5 trainings lost more than 1 point, so that nothing is ruled out."


def test_a_second_try_says_how_often_both_err(build: Build) -> None:
    findings = build().findings.model_copy(update={"tries": ["digits-mlp-000000000000"]})
    said = next(each for each in remarks(findings) if "try 2" in each).replace("\N{NO-BREAK SPACE}", " ")
    assert "digits-mlp-000000000000" in said and "5.0 % of all cases, one of 2 in at most 9.8 %" in said


def test_a_mean_after_a_stop_is_marked(build: Build) -> None:
    stopped = shown(build().findings, look=1, looks=4, confidence=0.98066)
    ended = shown(build().findings, look=4, looks=4, confidence=0.98066)
    assert any("mean that flatters" in each for each in remarks(stopped))
    assert not any("mean that flatters" in each for each in remarks(ended))


def test_an_invalid_comparison_is_its_own_word(build: Build) -> None:
    findings = shown(build().findings, status="INVALID", reason="dense reaches 9.00 %, and so on")
    decision = decide(findings)
    assert (decision.word, decision.why, remarks(findings)) == ("INVALID", "dense reaches 9.00 %, and so on", [])


@pytest.mark.parametrize(("needed", "said"), [(10, "`--replicates 10`"), (60, "`--seed 1 --replicates 60`")])
def test_an_open_run_goes_on_and_an_ended_one_asks_with_fresh_seeds(build: Build, needed: int, said: str) -> None:
    findings = shown(build(statuses=("PASS", "PASS", "UNDECIDED")).findings, looks=4, replicates_needed=needed)
    assert findings.shown is not None and said in more(findings.shown, findings)


def test_a_level_that_fails_by_itself_alone_breaks_nothing(build: Build) -> None:
    ticket = build(statuses=("PASS", "FAIL", "FAIL")).findings.arm("ticket")
    once = [v.model_copy(update={"broken": v.level == 3}) for v in ticket]
    breaking = zones(once).breaking
    assert breaking is not None and breaking.level == 3


@pytest.mark.parametrize(("pool", "count"), [(True, 1), (False, 0)])
def test_one_pool_of_training_examples_is_said(build: Build, pool: bool, count: int) -> None:
    findings = build().findings.model_copy(update={"one_pool": pool})
    assert sum("one pool of examples" in each for each in limits(findings)) == count
