"""The decision in one sentence, the scorecard beside it, and the zones."""

import pytest

from ticketsmith.lottery.steps import Gate
from ticketsmith.report.decision import decide, remarks
from ticketsmith.report.limits import limits
from ticketsmith.report.scorecard import scorecard
from ticketsmith.report.zones import zones


def sentence(run):
    return decide(run.findings).sentence.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")


def test_pass_adopts(build):
    assert sentence(build()) == (
        "ADOPT at 48.8 %: with 5,120 of 10,000 weights left, accuracy changes by -0.08 points and its "
        "one-sided 98.06 % lower bound, -0.31, stays within the margin of -0.50 (n = 5)."
    )


def test_fail_names_the_bound_and_what_did_pass(build):
    assert sentence(build(statuses=("PASS", "UNDECIDED", "FAIL"))) == (
        "DO NOT ADOPT at 48.8 %: accuracy changes by -1.20 points and even its one-sided 98.06 % upper bound, -0.88, "
        "lies beyond the margin of -0.50 (n = 5); every level up to 20.0 % passed."
    )


def test_fail_for_loss_says_so(build):
    run = build(
        statuses=("FAIL",) * 3,
        changes={"mean": 0.0, "low": -0.001, "high": 0.001},
        options={"gate": {"loss_margin": 0.001}},
    )
    assert sentence(run) == (
        "DO NOT ADOPT at 48.8 %: test loss changes by +0.004 nats and even its one-sided 98.06 % lower bound, +0.002, "
        "lies beyond the margin of +0.001 (n = 5)."
    )


def test_undecided_says_which_evidence_is_missing(build):
    assert sentence(build(statuses=("UNDECIDED",) * 3)) == (
        "INCONCLUSIVE at 48.8 %: the one-sided 98.06 % bounds of the accuracy change, [-0.81, -0.03] points, are 0.78 "
        "wide and lie on both sides of the margin of -0.50, mostly for the spread over training seeds (n = 5); "
        "about 10 more, `--replicates 15`, are likely to settle it, for 2.7 min of one core."
    )


def test_too_few_test_examples_are_what_is_missing(build):
    """More replicates would not help: the gate's own reason says how many examples would."""
    few = build(statuses=("UNDECIDED",) * 3, changes={"examples": 850})
    enough = build(statuses=("UNDECIDED",) * 3, changes={"examples": 851})
    assert sentence(few) == "INCONCLUSIVE at 48.8 %: UNDECIDED: plain words."
    assert "are likely to settle it" in sentence(enough)


def test_without_bounds_two_replicates_are_asked_for(build):
    alone = {"low": None, "high": None, "se": None, "se_replicates": None}
    assert "at least two are needed" in sentence(build(statuses=("UNDECIDED",) * 3, changes=alone))


def test_an_unfinished_run_is_inconclusive(build):
    run = build(missing=lambda step: isinstance(step, Gate) and step.level == 3 and step.arm == "ticket")
    assert sentence(run) == (
        "INCONCLUSIVE at 48.0 %: the run is not finished, 22 of 23 steps are done and the gate at this level is "
        "missing; every level up to 36.0 % passed."
    )


def test_a_stopped_run_is_not_adopted(build):
    run = build(statuses=("PASS", "FAIL", "PASS"), options={"stop_on_fail": True}, missing=lambda step: step.level == 3)
    assert sentence(run).startswith("DO NOT ADOPT at 48.0 %: the rounds ended at 36.0 %, where accuracy changes by")


def test_without_a_verdict_divergence_is_a_no(build):
    run = build(diverged={("dense", 0): 1}, missing=lambda step: isinstance(step, Gate))
    assert sentence(run) == ("DO NOT ADOPT at 48.0 %: nothing can be concluded; training diverged in replicate 1.")
    assert any("replicate 1 diverged at update 40" in each for each in limits(run.findings))


def test_a_passing_control_is_remarked_upon(build):
    assert remarks(build(control="PASS").findings)[3:] == [
        "The reinit control passes as well: this run does not show that the initial values matter."
    ]


def test_what_is_faster_is_said_with_whom_it_had_to_beat(build):
    said = remarks(build().findings)[2:]

    assert [each.replace("\N{NO-BREAK SPACE}", " ") for each in said] == [
        "It saves time: 1.84x the throughput of torch, the best dense one in fp32, at batch 256."
    ]


