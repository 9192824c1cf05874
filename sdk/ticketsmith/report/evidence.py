"""How far the evidence of a verdict goes: its look, earlier tries, trainings that may collapse, and what more costs."""

from ..lottery.collapse import at_most, collapsed
from ..lottery.results import Verdict
from .findings import Findings
from .numbers import duration, level_of, percent

SURE = 0.95  # of what is said beside a verdict and not judged


def look(findings: Findings, verdict: Verdict) -> str:
    """Which look decided, and to what all of them together are held."""
    each, together = level_of(verdict.confidence), level_of(findings.spec.gate.confidence)
    took = "Decided" if verdict.status != "UNDECIDED" else "Still open"
    said = (
        f"{took} after {len(verdict.replicates)} replicates, look {verdict.look} of {verdict.looks} at most: "
        f"each look is held to {each}, and all of them together to {together}."
    )
    if verdict.status == "UNDECIDED" or verdict.look == verdict.looks:
        return said
    return f"{said} A run that stops once it is decided shows a mean that flatters; the bound does not."


def tails(findings: Findings, verdict: Verdict) -> str:
    """How many trainings lost much, and how many more may: ten that went well leave up to a quarter that would not."""
    rule = findings.spec.gate.collapse
    limit = rule.points if rule else 200 * verdict.margin
    lost, n = collapsed(verdict.test_accuracy, verdict.dense_test_accuracy, limit), len(verdict.replicates)
    most = percent(at_most(lost, n, SURE), 0)
    alone = ", by this look alone" if verdict.look > 1 else ""
    return (
        f"{lost} of {n} trainings lost more than {limit:g} point{'s' * (limit != 1)}: with {level_of(SURE)} "
        f"confidence fewer than {most} of all trainings do{alone}."
    )


def tried(findings: Findings) -> str:
    """Which try of the question this is, and how often so many pass wrongly."""
    count, confidence = len(findings.tries) + 1, findings.spec.gate.confidence
    together = percent(1 - confidence**count, 1)
    return (
        f"This is try {count} of the same question with other seeds (before it: {', '.join(findings.tries)}). One try "
        f"passes wrongly in at most {percent(1 - confidence, 1)} of all cases, one of {count} in at most {together}."
    )


def more(verdict: Verdict, findings: Findings) -> str:
    """What would settle an UNDECIDED, and whether this run can still do it."""
    needed, have = verdict.replicates_needed, len(verdict.replicates)
    if needed is None:
        return "no number of replicates is likely to settle it: ask for another margin, or more test examples"
    room = verdict.looks * findings.spec.replicates
    if needed > room:
        return (
            f"about {needed} replicates are likely to settle it, and this run ends with {room}: "
            f"ask anew with fresh seeds, `--seed {findings.spec.seed + 1} --replicates {needed}`"
        )
    each = findings.replicate_seconds
    cost = f", for {duration(each * (needed - have))} of one core" if each else ""
    return f"about {needed - have} more, `--replicates {needed}`, are likely to settle it{cost}"
