"""The reach of a verdict: its look, earlier tries, trainings that may collapse, and the price of more evidence."""

import math

from ..lottery.collapse import SURE, lost_more
from ..lottery.gate import too_few
from ..lottery.metric import Metric
from ..lottery.results import Verdict
from .findings import Findings
from .numbers import SPACE, duration, level_of, percent


def look(findings: Findings, verdict: Verdict) -> str:
    """The look that decided, and the level that all of them together are held to."""
    level, together = level_of(verdict.confidence), level_of(findings.spec.gate.confidence)
    took = "Decided" if verdict.status != "UNDECIDED" else "Still open"
    sentence = (
        f"{took} after {len(verdict.replicates)} replicates, look {verdict.look} of {verdict.looks} at most: "
        f"each look is held to {level}, and all of them together to {together}."
    )
    if verdict.status == "UNDECIDED" or verdict.look == verdict.looks:
        return sentence
    does = "flatters" if verdict.status == "PASS" else "exaggerates"
    return f"{sentence} A run that stops once it is decided shows a mean that {does}; the bound does not."


def tails(metric: Metric, verdict: Verdict) -> str | None:
    """Trainings that lost much, and the share that may: ten that went well leave up to a quarter that would not."""
    if (seen := verdict.collapses) is None:
        return None
    losses = lost_more(seen.lost, seen.of, seen.by, metric)
    if seen.at_most == 1:
        return f"{losses}, so that nothing is ruled out."
    alone = ", by this look alone" if verdict.look > 1 else ""
    most = f"{math.ceil(100 * seen.at_most - 1e-9)}{SPACE}%"
    return f"{losses}: with {level_of(SURE)} confidence fewer than {most} of all trainings do{alone}."


def few(metric: Metric, verdict: Verdict) -> bool:
    """True if the number of test examples alone stands between a share of them and a PASS."""
    return too_few(verdict.difference, verdict.margin, verdict.confidence, metric)


def tried(findings: Findings) -> str:
    """The number of this try of the question, and how often so many pass wrongly."""
    count, confidence = len(findings.tries) + 1, findings.spec.gate.confidence
    together = percent(1 - confidence**count, 1)
    return (
        f"This is try {count} of the same question with other seeds (before it: {', '.join(findings.tries)}). One try "
        f"passes wrongly in at most {percent(1 - confidence, 1)} of all cases, one of {count} in at most {together}."
    )


def more(verdict: Verdict, findings: Findings) -> str:
    """The replicates that would settle an UNDECIDED, in this run or in another."""
    needed, have = verdict.replicates_needed, len(verdict.replicates)
    if needed is None:
        return "no number of replicates is likely to settle it: ask for another margin, or more test examples"
    room = verdict.looks * findings.spec.replicates
    if needed > room:
        return (
            f"about {needed} replicates are likely to settle it, and this run ends with {room}: "
            f"ask anew with fresh seeds, `--seed {findings.spec.seed + 1} --replicates {needed}`"
        )
    seconds = findings.replicate_seconds
    cost = f", for {duration(seconds * (needed - have))} of one core" if seconds else ""
    return f"about {needed - have} more, `--replicates {needed}`, are likely to settle it{cost}"
