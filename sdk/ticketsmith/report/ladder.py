"""The ladder in a report: is a smaller dense network as good as the ticket, in no more time? Then take that."""

import json
from itertools import pairwise
from math import log
from typing import NamedTuple

from ..lottery.metric import Metric
from ..lottery.results import RungSpeed, Speed, SpeedRow, Verdict
from .arms import ARMS
from .bound import against
from .findings import Climbed, Findings
from .numbers import NONE, bounds, change, headed, milliseconds, scored, times, unit
from .opponents import row_of
from .table import Table

NOTE = (
    "Dense 1/2x, 1x and 2x are dense networks with so many times the ticket's weights, trained from scratch on the "
    "same examples in the same order; long: with as many updates as dense and every round up to the target together, "
    "its learning rate stretched over them. Each is timed by the fp32 back-end that is fastest for it."
)
TAKE = "take that"


class Step(NamedTuple):
    """An arm of the ladder with its verdict, and its speed in the headline's batch where it was timed."""

    arm: Climbed
    verdict: Verdict
    speed: RungSpeed | None

    @property
    def name(self) -> str:
        return ARMS[self.arm.arm].name

    @property
    def as_fast(self) -> bool:
        """It is not surely slower than what was chosen for the ticket."""
        return self.speed is not None and self.speed.ticket.high >= 1

    def surely_worse(self, metric: Metric) -> bool:
        """The ticket is surely better; one replicate has no interval to say so, or not."""
        lead = self.verdict.dividend
        worst = against(metric, lead).value if lead else None
        return worst is None or metric.harm(worst) < 0


def steps(findings: Findings) -> list[Step]:
    """The arms that were judged at the target, smallest first."""
    size = findings.speed.headline.batch_size if findings.speed else None
    rows = {row.rung: row for row in (findings.speed.rungs if findings.speed else []) if row.batch_size == size}
    judged = ((arm, findings.verdict(arm.arm, findings.target)) for arm in findings.ladder)
    return [Step(arm, verdict, rows.get(arm.rung)) for arm, verdict in judged if verdict]


def taken(findings: Findings) -> Step | None:
    """The smaller dense network to take instead of the ticket: it passes the gate, in no more time; the best such."""
    ticket = findings.verdict("ticket", findings.target)
    if ticket is None or ticket.status == "INVALID":
        return None
    return _best(findings, [step for step in steps(findings) if step.as_fast and step.verdict.status == "PASS"])


def doubted(findings: Findings) -> Step | None:
    """The one that is open where none is to be taken: no slower than a ticket that passes, and not surely worse."""
    ticket = findings.verdict("ticket", findings.target)
    if ticket is None or ticket.status != "PASS" or taken(findings):
        return None
    every = (step for step in steps(findings) if step.as_fast)
    return _best(findings, [step for step in every if not step.surely_worse(findings.metric)])


def instead(findings: Findings) -> str:
    """A clause for the decision: the network to take instead, or what is open about one; else nothing."""
    if step := taken(findings):
        good = "good enough" if step.surely_worse(findings.metric) else "as good"
        return f"a smaller dense network is {good} and no slower: {TAKE} ({_facts(step)})"
    if step := doubted(findings):
        needed = step.verdict.replicates_needed
        more = f", which about {needed} replicates are likely to settle" if needed else ""
        return f"a smaller dense network is no slower and not surely worse, so that it is open{more} ({_facts(step)})"
    return ""


def _facts(step: Step) -> str:
    assert step.speed is not None, "it was timed"
    options = ", ".join(f"{name}={json.dumps(value)}" for name, value in step.arm.options.items())
    speed = f"{times(step.speed.ticket.ratio)} the ticket's speed at batch {step.speed.batch_size}"
    facts = (step.name, f"{step.verdict.kept:,} weights", options, speed, step.verdict.status)
    return ", ".join(fact for fact in facts if fact)


def remarks(findings: Findings) -> list[str]:
    """The networks that were in question, and what they lack; the one of equal time; the smallest that passes."""
    every = steps(findings)
    sentences = [] if instead(findings) or not every else [_answer(findings, every)]
    sentences += [*_equal_time(findings), *_passing(every)] if every else []
    return [" ".join(sentences)] if sentences else []


