"""The answer in one sentence: adopt the ticket, do not, or which evidence is missing."""

from typing import Literal

from ..lottery.metric import NATS, Metric
from ..lottery.results import Record, Speed, Verdict
from . import ladder, serving
from .arms import ARMS
from .bill import sentence
from .bound import Bound, against, exceeds, favouring
from .cost import cost
from .evidence import few, look, more, tails, tried
from .findings import Findings
from .numbers import change, level_of, minus, removed, times, unit
from .opponents import faster, gained, in_fp32, of_another_precision
from .speed import gain, label
from .zones import zones

ONE = "One replicate: the verdict is about these two networks, and rests on test examples alone."


class Decision(Record):
    """The advice, and why."""

    word: Literal["ADOPT", "DO NOT ADOPT", "INCONCLUSIVE", "INVALID"]
    sparsity: float
    """The share of weights removed that the decision is about."""
    why: str

    @property
    def headline(self) -> str:
        return f"{self.word} at {removed(self.sparsity)}"

    @property
    def sentence(self) -> str:
        return f"{self.headline}: {self.why}."


def decide(findings: Findings) -> Decision:
    """The decision at the target sparsity. Only a gate's PASS there adopts."""
    verdict = findings.verdict("ticket", findings.target)
    if verdict is None:
        return _unjudged(findings)
    if verdict.status == "PASS":
        but = f"; but {better}" if (better := instead(findings)) else ""
        return Decision(word="ADOPT", sparsity=verdict.sparsity, why=_passed(verdict, findings.metric) + but)
    if verdict.status == "INVALID":
        return Decision(word="INVALID", sparsity=verdict.sparsity, why=minus(verdict.reason))
    if verdict.status == "FAIL":
        why = _failed(verdict, findings.metric) + _diverged(findings, verdict.level) + _fallback(findings)
        why += _smaller(findings)
        return Decision(word="DO NOT ADOPT", sparsity=verdict.sparsity, why=why)
    why = _undecided(verdict, findings) + _fallback(findings) + _smaller(findings)
    return Decision(word="INCONCLUSIVE", sparsity=verdict.sparsity, why=why)


def remarks(findings: Findings) -> list[str]:
    """Facts that a reader of the decision must know beside it; the last is what all that costs, at a price."""
    priced = cost(findings)
    return [*_beside(findings), *([sentence(priced)] if priced else [])]


def _beside(findings: Findings) -> list[str]:
    verdict = findings.verdict("ticket", findings.target)
    if verdict is None or verdict.status == "INVALID":
        return []
    sentences = [look(findings, verdict)] if verdict.looks > 1 else []
    if findings.tries:
        sentences.append(tried(findings))
    if verdict.alone:
        sentences.append(ONE)
    if verdict.status == "PASS":
        if findings.sparsest > findings.target:
            sentences = [*filter(None, [zones(findings.arm("ticket")).sentence]), *sentences]
        sentences += [words] if (words := tails(findings.metric, verdict)) else []
        sentences += serving.remark(findings)
        sentences += [_passes(findings.speed, serving.unit(findings) is not None)] if findings.speed else []
        sentences += _passing_controls(findings)
        sentences += ladder.remarks(findings)
    return sentences


def instead(findings: Findings) -> str:
    """The networks to take instead of a ticket that passes, or what is open about one; else nothing."""
    return "; and ".join(filter(None, [serving.quantize(findings), ladder.instead(findings)]))


def _smaller(findings: Findings) -> str:
    return f"; {words}" if (words := ladder.instead(findings)) else ""


def _passing_controls(findings: Findings) -> list[str]:
    judged = [(arm, findings.verdict(arm, findings.target)) for arm in findings.controls]
    return [
        f"The {arm} control passes as well: this run does not show {ARMS[arm].unshown}."
        for arm, control in judged
        if control and control.status == "PASS"
    ]


def _passes(speed: Speed, alone: bool) -> str:
    """Forward passes: said to be that, and without advice, where something else is what counts."""
    claim = _time(speed, advises=not alone) + gained(speed)
    return f"In forward passes {claim[0].lower()}{claim[1:]}" if alone else claim


def _time(speed: Speed, advises: bool) -> str:
    """Time against fp32, and against the best dense one of any precision."""
    row = speed.headline
    if not gain(speed):
        return "It saves weights, not time: no speed-up was measured." + faster(speed, advises)
    claim = f"It saves time: {times(row.ratio)} the throughput of {in_fp32(speed)}"
    best, at = of_another_precision(speed), f", at batch {row.batch_size}."
    if best is None or best.high < 1:
        return claim + at + faster(speed, advises)
    beside = f"{times(best.ratio)} that of {label(speed, best.to)}, the best of any precision"
    return f"{claim}, and {beside}{at}"


