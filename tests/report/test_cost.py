"""Every figure in dollars is recomputed here from what it is made of: speed.json, timing.json and the prices."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ticketsmith.ledger import Ledger
from ticketsmith.lottery.price import Rate, Rates
from ticketsmith.lottery.results import Ratio, Served, ServedRow, Summary
from ticketsmith.lottery.steps import Benchmark, Step, Train
from ticketsmith.report import bill, collect
from ticketsmith.report.cost import cost
from ticketsmith.report.decision import remarks
from ticketsmith.report.html import render as html
from ticketsmith.report.json import render as as_json
from ticketsmith.report.limits import limits
from ticketsmith.report.markdown import render as markdown
from ticketsmith.runs import steps

from .conftest import Run

DOLLARS, CORES = 0.36, 2
SERVE = Rate(name="small", date="2026-11-30", dollars_per_hour=DOLLARS)
SEARCH = Rate(name="large", date="2026-11-30", dollars_per_hour=8.0, cores=4, gpus=2)
RATES = Rates(serve=SERVE, search=SERVE, per_day=1e6)
SECONDS = {"dense": 4e-3, "dense-int8": 2e-3, "ticket": 1e-3, "ticket-int8": 1.5e-3}


def served(unit: str = "token", **changed: Any) -> Served:
    """Rows of every arm; `changed` seconds of some, None: the arm was not timed."""
    seconds = {arm: s for arm, s in (SECONDS | {k.replace("_", "-"): v for k, v in changed.items()}).items() if s}
    backends = {"dense-int8": "small", "ticket-int8": "ticket-int8"}

    def row(arm: str) -> ServedRow:
        others = [to for to in seconds if "ticket" not in to and to != arm]
        ratios = [Ratio(to=to, ratio=(r := seconds[to] / seconds[arm]), low=0.9 * r, high=1.1 * r) for to in others]
        one = Summary(mean=seconds[arm], se=None, low=0.95 * seconds[arm], high=1.05 * seconds[arm], n=4)
        return ServedRow(
            arm=arm, backend=backends.get(arm, "runtime"), seconds=one, ratios=ratios, bytes=1000, joules=0.002
        )

    how = "32 tokens after a prompt of 16"
    return Served(unit=unit, batch_size=1, how=how, rows=[row(arm) for arm in seconds])  # type: ignore[arg-type]


def priced(run: Run, rates: Rates = RATES) -> Any:
    found = cost(collect(run.ledger, run.spec, run.card, rates))
    assert found
    return found


INT8 = {"int8": (0.9, 0.8, 1.0), "int8_ticket": 1.2}


def test_nothing_is_priced_without_a_price(build: Callable[..., Run]) -> None:
    run = build(served=served())
    assert cost(run.findings) is None and json.loads(as_json(run.findings))["cost"] is None
    assert b"<h2>Cost</h2>" not in html(run.findings) and b"### Cost" not in markdown(run.findings)


@pytest.mark.parametrize(("unit", "per"), [("token", 1e6), ("image", 1e3), ("inference", 1e6)])
def test_every_figure_of_a_report_follows_from_its_inputs(build: Callable[..., Run], unit: str, per: float) -> None:
    run = build(served=served(unit), **INT8)
    rates = RATES.model_copy(update={"search": SEARCH})
    report = json.loads(as_json(collect(run.ledger, run.spec, run.card, rates)))["cost"]
    every = steps(run.ledger, run.spec)
    speed = next(_read(run.ledger, step, "speed.json") for step in every if isinstance(step, Benchmark))
    threads, found = speed["machine"]["threads"], speed["served"]
    assert speed["machine"]["device"].startswith("cpu") and speed["machine"]["cores"] == CORES
    replicas, second = max(1, CORES // threads), report["rates"]["serve"]["dollars_per_hour"] / 3600
    assert [arm["arm"] for arm in report["arms"]] == [row["arm"] for row in found["rows"]]
    for arm, row in zip(report["arms"], found["rows"], strict=True):
        assert arm["replicas"] == replicas and arm["units_per_second"] == pytest.approx(1 / row["seconds"]["mean"])
        for end in ("mean", "low", "high"):
            assert arm["dollars"][end] == pytest.approx(second / replicas * row["seconds"][end] * per)
        assert (arm["bytes"], arm["joules"]) == (row["bytes"], pytest.approx(1000 * row["joules"]))
    trained = [step for step in every if isinstance(step, Train)]
    hours = dict.fromkeys(("dense", "ticket", "reinit"), 0.0)
    for step in trained:
        hours[step.arm] += sum(_read(run.ledger, step, "timing.json")["seconds"]) / 3600
    hour = SEARCH.dollars_per_hour / SEARCH.cores  # type: ignore[operator]
    search = report["search"]
    assert {each["arm"]: each["core_seconds"] / 3600 for each in search["spent"]} == pytest.approx(hours)
    assert search["dollars"] == pytest.approx([hours[each["arm"]] * hour for each in search["spent"]])
    assert search["total"] == pytest.approx(sum(hours.values()) * hour)
    assert search["core_hours"] == pytest.approx(sum(hours.values())) and search["gpu_hours"] == 0
    rows, paid = {row["arm"]: row for row in found["rows"]}, report["payback"]
    assert (paid["ticket"], paid["over"]) == ("ticket", "dense-int8")
    ratio = next(each for each in rows["ticket"]["ratios"] if each["to"] == "dense-int8")
    assert paid["speed"] == {"mean": ratio["ratio"], "low": ratio["low"], "high": ratio["high"]}
    theirs = {end: second / replicas * rows["dense-int8"]["seconds"][end] for end in ("mean", "low", "high")}
    corners = [theirs[one] * (1 - 1 / ratio[other]) for one in ("low", "high") for other in ("low", "high")]
    saved = {"mean": theirs["mean"] * (1 - 1 / ratio["ratio"]), "low": min(corners), "high": max(corners)}
    ours = second / replicas * rows["ticket"]["seconds"]["mean"]
    assert saved["mean"] == pytest.approx(theirs["mean"] - ours)
    for end, other in (("mean", "mean"), ("low", "high"), ("high", "low")):
        assert paid["saved"][end] == pytest.approx(saved[end])
        assert paid["units"][other] == pytest.approx(search["total"] / saved[end])
        assert paid["days"][other] == pytest.approx(search["total"] / saved[end] / 1e6)


def _read(ledger: Ledger, step: Step, name: str) -> Any:
    return json.loads(ledger.read(step, name))


def test_the_formulas_stand_in_the_json(build: Callable[..., Run]) -> None:
    found = priced(build(served=served()))
    assert set(found.formulas) == {"replicas", "dollars", "search", "saved", "break_even", "days"}
    arm, search, rates = found.arms[0], found.search, found.rates
    given = {"serve": rates.serve, "replicas": arm.replicas, "seconds": arm.seconds.mean, "per": found.per}
    assert eval(found.formulas["dollars"], given) == pytest.approx(arm.dollars.mean)
    given = {"search": rates.search, "core_hours": search.core_hours, "gpu_hours": search.gpu_hours}
    given |= {"cores": search.cores, "gpus": rates.search.gpus}
    assert eval(found.formulas["search"], given) == pytest.approx(search.total)


def test_the_sentence(build: Callable[..., Run]) -> None:
    said = bill.sentence(priced(build(served=served(), **INT8)))
    assert said.startswith(
        "A million tokens cost $0.200 dense in fp32, $0.100 dense in int8, $0.0500 as a ticket, $0.0750 as a ticket in "
        "int8; the search cost $"
    )
    assert "has paid for itself after " in said and "as a ticket instead of dense in int8, that is " in said
    assert said.endswith("days at 1,000,000 tokens a day.")


def test_a_thousand_images_are_priced(build: Callable[..., Run]) -> None:
    assert bill.sentence(priced(build(served=served("image")))).startswith("A thousand images cost $0.000200 dense")


@pytest.mark.parametrize("status", ["FAIL", "UNDECIDED"])
def test_a_ticket_that_does_not_pass_saves_nothing(build: Callable[..., Run], status: str) -> None:
    found = priced(build(served=served(ticket_int8=None), statuses=("PASS", "PASS", status)))
    assert found.payback is None and f"ticket is {status}" in (found.unpaid or "")
    assert "has not paid for itself: no ticket passes the gate" in bill.sentence(found)


def test_dense_in_int8_that_is_cheaper_is_never_caught_up_with(build: Callable[..., Run]) -> None:
    found = priced(build(served=served(dense_int8=0.5e-3), **INT8))
    assert found.payback and (found.payback.over, found.payback.units) == ("dense-int8", None)
    assert "never pays for itself: dense in int8 is no dearer than a ticket" in bill.sentence(found)


def test_dense_in_int8_that_fails_is_no_opponent(build: Callable[..., Run]) -> None:
    found = priced(build(served=served(dense_int8=0.5e-3), int8=(0.9, 0.8, 1.0), int8_status="FAIL"))
    assert found.payback and found.payback.over == "dense"


def test_dense_in_int8_that_nobody_judged_is_one(build: Callable[..., Run]) -> None:
    found = priced(build(served=served()))
    assert found.arm("dense-int8").status == "not judged" and found.payback.over == "dense-int8"


def test_a_ticket_in_int8_saves_by_a_verdict_of_its_own(build: Callable[..., Run]) -> None:
    found = priced(build(served=served(ticket_int8=0.5e-3), statuses=("PASS", "PASS", "FAIL"), **INT8))
    assert found.arm("ticket").status == "FAIL" and found.payback and found.payback.ticket == "ticket-int8"


def test_an_unknown_arm_is_an_opponent_under_its_own_name(build: Callable[..., Run]) -> None:
    found = priced(build(served=served(smaller=0.9e-3)))
    assert found.payback and found.payback.over == "smaller" and "the ticket's weights" in bill.sentence(found)


def test_a_saving_that_is_not_sure_may_never_pay(build: Callable[..., Run]) -> None:
    found = priced(build(served=served(ticket=1.95e-3)))
    assert found.payback and found.payback.units and found.payback.units.high is None
    assert "may pay for itself after about" in (said := bill.sentence(found)) and "perhaps never]" in said


def test_one_repetition_has_no_interval(build: Callable[..., Run]) -> None:
    alone = served(dense_int8=None)
    bare = {"low": None, "high": None, "n": 1}
    rows = [row.model_copy(update={"seconds": row.seconds.model_copy(update=bare)}) for row in alone.rows]
    found = priced(build(served=alone.model_copy(update={"rows": rows})))
    assert found.payback and found.payback.units and (found.payback.units.low, found.payback.units.high) == (None, None)
    assert "has paid for itself after" in (said := bill.sentence(found)) and "[" not in said


def test_a_run_without_a_benchmark_says_what_the_search_took(build: Callable[..., Run]) -> None:
    found = priced(build(missing=lambda step: isinstance(step, Benchmark)))
    assert (found.unit, found.arms, found.payback, found.search.total) == (None, [], None, None)
    assert found.search.core_hours > 0 and "no speed was measured" in bill.sentence(found)
    rates = Rates(serve=SEARCH, search=SEARCH)
    assert priced(build(missing=lambda step: isinstance(step, Benchmark)), rates).search.total > 0


def test_a_speed_that_knows_no_unit_is_not_priced(build: Callable[..., Run]) -> None:
    assert "a version that knew no unit" in bill.sentence(priced(build()))


def test_hours_on_a_gpu_are_priced_by_the_gpu(build: Callable[..., Run]) -> None:
    run = build(served=served(), options={"training": {"device": "cuda", "steps": 360}})
    found = priced(run, Rates(serve=SERVE, search=SEARCH))
    assert found.search.core_hours == 0 and found.search.gpu_hours > 0
    assert found.search.total == pytest.approx(found.search.gpu_hours * 8.0 / 2)


def test_arms_on_a_gpu_and_on_cores_are_held_against_each_other_in_dollars(build: Callable[..., Run]) -> None:
    mixed = served(dense_int8=None, ticket_int8=None)
    rows = [row.model_copy(update={"device": "a GPU"}) if row.arm == "dense" else row for row in mixed.rows]
    found = priced(build(served=mixed.model_copy(update={"rows": rows})))
    assert [arm.replicas for arm in found.arms] == [1, 2] and found.payback
    assert found.payback.saved.mean == pytest.approx(DOLLARS / 3600 * (4e-3 - 1e-3 / 2))
    assert found.payback.saved.low == pytest.approx(0.95 * DOLLARS / 3600 * 4e-3 * (1 - 0.5 / (0.9 * 4)))


def test_prices_are_part_of_a_report_and_not_of_the_run(build: Callable[..., Run]) -> None:
    run = build(served=served(), **INT8)
    dear = RATES.model_copy(update={"serve": SERVE.model_copy(update={"dollars_per_hour": 1.0})})
    reports = [collect(run.ledger, run.spec, run.card, rates) for rates in (None, RATES, dear)]
    assert len({findings.digest for findings in reports}) == 3 and len({findings.run_id for findings in reports}) == 1


def test_it_stands_in_every_report(build: Callable[..., Run]) -> None:
    run = build(served=served(), words="<b>*x*</b>", **INT8)
    findings = collect(run.ledger, run.spec, run.card, RATES)
    page, text = html(findings).decode(), markdown(findings).decode()
    assert "<h2>Cost</h2>" in page and "A million tokens cost" in page and "<b>*x*" not in page
    assert "### Cost" in text and "A million tokens cost" in text and "$0.200" in text
    document, said = json.loads(as_json(findings)), bill.sentence(cost(findings))  # type: ignore[arg-type]
    assert document["cost"]["sentence"] == said == document["decision"]["remarks"][-1]


def test_a_run_that_is_not_finished_has_a_cost_all_the_same(build: Callable[..., Run]) -> None:
    run = build(missing=lambda step: step.level > 0)
    rates = Rates(serve=SEARCH, search=SEARCH)
    assert "the search cost $" in remarks(collect(run.ledger, run.spec, run.card, rates))[-1]


def test_energy_that_was_not_measured_is_said(build: Callable[..., Run]) -> None:
    silent = served()
    rows = [row.model_copy(update={"joules": None}) for row in silent.rows]
    found = priced(build(served=silent.model_copy(update={"rows": rows})))
    assert {row[-1] for row in bill.arms(found).rows} == {"not measured"}


def test_what_no_section_tells_is_a_limit(build: Callable[..., Run]) -> None:
    def untold(run: Run, rates: Rates | None = RATES) -> list[str]:
        every = limits(collect(run.ledger, run.spec, run.card, rates))
        return [each for each in every if "nergy" in each]

    assert untold(build(served=served()), None) == [
        "Memory, energy and cost are told at a price alone, and none was given."
    ]
    assert untold(build(served=served())) == []
    dark = served()
    rows = [row.model_copy(update={"joules": None}) for row in dark.rows]
    assert untold(build(served=dark.model_copy(update={"rows": rows}))) == ["Energy was not measured."]
