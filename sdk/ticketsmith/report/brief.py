"""The answer in words of the street, before any term of the trade: how sparse, how sure, how fast, how many dollars."""

from ..lottery.results import Served, ServedRow, Verdict
from . import serving
from .accounts import Interval
from .bill import MANY, searched
from .bound import exceeds, favouring
from .cost import cost
from .findings import Findings
from .numbers import dollars, level_of, percent, removed, times, unit
from .opponents import of_another_precision
from .speed import gain
from .zones import zones


def brief(findings: Findings) -> dict[str, str]:
    """Answers by their questions; no speed and no dollars of a ticket that is not to be had."""
    verdict = findings.concluding
    answers = {"How sparse": _sparse(findings, verdict), "How sure": _sure(findings, verdict) if verdict else ""}
    if verdict and verdict.status in ("PASS", "UNDECIDED"):
        answers |= {"How fast": _fast(findings), "How many $": _paid(findings)}
    return {question: answer for question, answer in answers.items() if answer}


def _sparse(findings: Findings, verdict: Verdict | None) -> str:
    asked = removed(verdict.sparsity if verdict else findings.spec.pruning.sparsity)
    safe = zones(findings.arm("ticket")).safe
    rest = f"Up to {removed(safe.sparsity)} can." if safe else "No level has passed."
    match verdict.status if verdict else None:
        case "PASS":
            assert verdict is not None
            return f"{asked} of the weights can go: {verdict.kept:,} of {verdict.prunable:,} stay."
        case "FAIL":
            return f"{asked} of the weights cannot go. {rest}"
        case "UNDECIDED":
            return f"It is open whether {asked} of the weights can go. {rest}"
        case "INVALID":
            return "Nobody knows: the comparison does not count."
    return f"It is not known yet whether {asked} of the weights can go. {rest}"


def _sure(findings: Findings, verdict: Verdict) -> str:
    """The gate's confidence over all looks, and the margin; nothing where something else decided."""
    metric, count = findings.metric, len(verdict.replicates)
    margin = f"{metric.scale * verdict.margin:.{metric.decimals}f}{unit(metric)}"
    trained = f"after {count} trainings of each" if count > 1 else "of these two networks alone"
    confident = f"{level_of(findings.spec.gate.confidence)} sure, {trained}"
    if verdict.status == "PASS":
        return f"{confident}, that {metric.name} is not worse by more than {margin}."
    if verdict.status == "UNDECIDED":
        return f"Not sure yet, {trained}, that {metric.name} is not worse by more than {margin}."
    if verdict.status == "FAIL" and exceeds(metric, favouring(metric, verdict.difference), verdict.margin):
        return f"{confident}, that {metric.name} is worse by more than {margin}."
    return ""


def _fast(findings: Findings) -> str:
    """Units where they are served, else answers, against the full network and the best way to run it."""
    timed, speed = serving.unit(findings), findings.speed
    mine = serving.best(timed, findings) if timed else None
    if timed and mine and (gained := timed.ratio(mine.arm, "dense")):
        return f"{times(gained.ratio)} the {timed.unit}s a second of the full network{_beside(timed, mine, findings)}."
    if speed is None:
        return "Not measured."
    if not gain(speed):
        return "No faster than the full network."
    beside = f", and {times(best.ratio)} as fast as that in fewer bits" if (best := of_another_precision(speed)) else ""
    return f"{times(speed.headline.ratio)} as fast as the full network{beside}."


def _beside(timed: Served, mine: ServedRow, findings: Findings) -> str:
    """The same against the fastest other way, where that is not the full network as it is."""
    other = serving.fastest_other(timed, findings)
    ratio = timed.ratio(mine.arm, other.arm)
    if ratio is None or other.arm == "dense":
        return ""
    word = "more than" if ratio.low > 1 else "fewer than" if ratio.high < 1 else "about as many as"
    return f", {word} {'that in fewer bits' if other.arm == 'dense-int8' else 'a smaller one'}"


def _paid(findings: Findings) -> str:
    """The cheapest ticket that passes against the cheapest other way to the same answers; nothing without prices."""
    priced = cost(findings)
    if priced is None or (payback := priced.payback) is None:
        return ""
    mine, other = (arm.dollars.mean for arm in map(priced.arm, (payback.ticket, payback.over)) if arm)
    many = f"{MANY[priced.per]} {priced.unit}s"
    against = f"{_against(payback.saved, mine / other)} the cheapest other way"
    return f"{dollars(mine)} for {many}, {against}; the search cost {searched(priced)}."


def _against(saved: Interval, share: float) -> str:
    """The ticket's price as a share of another one, where what is saved or lost is surely not nothing."""
    ends = saved.low, saved.high
    if all(end is not None and end > 0 for end in ends) or all(end is not None and end < 0 for end in ends):
        return f"{percent(abs(1 - share), 0)} {'less' if share < 1 else 'more'} than"
    return "about as much as"
