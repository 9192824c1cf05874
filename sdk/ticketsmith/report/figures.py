"""The key numbers, each with its interval, its n, and the conditions it holds under."""

from ..lottery.results import Record
from .findings import Findings
from .numbers import NONE, level_of, points, removed, times
from .speed import NO_GAIN, NOT_MEASURED, conditions, gain


class Figure(Record):
    """A number in words, large, and beneath it what it rests on."""

    name: str
    value: str
    basis: str


def figures(findings: Findings) -> list[Figure]:
    """The four numbers that a decision rests on, at the level the scorecard shows."""
    return [_change(findings), _weights(findings), _speed(findings), _replicates(findings)]


def _change(findings: Findings) -> Figure:
    verdict = findings.shown
    name = "Accuracy against dense"
    if verdict is None:
        return Figure(name=name, value=NONE, basis="no level has been judged")
    margin, low = points(-verdict.margin), verdict.difference.low
    bound = (
        f"one-sided {level_of(verdict.confidence)} lower bound {points(low)}"
        if low is not None
        else "no bound from one"
    )
    basis = f"{bound}, margin {margin}, n = {len(verdict.replicates)}"
    return Figure(name=name, value=f"{points(verdict.difference.mean)} points", basis=basis)


def _weights(findings: Findings) -> Figure:
    verdict = findings.shown
    if verdict is None:
        asked = removed(findings.spec.pruning.sparsity)
        return Figure(name="Weights removed", value=NONE, basis=f"the spec asks for {asked}")
    late = "" if verdict.level == findings.target else f"at level {verdict.level}, the last one judged: "
    basis = f"{late}{verdict.prunable - verdict.kept:,} of {verdict.prunable:,}, counted from the mask; {verdict.kept:,} are left"
    return Figure(name="Weights removed", value=removed(verdict.sparsity), basis=basis)


def _speed(findings: Findings) -> Figure:
    speed, name = findings.speed, "Throughput against dense"
    if speed is None:
        return Figure(name=name, value=NOT_MEASURED, basis="the benchmark has not run")
    row = speed.headline
    value = times(row.ratio) if gain(speed) else NO_GAIN
    interval = f"measured {times(row.ratio)}, 95\N{NO-BREAK SPACE}% interval [{row.low:.2f}, {row.high:.2f}]"
    return Figure(name=name, value=value, basis=f"{interval}, {conditions(speed)}")


def _replicates(findings: Findings) -> Figure:
    lost = len({each.replicate for each in findings.diverged})
    arms = 2 + len(findings.spec.controls)
    basis = f"of each of {arms} arms; {lost or 'none'} diverged"
    count = len(findings.shown.replicates) if findings.shown else findings.spec.replicates
    return Figure(name="Replicates", value=str(count), basis=basis)
