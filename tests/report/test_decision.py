"""The decision in one sentence, the scorecard beside it, and the zones."""

from functools import partial

import pytest

from ticketsmith import cards
from ticketsmith.lottery.results import Speed
from ticketsmith.lottery.steps import Gate
from ticketsmith.report.advice import in_windows
from ticketsmith.report.again import again
from ticketsmith.report.decision import decide, remarks
from ticketsmith.report.limits import limits
from ticketsmith.report.scorecard import scorecard, table
from ticketsmith.report.speed import in_int8
from ticketsmith.report.zones import zones


def sentence(run):
    return decide(run.findings).sentence.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")


def test_pass_adopts(build):
    assert sentence(build()) == (
        "ADOPT at 48.8 %: with 5,120 of 10,000 weights left, accuracy changes by -0.08 points, at worst "
        "by -0.31 (98.06 % confidence, n = 5), and -0.50 is allowed."
    )


def test_fail_names_the_bound_and_what_did_pass(build):
    assert sentence(build(statuses=("PASS", "UNDECIDED", "FAIL"))) == (
        "DO NOT ADOPT at 48.8 %: accuracy changes by -1.20 points, at best by -0.88 (98.06 % confidence, n = 5), "
        "and -0.50 is allowed; every level up to 20.0 % passed."
    )


def test_fail_for_loss_says_so(build):
    run = build(
        statuses=("FAIL",) * 3,
        changes={"mean": 0.0, "low": -0.001, "high": 0.001},
        options={"gate": {"loss_margin": 0.001}},
    )
    assert sentence(run) == (
        "DO NOT ADOPT at 48.8 %: test loss changes by +0.004 nats, at best by +0.002 (98.06 % confidence, n = 5), "
        "and +0.001 is allowed."
    )


def test_undecided_says_which_evidence_is_missing(build):
    assert sentence(build(statuses=("UNDECIDED",) * 3)) == (
        "INCONCLUSIVE at 48.8 %: the change of accuracy lies between -0.81 and -0.03 points (98.06 % confidence, "
        "n = 5), on both sides of the -0.50 that is allowed, mostly for the spread over training seeds; "
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


def spoken(words: str) -> str:
    return words.replace("\N{NO-BREAK SPACE}", " ")


def test_where_int8_is_faster_and_passes_the_answer_is_to_quantize(build):
    findings = build(int8=(0.5, 0.4, 0.6)).findings

    assert spoken(decide(findings).sentence).endswith(
        "\N{MINUS SIGN}0.50 is allowed; but int8 dense is faster: quantize instead."
    )
    assert remarks(findings)[2] == (
        "It saves time: 1.84x the throughput of torch, the best dense one in fp32, at batch 256. Int8 dense is faster: "
        "quantize instead (small, 2.00x as fast, and passes the gate)."
    )


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("FAIL", "and fails the gate"),
        ("UNDECIDED", "and the gate is undecided about it"),
        (None, "and was not judged"),
    ],
)
def test_int8_that_does_not_pass_is_no_answer(build, status, words):
    findings = build(int8=(0.5, 0.4, 0.6), int8_status=status).findings

    assert "quantize" not in decide(findings).sentence
    assert remarks(findings)[2].endswith(f"Dense in int8 is faster (small, 2.00x as fast, {words}).")


def test_a_ticket_that_beats_int8_has_beaten_dense_of_any_precision(build):
    findings = build(int8=(1.2, 1.1, 1.3)).findings

    assert "quantize" not in decide(findings).sentence
    assert remarks(findings)[2] == (
        "It saves time: 1.84x the throughput of torch, the best dense one in fp32, and 1.20x that of small (int8), the "
        "best of any precision, at batch 256."
    )


def test_int8_that_is_slower_than_fp32_is_not_the_best_of_any_precision(build):
    assert remarks(build(int8=(2.5, 2.4, 2.6)).findings)[2] == (
        "It saves time: 1.84x the throughput of torch, the best dense one of any precision, at batch 256."
    )


def test_int8_that_may_be_as_fast_is_no_answer(build):
    assert "quantize" not in decide(build(int8=(0.95, 0.85, 1.05)).findings).sentence


