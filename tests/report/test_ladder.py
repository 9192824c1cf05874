"""The ladder in a report: a smaller dense network to take, one that is open, or none; and the frontier."""

import json
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from ticketsmith.lottery.results import Ratio, RungSpeed
from ticketsmith.report import Findings, html, ladder, markdown
from ticketsmith.report import json as document
from ticketsmith.report.decision import decide, remarks
from ticketsmith.report.findings import Climbed
from ticketsmith.report.frontier import GAP, frontier, points
from ticketsmith.report.scorecard import scorecard

from .conftest import Run

WEIGHTS = {"half": 2560, "smaller": 5120, "double": 9000}
LEADS = {"worse": (0.012, 0.004, 0.020), "open": (0.002, -0.003, 0.007), "alone": (0.002, None, None)}
Build = Callable[..., Run]


def climbed(
    build: Build,
    *,
    statuses: Mapping[str, str] | None = None,
    lead: str = "worse",
    speeds: tuple[float, float, float] | None = (1.4, 0.8, 0.5),
    ticket: str = "PASS",
    **fake: Any,
) -> Findings:
    """A run with a ladder: verdicts by arm (else FAIL), and how often as fast as the ticket each rung is."""
    options = {"controls": ["reinit", "smaller"], "pruning": {"sparsity": 0.51, "fraction": 0.22}}
    run = build(options=options, statuses=("PASS", "PASS", ticket), **fake)
    findings, given = run.findings, statuses or {}
    arms = [
        Climbed(arm=rung + end, rung=rung, weights=weights, options={"hidden": [weights // 100]}, updates=updates)
        for rung, weights in WEIGHTS.items()
        for end, updates in (("", 360), ("-long", 1440))
    ]
    verdicts = []
    for verdict in findings.verdicts:
        if (arm := next((each for each in arms if each.arm == verdict.arm), None)) is None:
            verdicts.append(verdict)
            continue
        mean, low, high = LEADS[lead]
        assert verdict.dividend is not None
        changed = {"kept": arm.weights, "sparsity": 1 - arm.weights / verdict.prunable}
        changed |= {"status": given.get(arm.arm, "FAIL")}
        changed |= {"dividend": verdict.dividend.model_copy(update={"mean": mean, "low": low, "high": high})}
        verdicts.append(verdict.model_copy(update=changed))
    speed = findings.speed
    if speed is not None and speeds is not None:
        timed = zip(WEIGHTS, speeds, strict=True)
        speed = speed.model_copy(update={"rungs": [_timed(rung, ratio, speed.headline.p50) for rung, ratio in timed]})
    return findings.model_copy(update={"verdicts": verdicts, "ladder": arms, "speed": speed})


def _timed(rung: str, ratio: float, p50: float) -> RungSpeed:
    over = {"ratio": ratio, "low": 0.98 * ratio, "high": 1.02 * ratio}
    return RungSpeed(
        rung=rung, weights=WEIGHTS[rung], backend="small", batch_size=256, p50=p50 / ratio, p95=p50, throughput=1e6,
        dense=Ratio(to="torch", **over), ticket=Ratio(to="codegen", **over),
    )  # fmt: skip


def said(findings: Findings) -> str:
    return decide(findings).sentence.replace("\N{NO-BREAK SPACE}", " ")


def noted(findings: Findings) -> str:
    return " ".join(remarks(findings)).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(("lead", "good"), [("worse", "good enough"), ("open", "as good")])
def test_one_that_passes_in_no_more_time_is_to_be_taken(build: Build, lead: str, good: str) -> None:
    """Within the margin, whether the ticket is surely better or not; the sentence tells the two apart."""
    findings = climbed(build, statuses={"half-long": "PASS", "double": "PASS"}, lead=lead)
    assert said(findings).startswith("ADOPT at ") and said(findings).endswith(
        f"; but a smaller dense network is {good} and no slower: take that "
        "(Dense 1/2x long, 2,560 weights, hidden=[25], 1.40x the ticket's speed at batch 256, PASS)."
    )


@pytest.mark.parametrize("ticket", ["FAIL", "UNDECIDED"])
def test_it_is_said_beside_a_ticket_that_does_not_pass_too(build: Build, ticket: str) -> None:
    assert "take that (Dense 1/2x, 2,560" in said(climbed(build, statuses={"half": "PASS"}, ticket=ticket))
    assert "smaller dense" not in said(climbed(build, lead="open", ticket=ticket))


def test_one_that_is_slower_is_not(build: Build) -> None:
    findings = climbed(build, statuses={"smaller": "PASS", "double": "PASS"})
    assert "take that" not in said(findings)
    assert "The smallest dense network that passes has 5,120 weights (Dense 1x), at 0.80x of the" in noted(findings)


def test_one_that_is_not_surely_worse_is_open(build: Build) -> None:
    findings = climbed(build, statuses={"half": "UNDECIDED"}, lead="open")
    assert "a smaller dense network is no slower and not surely worse, so that it is open" in said(findings)
    assert "take that" not in said(findings)


def test_one_replicate_shows_neither(build: Build) -> None:
    findings = climbed(build, lead="alone")
    assert "smaller dense" not in said(findings)
    assert "One replicate does not show whether a smaller dense network is as good" in noted(findings)


def test_where_none_will_do_the_best_of_equal_time_is_named(build: Build) -> None:
    findings = climbed(build)
    assert "smaller dense" not in said(findings)
    assert "No smaller dense network that is as fast as the ticket is as good: the best, Dense 1/2x with" in noted(
        findings
    )
    assert "the ticket minus it is +1.20 points [+0.40, +2.00]." in noted(findings)


def test_where_none_is_as_fast_that_is_said(build: Build) -> None:
    found = noted(climbed(build, speeds=(0.9, 0.7, 0.5), statuses={"half": "PASS"}))
    assert "No smaller dense network is as fast as the ticket: Dense 1/2x, with 2,560 weights, has 0.90x of" in found


def test_without_times_nothing_is_to_be_taken(build: Build) -> None:
    findings = climbed(build, speeds=None, statuses={"half": "PASS"})
    assert "take that" not in said(findings) and "Smaller dense networks were not timed." in noted(findings)
    assert "has 2,560 weights (Dense 1/2x)." in noted(findings)


def test_the_network_of_equal_time_is_read_off_between_neighbours(build: Build) -> None:
    weights = ladder.equal_time(climbed(build, speeds=(2.0, 0.5, 0.4)))
    assert weights == pytest.approx((2560 * 5120) ** 0.5)
    assert ladder.equal_time(climbed(build, speeds=(0.9, 0.7, 0.5))) is None
    assert ladder.equal_time(climbed(build, speeds=None)) is None


def test_a_run_without_a_ladder_says_nothing_of_it(build: Build) -> None:
    findings = build().findings
    assert ladder.steps(findings) == [] and frontier(findings) == [] and "smaller" not in noted(findings)
    assert json.loads(document.render(findings))["ladder"] is None
    assert b"smaller dense network?" not in html.render(findings)


def test_it_stands_in_every_report(build: Build) -> None:
    findings = climbed(build, statuses={"half": "PASS"})
    facts = json.loads(document.render(findings))["ladder"]
    assert (facts["take"], facts["open"], len(facts["arms"])) == ("half", None, 6)
    assert facts["arms"][0]["speed"]["ticket"]["ratio"] == 1.4
    for text in (html.render(findings).decode(), markdown.render(findings).decode()):
        assert "Or a smaller dense network?" in text and "Dense 1/2x long" in text and "1,440" in text
    rows = {row.variant: row for row in scorecard(findings)}
    assert (rows["Dense 1/2x"].status, rows["Dense 2x"].throughput) == ("PASS", "0.50x")


def test_the_lottery_dividend_is_over_masks_alone(build: Build) -> None:
    assert json.loads(document.render(climbed(build)))["dividend"].endswith("the best control (95 %).")


def test_the_frontier_has_every_network_by_weights_and_by_time(build: Build) -> None:
    findings = climbed(build, int8=(0.5, 0.4, 0.6), int8_ticket=1.1)
    names = {point.name for point in points(findings)}
    assert names == {
        "Dense Baseline", "Winning Ticket", "Dense int8", "Ticket int8",
        *(f"Dense {times}{end}" for times in ("1/2x", "1x", "2x") for end in ("", " long")),
    }  # fmt: skip
    pictures = [ElementTree.fromstring(picture) for picture in frontier(findings)]
    assert [len(picture.findall("g")) for picture in pictures] == [10, 10]
    for picture in pictures:
        labels = [each for each in picture.iterfind("text") if each.get("class", "").startswith("label")]
        places = sorted(float(each.get("y", "")) for each in labels)
        assert len(places) == 10 and all(below - above >= GAP - 0.01 for above, below in pairwise(places))
        assert "nan" not in ElementTree.tostring(picture, encoding="unicode")
        assert picture.get("aria-label", "").endswith("The table below holds the same numbers.")


def test_a_mark_lies_where_its_cost_says(build: Build) -> None:
    picture = frontier(climbed(build))[0]
    places = [float(x) for x in re.findall(r'transform="translate\(([\d.]+) ', picture)]
    at = dict(zip([point.name for point in points(climbed(build))], places, strict=True))
    assert at["Dense 1/2x"] == at["Dense 1/2x long"] < at["Dense 1x"] < at["Dense 2x"] < at["Dense Baseline"]


def test_without_times_there_is_one_picture(build: Build) -> None:
    findings = climbed(build).model_copy(update={"speed": None})
    assert len(frontier(findings)) == 1


def test_a_ladder_alone_has_no_table_of_controls(build: Build) -> None:
    findings = build(options={"controls": ["smaller"]}).findings
    assert b"<h3>Controls</h3>" not in html.render(findings)
    assert b"| Control |" not in markdown.render(findings)
