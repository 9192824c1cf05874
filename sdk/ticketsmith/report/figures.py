"""The key numbers, each with its interval, its n, and the conditions it holds under."""

from ..lottery.results import Record
from .bound import against
from .findings import Findings
from .numbers import NONE, capital, change, level_of, removed, times, unit
from .opponents import of_another_precision
from .speed import NO_GAIN, NOT_MEASURED, conditions, gain, label


class Figure(Record):
    """A number in words, large, and beneath it what it rests on."""

    name: str
    value: str
    basis: str


def figures(findings: Findings) -> list[Figure]:
    """The four numbers that a decision rests on, at the level the scorecard shows."""
    return [_change(findings), _weights(findings), _speed(findings), _replicates(findings)]


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
    basis = f"{bound}, margin {margin}, n = {len(verdict.replicates)}"
    return Figure(name=name, value=f"{change(metric, verdict.difference.mean)}{unit(metric)}", basis=basis)


def _weights(findings: Findings) -> Figure:
    verdict = findings.shown
    if verdict is None:
        asked = removed(findings.spec.pruning.sparsity)
        return Figure(name="Weights removed", value=NONE, basis=f"the spec asks for {asked}")
    late = "" if verdict.level == findings.target else f"at level {verdict.level}, the last one judged: "
    basis = f"{late}{verdict.prunable - verdict.kept:,} of {verdict.prunable:,}, counted from the mask; {verdict.kept:,} are left"
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


def _replicates(findings: Findings) -> Figure:
    lost = len({each.replicate for each in findings.diverged})
    arms = 2 + len(findings.controls) + len(findings.ladder)
    basis = f"of each of {arms} arms; {lost or 'none'} diverged"
    count = len(findings.shown.replicates) if findings.shown else findings.spec.replicates
    return Figure(name="Replicates", value=str(count), basis=basis)