def test_a_speed_of_a_version_without_int8_is_read_and_told_as_before(build):
    findings = build().findings
    old = findings.speed.model_dump(mode="json")
    rows = [old["headline"], *old["rows"], *old["choices"]]
    for record, fields in [(old, ("quantized", "unjudged")), *((row, ("int8", "any")) for row in rows)]:
        for field in fields:
            del record[field]

    read = findings.model_copy(update={"speed": Speed.model_validate(old)})

    assert remarks(read)[2] == (
        "It saves time: 1.84x the throughput of torch, the best dense one in fp32, at batch 256."
    )
    assert [row.variant for row in scorecard(read)] == ["Dense Baseline", "Winning Ticket", "Random Re-init"]


def test_dense_in_int8_has_its_line_in_the_scorecard(build):
    def line(**fields):
        return [spoken(cell) for cell in table(build(**fields).findings).rows[1]]

    assert line(int8=(0.5, 0.4, 0.6), int8_status="FAIL") == [
        "Dense in int8", "0.0 %", "96.16 % [95.86, 96.46]", "FAIL", "3.68x"
    ]  # fmt: skip
    assert line(int8=(0.5, 0.4, 0.6), int8_status=None) == [
        "Dense in int8",
        "0.0 %",
        "-",
        "not judged",
        "3.68x",
    ]


def test_a_ticket_in_int8_has_a_line_and_a_verdict_of_its_own(build):
    findings = build(int8=(0.5, 0.4, 0.6), int8_ticket=2.0).findings
    rows = {row.variant: row for row in scorecard(findings)}

    assert [*rows][:4] == ["Dense Baseline", "Dense in int8", "Winning Ticket", "Ticket in int8"]
    assert (rows["Ticket in int8"].status, rows["Ticket in int8"].throughput) == ("PASS", "7.36x")
    assert "quantize instead" not in decide(findings).sentence  # a ticket that passes is faster still
    assert remarks(findings)[2].endswith(
        "In int8 the ticket is 2.00x as fast as small, the fastest dense one (int8), and passes the gate."
    )
    assert any("another network than the ticket" in each for each in limits(findings))


def test_layers_that_are_left_in_fp32_are_named(build):
    def told(*left):
        findings = build(int8=(0.5, 0.4, 0.6), int8_ticket=2.0, int8_left=left).findings
        (said,) = [each for each in limits(findings) if "left in fp32" in each] or [""]
        return said.partition(": ")[2], in_int8(findings.speed, findings.metric).rows[0][0]

    assert told("3.weight") == ("3.weight.", "ticket, ticket-int8 (in fp32: 3.weight)")
    assert told(*"abcdefg")[0] == "a, b, c, d, e and 2 more."
    assert told() == ("", "ticket, ticket-int8")


def test_where_int8_passes_a_mask_in_windows_is_proposed(build):
    def proposed(**fields):
        run = build(int8=(0.5, 0.4, 0.6), int8_ticket=2.0, **fields)
        return in_windows(run.findings, partial(again, run.findings.spec, cards.of("digits-mlp", "")))

    (advice,) = proposed()
    assert "pruning.granularity=window" in advice.words
    units = {"pruning": {"sparsity": 0.48, "fraction": 0.2, "granularity": "unit"}}
    assert proposed(int8_status="FAIL") == proposed(options=units) == []


def test_a_benchmark_of_fp32_alone_says_so_and_shows_nothing_of_int8(build):
    findings = build(options={"benchmark": {"precision": ["fp32"]}}).findings

    assert [each for each in limits(findings) if "int8" in each] == [
        "Nothing was timed in int8, as the spec asks: benchmark.precision is [fp32]."
    ]
    assert not any("int8" in row.variant for row in scorecard(findings))
    assert not any("int8" in each for each in remarks(findings))


@pytest.mark.parametrize("times", [0.9, 1.0])
def test_a_ticket_in_int8_that_gains_nothing_is_no_answer(build, times):
    findings = build(int8=(0.5, 0.4, 0.6), int8_ticket=times).findings

    assert "quantize instead" in decide(findings).sentence
    assert "In int8 the ticket" not in remarks(findings)[2]


def test_what_int8_was_not_asked_is_a_limit(build):
    said = limits(build(int8=(0.5, 0.4, 0.6), int8_status=None, words="plain").findings)

    assert "In int8 dense alone was timed: what a ticket gains from it was not measured." in said
    assert "Not judged in int8: it asks for parts plain." in said
    assert not any("int8" in each for each in limits(build().findings))


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
    assert [tuple(cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row) for row in table(build().findings).rows] == [
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
