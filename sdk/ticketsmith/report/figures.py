"""The key numbers, each with its interval, its n, and the conditions it holds under."""

from ..lottery.results import Record
from . import serving
from .accounts import ticket
from .bill import MANY, NAMES, searched
from .bound import against
from .cost import cost
from .findings import Findings
from .numbers import NONE, capital, change, dollars, level_of, removed, roughly, times, unit
from .opponents import of_another_precision
from .speed import NO_GAIN, NOT_MEASURED, conditions, gain, label


class Figure(Record):
    """A number in words, large, and beneath it what it rests on."""

    name: str
    value: str
    basis: str


def figures(findings: Findings) -> list[Figure]:
    """The four numbers that a decision rests on, at the level the scorecard shows."""
    return [_change(findings), _weights(findings), _served(findings) or _speed(findings), _money(findings)]


def _change(findings: Findings) -> Figure:
    verdict, metric = findings.shown, findings.metric
    name = f"{capital(metric.name)} against dense"
    if verdict is None:
        return Figure(name=name, value=NONE, basis="no level has been judged")
    margin, worst = change(metric, metric.harm(verdict.margin)), against(metric, verdict.difference)
    bound = (
        f"one-sided {level_of(verdict.confidence)} {worst.side} bound {change(metric, worst.value)}"
        if worst.value is not None
        else "no bound from one"
    )
    lost = len({divergence.replicate for divergence in findings.diverged})
    diverged = f"; {lost} diverged" if lost else ""
    basis = f"{bound}, margin {margin}, n = {len(verdict.replicates)}{diverged}"
    return Figure(name=name, value=f"{change(metric, verdict.difference.mean)}{unit(metric)}", basis=basis)


def _weights(findings: Findings) -> Figure:
    verdict = findings.shown
    if verdict is None:
        asked = removed(findings.spec.pruning.sparsity)
        return Figure(name="Weights removed", value=NONE, basis=f"the spec asks for {asked}")
    late = "" if verdict.level == findings.target else f"at level {verdict.level}, the last one judged: "
    gone = f"{verdict.prunable - verdict.kept:,} of {verdict.prunable:,}"
    basis = f"{late}{gone}, counted from the mask; {verdict.kept:,} are left"
    return Figure(name="Weights removed", value=removed(verdict.sparsity), basis=basis)


def _speed(findings: Findings) -> Figure:
    speed, name = findings.speed, "Throughput against dense fp32"
    if speed is None:
        return Figure(name=name, value=NOT_MEASURED, basis="the benchmark has not run")
    row = speed.headline
    value = times(row.ratio) if gain(speed) else NO_GAIN
    interval = f"measured {times(row.ratio)}, 95\N{NO-BREAK SPACE}% interval [{row.low:.2f}, {row.high:.2f}]"
    best = of_another_precision(speed)
    beside = f"; {times(best.ratio)} of {label(speed, best.to)}, the best dense one of any precision" if best else ""
    return Figure(name=name, value=value, basis=f"{interval}, {conditions(speed)}{beside}")


def _served(findings: Findings) -> Figure | None:
    """The speed of tokens or images, by the ticket that counts; None where forward passes are what is served."""
    timed = serving.unit(findings)
    mine = serving.best(timed, findings) if timed else None
    if timed is None or mine is None or (gained := timed.ratio(mine.arm, "dense")) is None:
        return None
    parts = [f"{serving.TICKETS[mine.arm]}, {roughly(1 / mine.seconds.mean)} {timed.unit}s a second"]
    if beside := timed.ratio(mine.arm, "dense-int8"):
        parts.append(f"{times(beside.ratio)} [{beside.low:.2f}, {beside.high:.2f}] of {NAMES['dense-int8']}")
    name = f"{timed.unit.capitalize()}s a second against dense fp32"
    return Figure(name=name, value=times(gained.ratio), basis="; ".join([*parts, timed.how]))


def _money(findings: Findings) -> Figure:
    """The price of a unit by the cheapest ticket, one that passes before others, and by dense."""
    priced = cost(findings)
    if priced is None:
        return Figure(name="Dollars", value="not priced", basis="give --price or --prices (docs/cost.md)")
    spent = f"the search cost {searched(priced)}"
    tickets = [arm for arm in priced.arms if ticket(arm.arm)]
    mine = min(tickets, key=lambda arm: (arm.status != "PASS", arm.dollars.mean), default=None)
    if mine is None:
        return Figure(name="Dollars", value=NONE, basis=f"{priced.unpaid}; {spent}")
    dense = [arm for arm in priced.arms if arm.arm in ("dense", "dense-int8")]
    beside = ", ".join(f"{dollars(arm.dollars.mean)} {NAMES[arm.arm]}" for arm in dense)
    name = f"{MANY[priced.per].capitalize()} {priced.unit}s"
    return Figure(name=name, value=dollars(mine.dollars.mean), basis=f"{NAMES[mine.arm]}; {beside}; {spent}")
