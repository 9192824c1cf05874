"""A report in the unit and the direction of its metric: nats and bits, where less is better, and an own one."""

import json
import math
import re
from xml.etree import ElementTree

import pytest

from ticketsmith.lottery.metric import ACCURACY, BITS, NATS, Metric
from ticketsmith.report import html, levels, markdown
from ticketsmith.report import json as document
from ticketsmith.report.curve import curve
from ticketsmith.report.decision import decide
from ticketsmith.report.dividend import best_control, dividend
from ticketsmith.report.figures import figures
from ticketsmith.report.forest import WIDTH, forest
from ticketsmith.report.limits import limits
from ticketsmith.report.scorecard import table
from ticketsmith.report.zones import zones

from .conftest import OVERLAP

COARSE = Metric(name="loss", unit="nats", margin=0.5)
OTHERS = [NATS, BITS, COARSE, OVERLAP]
NAMES = [f"{metric.unit or metric.name}-{metric.margin:.3g}" for metric in OTHERS]


def plain(words):
    """Words on one line, spaced and signed as one types them."""
    return " ".join(words.replace("&nbsp;", " ").replace("\N{MINUS SIGN}", "-").split())


SENTENCES = {
    "PASS": [
        (COARSE, "with 5,120 of 10,000 weights left, loss changes by +0.08 nats, at worst by +0.31 "
                 "(98.06 % confidence, n = 5), and +0.50 is allowed"),
        (BITS, "with 5,120 of 10,000 weights left, loss changes by +0.003 bits, at worst by +0.012 "
               "(98.06 % confidence, n = 5), and +0.020 is allowed"),
        (OVERLAP, "with 5,120 of 10,000 weights left, intersection over union changes by -0.002, at worst by "
                  "-0.006 (98.06 % confidence, n = 5), and -0.010 is allowed"),
    ],
    "FAIL": [
        (COARSE, "loss changes by +1.20 nats, at best by +0.88 (98.06 % confidence, n = 5), and +0.50 is allowed"),
        (OVERLAP, "intersection over union changes by -0.024, at best by -0.018 (98.06 % confidence, n = 5), "
                  "and -0.010 is allowed"),
    ],
    "UNDECIDED": [
        (COARSE, "the change of loss lies between +0.03 and +0.81 nats (98.06 % confidence, n = 5), on both sides of "
                 "the +0.50 that is allowed, mostly for the spread over training seeds; about 10 more, "
                 "`--replicates 15`, are likely to settle it, for 2.7 min of one core"),
        (OVERLAP, "the change of intersection over union lies between -0.016 and -0.001 (98.06 % confidence, "
                  "n = 5), on both sides of the -0.010 that is allowed, mostly for the spread over training seeds; "
                  "about 10 more, `--replicates 15`, are likely to settle it, for 2.7 min of one core"),
    ],
}  # fmt: skip
CASES = [(status, *case) for status, cases in SENTENCES.items() for case in cases]


@pytest.mark.parametrize(("status", "metric", "why"), CASES, ids=[f"{s}-{m.unit or m.name}" for s, m, _ in CASES])
def test_the_decision(build, status, metric, why):
    decision = decide(build(metric=metric, statuses=(status,) * 3).findings)
    assert plain(decision.why) == why
    assert decision.word == {"PASS": "ADOPT", "FAIL": "DO NOT ADOPT", "UNDECIDED": "INCONCLUSIVE"}[status]


def test_few_examples_are_a_matter_of_shares_alone(build):
    """The rule counts examples that are lost; a loss in nats loses none."""
    why = decide(build(metric=COARSE, statuses=("UNDECIDED",) * 3, changes={"examples": 100}).findings).why
    assert "on both sides of the" in why