def _unjudged(findings: Findings) -> Decision:
    """No verdict at the target: the rounds were stopped, a training diverged, or the run is not finished."""
    sparsity = findings.spec.pruning.sparsity
    stopped = findings.verdict("ticket", findings.stopped_at) if findings.stopped_at else None
    if stopped:
        why = f"the rounds ended at {removed(stopped.sparsity)}, where {_failed(stopped, findings.metric)}"
        why += _diverged(findings, stopped.level) + _fallback(findings)
        return Decision(word="DO NOT ADOPT", sparsity=sparsity, why=why)
    if lost := _diverged(findings, findings.target):
        why = "nothing can be concluded" + lost + _fallback(findings)
        return Decision(word="DO NOT ADOPT", sparsity=sparsity, why=why)
    done, all_steps = len(findings.inputs), len(findings.inputs) + len(findings.missing)
    why = f"the run is not finished, {done} of {all_steps} steps are done and the gate at this level is missing"
    return Decision(word="INCONCLUSIVE", sparsity=sparsity, why=why + _fallback(findings))


def _passed(verdict: Verdict, metric: Metric) -> str:
    worst = against(metric, verdict.difference)
    bound = f", at worst by {change(metric, worst.value)}" if worst.value is not None else ""
    return (
        f"with {verdict.kept:,} of {verdict.prunable:,} weights left, {metric.name} changes by "
        f"{change(metric, verdict.difference.mean)}{unit(metric)}{bound} ({_sure(verdict)}), and "
        f"{_edge(metric, verdict.margin)} is allowed"
    )


def _failed(verdict: Verdict, metric: Metric) -> str:
    best = favouring(metric, verdict.difference)
    if exceeds(metric, best, verdict.margin):
        return _beyond(metric.name, verdict.difference.mean, best, verdict.margin, metric, verdict)
    loss, margin = verdict.loss_difference, verdict.loss_margin
    if margin is not None and exceeds(NATS, least := favouring(NATS, loss), margin):
        return _beyond("test loss", loss.mean, least, margin, NATS, verdict)
    return f"the gate says {minus(verdict.reason).rstrip('.')}"


def _beyond(name: str, mean: float, bound: Bound, margin: float, metric: Metric, verdict: Verdict) -> str:
    assert bound.value is not None, "it lies beyond the margin"
    return (
        f"{name} changes by {change(metric, mean)}{unit(metric)}, at best by {change(metric, bound.value)} "
        f"({_sure(verdict)}), and {_edge(metric, margin)} is allowed"
    )


def _undecided(verdict: Verdict, findings: Findings) -> str:
    """The evidence that is missing: how wide the bounds are against the margin, and what makes them wide."""
    difference, metric = verdict.difference, findings.metric
    if difference.low is None or difference.high is None:
        return "one replicate has no spread over training seeds, so that there is no bound; at least two are needed"
    if few(metric, verdict):
        return minus(verdict.reason)
    if exceeds(metric, against(metric, difference), verdict.margin):
        source = "training seeds" if (difference.se_replicates or 0) >= difference.se_items else "test examples"
        return (
            f"the change of {metric.name} lies between {change(metric, difference.low)} and "
            f"{change(metric, difference.high)}{unit(metric)} ({_sure(verdict)}), on both sides of the "
            f"{_edge(metric, verdict.margin)} that is allowed, mostly for the spread over {source}; "
            f"{more(verdict, findings)}"
        )
    return f"the gate says {minus(verdict.reason).rstrip('.')}"


def _sure(verdict: Verdict) -> str:
    """The confidence of each bound, and the replicates that it rests on."""
    return f"{level_of(verdict.confidence)} confidence, n = {len(verdict.replicates)}"


def _edge(metric: Metric, margin: float) -> str:
    """The margin as a change: the most that a ticket may lose."""
    return change(metric, metric.harm(margin))


def _diverged(findings: Findings, level: int) -> str:
    """Replicates of dense and ticket that were lost up to a level."""
    lost = {d.replicate for d in findings.diverged if d.arm in ("dense", "ticket") and d.level <= level}
    if not lost:
        return ""
    return f"; training diverged in replicate{'s' * (len(lost) > 1)} {', '.join(str(r) for r in sorted(lost))}"


def _fallback(findings: Findings) -> str:
    safe = zones(findings.arm("ticket")).safe
    return f"; every level up to {removed(safe.sparsity)} passed" if safe else ""
