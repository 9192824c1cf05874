"""`ticketsmith reproduce`: what a claim is held to, and what is measured."""

import json

import pytest

from ticketsmith.certificates import NAMES, Certified, Claim, Tally, certificate
from ticketsmith.cli import main
from ticketsmith.cli.reproduce import table
from ticketsmith.lottery.results import Summary, TrainMetrics
from ticketsmith.lottery.schedule import kept, rounds
from ticketsmith.specs import read_spec
from ticketsmith_runner.certify import MEASURES, _level, add_up, certify, check
from ticketsmith_runner.statistics import summary

from .conftest import Run


def claim(measure: str, low: float, high: float, level: int = 1) -> Claim:
    return Claim(text="", measure=measure, level=level, published=0.0, low=low, high=high, basis="")  # type: ignore[arg-type]


@pytest.mark.parametrize("budget", ["small", "full"])
@pytest.mark.parametrize("name", NAMES)
def test_a_budget_of_mnist_is_a_valid_spec_and_tries_claims(name: str, budget: str, data_root: str) -> None:
    spec = read_spec(None, certificate(name).budgets[budget], data_root)
    assert "reinit" in spec.controls
    levels = [each.level for each in certificate(name).claims]
    assert min(levels) < rounds(spec.pruning)
    assert budget == "small" or max(levels) < rounds(spec.pruning)


@pytest.mark.parametrize("name", NAMES)
def test_a_published_figure_lies_within_its_own_tolerance(name: str) -> None:
    assert all(each.low <= each.published <= each.high for each in certificate(name).claims)


def test_the_weights_of_mnist_that_are_left_follow_the_published_table(data_root: str) -> None:
    """peers: LTH paper, P_m by round. Exact from the formula, before anything is trained."""
    spec = read_spec(None, certificate("lth-lenet").budgets["full"], data_root)
    sizes = {"1.weight": 235200, "3.weight": 30000, "5.weight": 1000}
    for each in certificate("lth-lenet").claims:
        if each.measure == "remaining":
            left = 100 * sum(kept(sizes, list(sizes)[-1], spec.pruning, each.level).values()) / sum(sizes.values())
            assert each.low <= left <= each.high


def test_the_mean_decides_and_both_ends_count(finished: Run) -> None:
    level = _level(1, finished.ledger, finished.spec)
    ours = summary(MEASURES["gain"](level))
    assert check(claim("gain", ours.mean, ours.mean), ours).passed
    assert not check(claim("gain", ours.mean + 1e-9, 100), ours).passed
    assert not check(claim("gain", -100, ours.mean - 1e-9), ours).passed


def test_a_pass_whose_interval_leaves_the_tolerance_is_named() -> None:
    ours = Summary(mean=0.3, se=0.05, low=0.2, high=0.4, n=8)
    assert not check(claim("lead", 0.2, 0.4), ours).beyond
    assert check(claim("lead", 0.2001, 0.4), ours).beyond and check(claim("lead", 0.2, 0.3999), ours).beyond
    assert not check(claim("lead", 0.5, 0.6), ours).beyond, "it fails, which says more"
    assert not check(claim("lead", 0.3, 0.3), Summary(mean=0.3, se=None, low=None, high=None, n=1)).beyond


def test_what_the_schedule_fixes_counts_apart() -> None:
    sure, unsure = (Summary(mean=1.0, se=se, low=0.9, high=1.1, n=5) for se in (0.0, 0.05))
    checked = [check(claim("remaining", 0, 2), sure), check(claim("remaining", 2, 3), sure)]
    checked += [
        check(claim("gain", 1, 2), unsure),
        check(claim("lead", 1, 2), unsure),
        check(claim("gain", 0, 1), sure),
    ]
    found = add_up("lth-lenet", "small", "a run", checked)
    assert (found.schedule, found.measured) == (Tally(passed=1, tried=2), Tally(passed=3, tried=3))
    assert found.again == pytest.approx(0.25, abs=1e-3)  # a half for each mean on an edge
    assert "1 of 2 lines of the schedule pass" in table(found) and "3 of 3 measured" in table(found)
    assert "passes all 3 measured lines: 25 %" in table(found)


def test_every_measure_is_what_the_records_say(finished: Run) -> None:
    def metrics(key: str) -> TrainMetrics:
        return TrainMetrics.model_validate_json(finished.ledger.read(finished[key], "metrics.json"))

    dense, ticket, control = (
        metrics(f"level-0{n}/{arm}/train") for n, arm in ((0, "dense"), (1, "ticket"), (1, "reinit"))
    )
    found = {name: measure(_level(1, finished.ledger, finished.spec)) for name, measure in MEASURES.items()}
    first = {name: values[0] for name, values in found.items()}
    at = [each.early_stop_test_score[0] for each in (dense, ticket, control)]
    stop = [each.early_stop_step[0] for each in (dense, ticket, control)]
    assert first == pytest.approx({
        "remaining": 70.949,  # the output layer is pruned half as fast
        "dense accuracy": 100 * at[0],
        "early stop": 100 * (stop[1] / stop[0] - 1),
        "early stop of re-init": stop[2] / stop[1],
        "gain": 100 * (at[1] - at[0]),
        "gain of re-init": 100 * (at[2] - at[0]),
        "lead": 100 * (at[1] - at[2]),
    }, abs=1e-3)  # fmt: skip


def test_claims_beyond_the_last_full_round_are_untried_and_not_passed(finished: Run) -> None:
    found = certify("lth-lenet", "small", finished.ledger, finished.spec)
    assert {each.level for each in found.checked} == {0, 1}
    assert len(found.checked) + len(found.untried) == len(certificate("lth-lenet").claims)
    assert "not tried with this budget" in table(found)
    assert Certified.model_validate_json(found.model_dump_json()) == found


def test_an_unknown_certificate_is_answered_with_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["reproduce", "lth-lenett"])
    assert "did you mean 'lth-lenet'" in capsys.readouterr().err


def test_a_dry_run_of_mnist_prints_the_spec(capsys: pytest.CaptureFixture[str], data_root: str) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["reproduce", "lth-lenet", "--budget", "small", "--dry-run", "-o", "json", "--data-root", data_root])
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "ticketsmith.plan/1" and found["spec"]["training"]["steps"] == 20000