def test_the_scorecard(build):
    findings = build(metric=BITS).findings
    assert table(findings).heads[2] == "Test loss"
    assert [plain(row[2]) for row in table(findings).rows] == [
        "1.436 bits [1.424, 1.448]", "1.439 bits [1.427, 1.451]", "1.484 bits [1.472, 1.496]",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "ticket", "change", "bounds"),
    [
        (BITS, "Ticket loss", "Change, bits", "[-0.006, +0.012]"),
        (OVERLAP, "Ticket intersection over union", "Change", "[-0.006, +0.003]"),
        (ACCURACY, "Ticket accuracy", "Change, points", "[-0.31, +0.15]"),
    ],
)
def test_the_table_of_levels(build, metric, ticket, change, bounds):
    findings = build(metric=metric).findings
    verdicts, replicates = levels.verdicts(findings), levels.replicates(findings)
    assert verdicts.heads[3:5] == [ticket, change] and replicates.heads[3] == change
    assert plain(verdicts.rows[0][5]) == bounds
    assert levels.controls(findings).heads[3] == ticket.replace("Ticket", "Test")


def test_the_first_key_number(build):
    first = figures(build(metric=COARSE).findings)[0]
    assert (first.name, first.value) == ("Loss against dense", "+0.08 nats")
    assert plain(first.basis) == "one-sided 98.06 % upper bound +0.31, margin +0.50, n = 5"
    assert figures(build(metric=OVERLAP).findings)[0].name == "Intersection over union against dense"


LEADS = [
    ((-0.02, -0.03, -0.01), "Lottery dividend at 48.8 %: -0.020 nats [-0.030, -0.010] against Random Re-init, "
                            "the best control (95 %)."),
    ((0.02, 0.01, 0.03), "No dividend at 48.8 %: +0.020 nats [+0.010, +0.030] against Random Re-init, "
                         "the best control (95 %); the control is better."),
    ((0.01, -0.01, 0.03), "No dividend at 48.8 %: +0.010 nats [-0.010, +0.030] against Random Re-init, "
                          "the best control (95 %); the interval includes 0."),
]  # fmt: skip


@pytest.mark.parametrize(("lead", "sentence"), LEADS)
def test_the_dividend_where_less_is_better(build, lead, sentence):
    words = dividend(build(metric=NATS, lead=lead).findings)
    assert words is not None and plain(words) == sentence


@pytest.mark.parametrize(("metric", "arm"), [(NATS, "random"), (OVERLAP, "reinit")])
def test_the_best_control_is_that_with_the_better_score(build, metric, arm):
    findings = build(metric=metric, options={"controls": ["reinit", "random"]}).findings
    moved = [
        v.model_copy(update={"score": v.score.model_copy(update={"mean": v.score.mean - 0.1})})
        if v.arm == "random"
        else v
        for v in findings.verdicts
    ]
    best = best_control(findings.model_copy(update={"verdicts": moved}), 3)
    assert best is not None and best.arm == arm


def gate_and_dense(picture):
    """Heights of the margin's line and of dense's; a smaller one lies higher."""
    parsed = ElementTree.fromstring(picture)
    lines = (parsed.find(f"path[@class='{name}']") for name in ("gate", "dense"))
    return [float(re.findall(r"M[\d.]+ ([\d.]+)H", line.get("d"))[0]) for line in lines if line is not None]


@pytest.mark.parametrize(("metric", "above"), [(NATS, True), (BITS, True), (OVERLAP, False), (ACCURACY, False)])
def test_the_margin_lies_where_it_is_worse(build, metric, above):
    gate, dense = gate_and_dense(curve(build(metric=metric).findings))
    assert (gate < dense) is above


def ticks(picture):
    parsed = ElementTree.fromstring(picture)
    return [each.text for each in parsed.iterfind("text[@class='tick'][@text-anchor='end']")]


def test_the_axis_is_in_the_unit_that_is_shown(build):
    picture = curve(build(metric=BITS).findings)
    assert ">Test loss, bits<" in picture
    assert 1.40 <= float(ticks(picture)[0]) < 1.437 < float(ticks(picture)[-1]) <= 1.5
    assert ">Test intersection over union<" in curve(build(metric=OVERLAP).findings)