def _answer(findings: Findings, every: list[Step]) -> str:
    """The reason why none is to be taken."""
    if not (timed := [(step, step.speed) for step in every if step.speed]):
        return "Smaller dense networks were not timed."
    if best := _best(findings, [step for step in every if step.as_fast]):
        told = _told(best, findings.metric)
        if best.verdict.dividend is None or best.verdict.dividend.low is None:
            return f"One replicate does not show whether a smaller dense network is as good: the best as fast, {told}."
        return f"No smaller dense network that is as fast as the ticket is as good: the best, {told}."
    step, speed = max(timed, key=lambda pair: pair[1].ticket.ratio)
    return (
        f"No smaller dense network is as fast as the ticket: {step.name}, with {step.verdict.kept:,} weights, has "
        f"{times(speed.ticket.ratio)} of its speed ({speed.backend}, batch {speed.batch_size})."
    )


def _best(findings: Findings, among: list[Step]) -> Step | None:
    return min(among, key=lambda step: findings.metric.harm(step.verdict.score.mean), default=None)


def _told(step: Step, metric: Metric) -> str:
    lead = step.verdict.dividend
    ahead = f"; the ticket minus it is {change(metric, lead.mean)}{unit(metric)} {bounds(metric, lead)}" if lead else ""
    return f"{step.name} with {step.verdict.kept:,} weights, has {scored(metric, step.verdict.score)}{ahead}"


def _passing(every: list[Step]) -> list[str]:
    """The smallest network that passes, and its speed where it was timed."""
    passed = [step for step in every if step.verdict.status == "PASS"]
    if not passed:
        return []
    least = min(passed, key=lambda step: step.verdict.kept)
    speed = f", at {times(least.speed.ticket.ratio)} of the ticket's speed" if least.speed else ""
    return [f"The smallest dense network that passes has {least.verdict.kept:,} weights ({least.name}){speed}."]


def _equal_time(findings: Findings) -> list[str]:
    weights = equal_time(findings)
    if weights is None:
        return []
    ticket = findings.verdict("ticket", findings.target)
    share = f", {times(weights / ticket.kept)} the ticket's," if ticket else ""
    return [f"Read off between those timed, one of about {weights:,.0f} weights{share} would take the ticket's time."]


def equal_time(findings: Findings) -> float | None:
    """Weights of the dense network that would take the ticket's time, on a line between neighbours, in logarithms.

    None where no two that were timed have the ticket's time between them, or lie too near to each other to tell.
    """
    if findings.speed is None or findings.shown is None:
        return None
    row, prunable = findings.speed.headline, findings.shown.prunable
    known = sorted({(rung.weights, rung.p50) for rung in findings.speed.rungs if rung.batch_size == row.batch_size})
    known.append((prunable, dense(findings.speed).p50))
    for (few, quick), (many, slow) in pairwise(known):
        if quick <= row.p50 <= slow and quick < slow:
            share = log(row.p50 / quick) / log(slow / quick)
            return float(few * (many / few) ** share)
    return None


def dense(speed: Speed) -> SpeedRow:
    """The task's own network in the headline's batch, by the back-end that is fastest in fp32."""
    return row_of(speed, speed.opponent(speed.headline.batch_size))


def table(findings: Findings) -> Table:
    """A row for each arm of the ladder."""
    metric = findings.metric
    heads = ["Network", "Weights", "Updates", f"Test {metric.name}", headed("Ticket minus it", metric.change_unit)]
    heads += ["ms a call", "To the ticket", "To dense", "Back-end", "Verdict", "Options"]
    rows = [
        [
            step.name,
            f"{step.verdict.kept:,}",
            f"{step.arm.updates:,}",
            scored(metric, step.verdict.score),
            f"{change(metric, lead.mean)} {bounds(metric, lead)}" if (lead := step.verdict.dividend) else NONE,
            *_timed(step.speed),
            step.verdict.status,
            ", ".join(f"{name}: {json.dumps(value)}" for name, value in step.arm.options.items()),
        ]
        for step in steps(findings)
    ]
    return Table(heads=heads, numeric=[False, *[True] * 7, False, False, False], rows=rows)


def _timed(speed: RungSpeed | None) -> list[str]:
    if speed is None:
        return [NONE] * 4
    ratios = (f"{times(ratio.ratio)} [{ratio.low:.2f}, {ratio.high:.2f}]" for ratio in (speed.ticket, speed.dense))
    return [milliseconds(speed.p50), *ratios, speed.backend]
