"""The answer in one sentence: adopt the ticket, do not, or which evidence is missing."""

from typing import Literal

from ..lottery.gate import too_few
from ..lottery.metric import ACCURACY
from ..lottery.results import Record, Speed, Verdict
from .evidence import look, more, tails, tried
from .findings import Findings
from .numbers import bounds, level_of, points, removed, signed, times
from .speed import gain, reduced
from .zones import zones


class Decision(Record):
    """What to do, and why."""

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
        return Decision(word="ADOPT", sparsity=verdict.sparsity, why=_passed(verdict))
    if verdict.status == "INVALID":
        return Decision(word="INVALID", sparsity=verdict.sparsity, why=verdict.reason)
    if verdict.status == "FAIL":
        why = _failed(verdict) + _diverged(findings, verdict.level) + _fallback(findings)
        return Decision(word="DO NOT ADOPT", sparsity=verdict.sparsity, why=why)
    return Decision(
        word="INCONCLUSIVE", sparsity=verdict.sparsity, why=_undecided(verdict, findings) + _fallback(findings)
    )


def remarks(findings: Findings) -> list[str]:
    """What a reader of the decision must know beside it."""
    verdict = findings.verdict("ticket", findings.target)
    if verdict is None or verdict.status == "INVALID":
        return []
    said = [look(findings, verdict)] if verdict.looks > 1 else []
    if findings.tries:
        said.append(tried(findings))
    if verdict.status == "PASS":
        said.append(tails(verdict))
        if findings.speed:
            said.append(_time(findings.speed))
        for arm in findings.spec.controls:
            control = findings.verdict(arm, findings.target)
            if control and control.status == "PASS":
                said.append(f"The {arm} control passes as well: {_SHOWS[arm]}.")
    return said


def _time(speed: Speed) -> str:
    if not gain(speed):
        return "It saves weights, not time: no speed-up was measured."
    row = speed.headline
    best = speed.opponent(row.batch_size)
    half = reduced(speed)
    other = f" (and {times(half[1])} that of {half[0]})" if half else ""
    at = f"at batch {row.batch_size}"
    return f"It saves time: {times(row.ratio)} the throughput of {best}, the best dense one in fp32{other}, {at}."


_SHOWS = {
    "reinit": "this run does not show that the initial values matter",
    "random": "this run does not show that it matters which weights are kept",
    "lr-rewind": "this run does not show that the weights must be rewound",
    "finetune": "this run does not show that the weights must be rewound",
}


def _unjudged(findings: Findings) -> Decision:
    """No verdict at the target: the rounds were stopped, a training diverged, or the run is not finished."""
    sparsity = findings.spec.pruning.sparsity
    stopped = findings.verdict("ticket", findings.stopped_at) if findings.stopped_at else None
    if stopped:
        why = f"the rounds ended at {removed(stopped.sparsity)}, where {_failed(stopped)}"
        why += _diverged(findings, stopped.level) + _fallback(findings)
        return Decision(word="DO NOT ADOPT", sparsity=sparsity, why=why)
    if lost := _diverged(findings, findings.target):
        why = "nothing can be concluded" + lost + _fallback(findings)
        return Decision(word="DO NOT ADOPT", sparsity=sparsity, why=why)
    done, all_steps = len(findings.inputs), len(findings.inputs) + len(findings.missing)
    why = f"the run is not finished, {done} of {all_steps} steps are done and the gate at this level is missing"
    return Decision(word="INCONCLUSIVE", sparsity=sparsity, why=why + _fallback(findings))


def _passed(verdict: Verdict) -> str:
    low = verdict.difference.low
    bound = f", {points(low)}, stays" if low is not None else " stays"
    return (
        f"with {verdict.kept:,} of {verdict.prunable:,} weights left, accuracy changes by "
        f"{points(verdict.difference.mean)} points and its one-sided {level_of(verdict.confidence)} lower bound{bound} "
        f"within the margin of {points(-verdict.margin)} (n = {len(verdict.replicates)})"
    )


def _failed(verdict: Verdict) -> str:
    high, loss = verdict.difference.high, verdict.loss_difference
    if high is not None and high < -verdict.margin:
        return (
            f"accuracy changes by {points(verdict.difference.mean)} points and even its "
            f"one-sided {level_of(verdict.confidence)} upper bound, {points(high)}, lies beyond the margin of "
            f"{points(-verdict.margin)} (n = {len(verdict.replicates)})"
        )
    if verdict.loss_margin is not None and loss.low is not None and loss.low > verdict.loss_margin:
        return (
            f"test loss changes by {signed(loss.mean, 3)} nats and even its one-sided {level_of(verdict.confidence)} "
            f"lower bound, {signed(loss.low, 3)}, lies beyond the margin of {signed(verdict.loss_margin, 3)} "
            f"(n = {len(verdict.replicates)})"
        )
    return f"the gate says {verdict.reason.rstrip('.')}"


def _undecided(verdict: Verdict, findings: Findings) -> str:
    """Which evidence is missing: how wide the bounds are against the margin, and what makes them wide."""
    difference, margin = verdict.difference, verdict.margin
    if difference.low is None or difference.high is None:
        return "one replicate has no spread over training seeds, so that there is no bound; at least two are needed"
    width = 100 * (difference.high - difference.low)
    if too_few(difference, margin, verdict.confidence, ACCURACY):
        return verdict.reason
    if difference.low < -margin:
        source = "training seeds" if (difference.se_replicates or 0) >= difference.se_items else "test examples"
        return (
            f"the one-sided {level_of(verdict.confidence)} bounds of the accuracy change, {bounds(difference)} "
            f"points, are {width:.2f} wide and lie on both sides of the margin of {points(-margin)}, mostly for the "
            f"spread over {source} (n = {len(verdict.replicates)}); {more(verdict, findings)}"
        )
    return f"the gate says {verdict.reason.rstrip('.')}"


def _diverged(findings: Findings, level: int) -> str:
    """Replicates of dense and ticket that were lost up to a level."""
    lost = {d.replicate for d in findings.diverged if d.arm in ("dense", "ticket") and d.level <= level}
    if not lost:
        return ""
    return f"; training diverged in replicate{'s' * (len(lost) > 1)} {', '.join(str(r) for r in sorted(lost))}"


def _fallback(findings: Findings) -> str:
    safe = zones(findings.arm("ticket")).safe
    return f"; every level up to {removed(safe.sparsity)} passed" if safe else ""