@pytest.mark.parametrize(
    ("metric", "low", "high", "ends"),
    [
        (ACCURACY, -0.2, 1.3, ("0", "100")),
        (NATS, -0.2, 1.3, ("\N{MINUS SIGN}0.5", "1.5")),
        (Metric(name="error", unit="%", scale=100, margin=0.01), 2.1, 3.3, ("200", "340")),
    ],
)
def test_the_axis_of_a_share_ends_where_shares_do_and_that_of_others_does_not(build, metric, low, high, ends):
    findings = build(metric=metric).findings
    mean = (low + high) / 2
    wide = findings.verdicts[0].score.model_copy(update={"mean": mean, "low": low, "high": high})
    verdicts = [v.model_copy(update={"score": wide}) for v in findings.verdicts]
    picture = curve(findings.model_copy(update={"verdicts": verdicts, "dense_score": wide}))
    assert (ticks(picture)[0], ticks(picture)[-1]) == ends


def test_long_numbers_of_the_axis_have_room(build):
    findings = build(metric=Metric(name="error", unit="m", scale=1e6, margin=0.01)).findings
    parsed = ElementTree.fromstring(curve(findings))
    names = list(parsed.iterfind("text[@class='tick'][@text-anchor='end']"))
    assert all(float(name.get("x", 0)) >= 6 * len(name.text or "") for name in names)


def test_the_strip_has_its_margin_on_the_side_of_harm(build):
    def place(metric):
        found = re.search(r'd="M([\d.]+) 3V27" class="gate"', forest(metric, build(metric=metric).findings.shown))
        return float(found[1])

    assert place(NATS) > WIDTH / 2 > place(OVERLAP)


def test_the_rule_is_said_in_its_direction(build):
    page = plain(html.render(build(metric=BITS).findings).decode())
    assert "PASS: the upper bound is within 0.020 bits. FAIL: the lower bound is not." in page
    assert "Ticket minus control is in bits, paired over replicates" in page
    page = plain(html.render(build(metric=OVERLAP).findings).decode())
    assert "PASS: the lower bound is within 0.010. FAIL: the upper bound is not." in page
    assert "Ticket minus control is paired over replicates" in page


@pytest.mark.parametrize("metric", OTHERS, ids=NAMES)
def test_no_text_speaks_of_accuracy_or_points(build, metric):
    options = {"gate": {"loss_margin": 0.01}}
    for status in ("PASS", "FAIL", "UNDECIDED"):
        findings = build(metric=metric, behaves=False, statuses=(status,) * 3, options=options).findings
        for render in (html.render, markdown.render):
            words = re.sub(r"<style>.*</style>|spec.yaml.*", "", render(findings).decode(), flags=re.DOTALL)
            assert not re.search("accuracy|points|Beyond", words), re.findall(".*(?:accuracy|points).*", words)


def test_an_own_name_is_escaped_everywhere(build):
    metric = Metric(name="<b>x</b>", unit="<i>", margin=0.01)
    findings = build(metric=metric).findings
    assert "<b>x" not in html.render(findings).decode() and "<i>" not in html.render(findings).decode()
    assert "<b>x" not in markdown.render(findings).decode()


def test_behaviour_is_shown_where_there_is_one(build):
    page = html.render(build(metric=NATS).findings).decode()
    assert "<h2>Beyond loss</h2>" in page and "### Beyond loss" in markdown.render(build(metric=NATS).findings).decode()
    assert "<h2>Beyond accuracy</h2>" in html.render(build().findings).decode()
    assert "Beyond" not in html.render(build(behaves=False).findings).decode()


def test_json_carries_the_metric(build):
    facts = json.loads(document.render(build(metric=BITS).findings))
    assert facts["findings"]["metric"] == BITS.model_dump(mode="json")
    assert facts["findings"]["metric"]["scale"] == 1 / math.log(2)
    dense, ticket, _ = facts["scorecard"]
    assert dense["sparsity"] == 0 and dense["score"]["mean"] > 0 and ticket["ratio"] == 1.84, "numbers, not words"


def test_a_divergence_is_of_the_score(build):
    said = limits(build(metric=NATS, diverged={("ticket", 2): 1}).findings)
    assert any("its loss is that of the look before" in each for each in said)
    assert not any("measured and not judged" in each for each in said)


def test_the_zones_follow_the_verdicts(build):
    assert zones(build(metric=NATS, statuses=("PASS", "FAIL", "FAIL")).findings.arm("ticket")).safe_words == (
        "dense to 20.0\N{NO-BREAK SPACE}%"
    )