def test_beside_a_pass_stand_its_look_and_the_collapses_that_it_leaves_possible(build):
    said = [each.replace("\N{NO-BREAK SPACE}", " ") for each in remarks(build().findings)[:2]]

    assert said == [
        "Decided after 5 replicates, look 1 of 4 at most: each look is held to 98.06 %, and all of them together to "
        "95 %. A run that stops once it is decided shows a mean that flatters; the bound does not.",
        "0 of 5 trainings lost more than 1 point: with 95 % confidence fewer than 46 % of all trainings do.",
    ]


def test_a_single_look_is_not_spoken_of(build):
    assert "lost more than 1 point" in remarks(build(options={"looks": 1}).findings)[0]


@pytest.mark.parametrize("statuses", [("FAIL",) * 3, ("UNDECIDED",) * 3])
def test_collapses_are_counted_beside_a_pass_alone(build, statuses):
    assert not any("trainings lost" in said for said in remarks(build(statuses=statuses).findings))


def test_variables_that_tune_dense_kernels_are_said(build):
    findings = build().findings
    machine = findings.speed.machine.model_copy(update={"environment": {"OPENBLAS_CORETYPE": "Haswell"}})
    tuned = findings.model_copy(update={"speed": findings.speed.model_copy(update={"machine": machine})})

    assert any("OPENBLAS_CORETYPE=Haswell" in said for said in limits(tuned))
    assert not any("able to change" in said for said in limits(findings))


def test_the_scorecard_shows_dense_ticket_and_control(build):
    rows = [tuple(row.model_dump().values()) for row in scorecard(build().findings)]
    assert [tuple(cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row) for row in rows] == [
        ("Dense Baseline", "0.0 %", "97.36 % [97.06, 97.66]", "baseline", "1.0x (reference)"),
        ("Winning Ticket", "48.8 %", "97.28 % [96.98, 97.58]", "PASS", "1.84x (codegen plain words)"),
        ("Random Re-init", "48.8 %", "96.16 % [95.86, 96.46]", "FAIL", "-"),
    ]


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        ((1.2, 0.99, 1.4), "1.0x (no speed-up)"),
        ((1.0, 1.0, 1.0), "1.0x (no speed-up)"),
        ((0.8, 0.7, 0.9), "1.0x (no speed-up)"),
        ((1.2, 1.01, 1.4), "1.20x (codegen plain words)"),
    ],
)
def test_a_gain_needs_its_whole_interval_above_one(build, ratio, shown):
    findings = build(ratio=ratio).findings
    assert scorecard(findings)[1].throughput == shown
    assert ("It saves weights, not time: no speed-up was measured." in remarks(findings)) == shown.startswith("1.0x")


def test_a_speed_that_is_missing_is_not_one(build):
    findings = build(missing=lambda step: step.kind == "benchmark").findings
    assert scorecard(findings)[1].throughput == "not measured"


@pytest.mark.parametrize(
    ("statuses", "safe", "breaking"),
    [
        ("PASS PASS PASS", 3, None),
        ("PASS UNDECIDED PASS", 1, None),
        ("PASS FAIL PASS", 1, 2),
        ("UNDECIDED PASS FAIL", None, 3),
        ("FAIL PASS PASS", None, 1),
    ],
)
def test_zones_of_verdicts_that_come_and_go(build, statuses, safe, breaking):
    found = zones(build(statuses=tuple(statuses.split())).findings.arm("ticket"))
    assert (found.safe and found.safe.level, found.breaking and found.breaking.level) == (safe, breaking)


@pytest.mark.parametrize(("broken", "breaking"), [(True, 2), (False, None), (None, 2)])
def test_a_fail_that_does_not_count_all_levels_breaks_nothing(build, broken, breaking):
    """It ends the safe zone all the same; None is a verdict of a version that did not ask."""
    found = zones(build(statuses=("PASS", "FAIL", "PASS"), broken=broken).findings.arm("ticket"))
    assert (found.safe and found.safe.level, found.breaking and found.breaking.level) == (1, breaking)


def test_a_level_that_was_not_judged_ends_the_safe_zone(build):
    run = build(missing=lambda step: isinstance(step, Gate) and step.level == 2)
    assert zones(run.findings.arm("ticket")).safe.level == 1
