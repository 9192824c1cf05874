"""The reach of the evidence, as a report states it beside a verdict."""

from collections.abc import Callable
from typing import Any

import pytest

from ticketsmith.lottery.metric import ACCURACY, BITS, NATS, Metric
from ticketsmith.lottery.results import Baseline, Plateau
from ticketsmith.report import Findings
from ticketsmith.report.decision import ONE, decide, remarks
from ticketsmith.report.evidence import more, tails
from ticketsmith.report.limits import limits
from ticketsmith.report.scorecard import caption
from ticketsmith.report.zones import zones

from .conftest import OVERLAP, collapses

Build = Callable[..., Any]
FEWER = "with 95 % confidence fewer than {} % of all trainings do."


def shown(findings: Findings, **changes: Any) -> Findings:
    """The same findings with the ticket's last verdict changed."""
    last = findings.shown
    verdicts = [v.model_copy(update=changes) if v is last else v for v in findings.verdicts]
    return findings.model_copy(update={"verdicts": verdicts})


@pytest.mark.parametrize(
    ("metric", "limit", "lost", "sentence"),
    [
        (ACCURACY, 1, 0, f"0 of 10 trainings lost more than 1 point: {FEWER.format(26)}"),
        (ACCURACY, 2, 1, f"1 of 10 trainings lost more than 2 points: {FEWER.format(40)}"),
        (BITS, 0.04, 0, f"0 of 10 trainings lost more than 0.04 bits: {FEWER.format(26)}"),
        (OVERLAP, 1, 0, f"0 of 10 trainings lost more than 1: {FEWER.format(26)}"),
        (NATS, 0.02, 10, "10 of 10 trainings lost more than 0.02 nats, so that nothing is ruled out."),
    ],
)
def test_a_pass_says_how_many_collapses_it_leaves_possible(
    build: Build, metric: Metric, limit: float, lost: int, sentence: str
) -> None:
    findings = shown(build(metric=metric).findings, collapses=collapses(lost, 10, limit))
    assert findings.shown is not None
    words = tails(metric, findings.shown)
    assert words is not None and words.replace("\N{NO-BREAK SPACE}", " ") == sentence
    assert words in remarks(findings)


def test_one_replicate_with_a_bound_speaks_of_two_networks_alone(build: Build) -> None:
    one = shown(build().findings, alone=True)
    assert ONE in remarks(one)
    assert ONE not in remarks(build().findings)


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


def test_a_plateau_and_what_dense_beats_stand_below_the_scorecard(build: Build) -> None:
    plateau = Plateau(after=270, stop=360, gain=0.001, reached=True)
    findings = shown(build().findings, plateau=plateau, baseline=Baseline(name="a rule", score=0.9))
    assert caption(findings).endswith(
        "Dense surely beats a rule: 90.00\xa0%. Dense reached its plateau: from update 270 to 360 it gained "
        "+0.10 points on the validation split, less than the margin."
    )
    assert not any("plateau" in each for each in limits(findings))


@pytest.mark.parametrize(
    ("baseline", "held"), [(None, ""), (Baseline(name="a rule", score=0.9), "; it is held to a rule")]
)
def test_a_missing_plateau_is_a_limit(build: Build, baseline: Baseline | None, held: str) -> None:
    plateau = Plateau(after=270, stop=360, gain=0.02, reached=False)
    findings = shown(build().findings, plateau=plateau, baseline=baseline)
    assert (
        "Dense was not trained to its plateau: from update 270 to 360 it gained +2.00 points on the validation split, "
        f"more than the margin{held}. With more updates the verdict may be another."
    ) in limits(findings)
    assert "plateau" not in caption(findings)
