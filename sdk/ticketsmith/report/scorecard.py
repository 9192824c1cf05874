"""The scorecard: dense, ticket and controls side by side at one level."""

from ..lottery.results import Quantized, Record, SpeedRow, Summary
from . import ladder
from .arms import ARMS
from .findings import Findings
from .numbers import NONE, removed, scored, times
from .opponents import quantized, row_of, ticket_in_int8
from .speed import REFERENCE, relative
from .table import Table
from .trained import worth

NOT_JUDGED = "not judged"
IN_INT8 = "Dense in int8"
TICKET_IN_INT8 = "Ticket in int8"


class Row(Record):
    """One variant."""

    variant: str
    sparsity: float
    score: Summary | None
    status: str
    throughput: str
    """In words, over the best dense fp32 back-end."""
    ratio: float | None
    """The same as a number; null where it was not measured."""


def scorecard(findings: Findings) -> list[Row]:
    """Every variant at the target level; where that was not judged yet, at the last level that was."""
    baseline = Row(
        variant=ARMS["dense"].name,
        sparsity=0,
        score=findings.dense_score,
        status=_dense(findings),
        throughput=REFERENCE,
        ratio=1 if findings.speed else None,
    )
    arms = [_row(findings, "ticket"), *_ticket_in_int8(findings), *(_row(findings, a) for a in findings.controls)]
    arms += [_rung(step) for step in ladder.steps(findings)]
    return [baseline, *_in_int8(findings), *arms]


def table(findings: Findings) -> Table:
    """The scorecard's rows under its heads."""
    return Table(
        heads=["Variant", "Sparsity", f"Test {findings.metric.name}", "Status", "Rel. throughput"],
        numeric=[False, True, True, False, True],
        rows=[
            [row.variant, removed(row.sparsity), _score(findings, row), row.status, row.throughput]
            for row in scorecard(findings)
        ],
    )


def _score(findings: Findings, row: Row) -> str:
    return scored(findings.metric, row.score) if row.score else NONE


def caption(findings: Findings) -> str:
    """At which level the scorecard stands, and what dense is worth."""
    shown = findings.shown
    if shown is None:
        return "No level has been judged yet."
    where = f"Level {shown.level} of {findings.sparsest}"
    late = ", the target" if findings.sparsest > findings.target else ""
    late = late if shown.level == findings.target else ", the last one judged; the target was not reached"
    means = (
        f"Mean over n = {len(shown.replicates)} replicates with 95 % interval over training seeds and test examples."
    )
    rungs = " Dense 1/2x, 1x, 2x: smaller dense networks, by the ticket's weights." if ladder.steps(findings) else ""
    return " ".join([f"{where}{late}. {means}{rungs}", *worth(findings)])


def _dense(findings: Findings) -> str:
    if any(divergence.arm == "dense" for divergence in findings.diverged):
        return "diverged"  # the score is that of the weights before, which may be untrained
    return "baseline" if findings.dense_score else "not trained"


def _in_int8(findings: Findings) -> list[Row]:
    """Dense in int8, where it was timed: its verdict is one by the ticket's gate, over the same replicates."""
    speed = findings.speed
    if speed is None or speed.headline.int8 is None:
        return []
    judged = quantized(speed)
    row = row_of(speed, judged.backend if judged else speed.headline.int8.to)
    return [_whole_numbers(IN_INT8, 0, judged, row)]


def _ticket_in_int8(findings: Findings) -> list[Row]:
    """The ticket in int8, where it was timed: an arm with a verdict of its own."""
    ticket = ticket_in_int8(findings.speed) if findings.speed else None
    if findings.speed is None or ticket is None:
        return []
    row, judged = ticket
    return [_whole_numbers(TICKET_IN_INT8, findings.speed.sparsity, judged, row)]


def _whole_numbers(variant: str, sparsity: float, judged: Quantized | None, row: SpeedRow) -> Row:
    """A variant in int8. Whose time it is stands below the table: a terminal has 80 columns."""
    return Row(
        variant=variant,
        sparsity=sparsity,
        score=judged.score if judged else None,
        status=judged.status if judged else NOT_JUDGED,
        throughput=times(row.ratio),
        ratio=row.ratio,
    )


def _rung(step: ladder.Step) -> Row:
    return Row(
        variant=step.name,
        sparsity=step.verdict.sparsity,
        score=step.verdict.score,
        status=step.verdict.status,
        throughput=times(step.speed.dense.ratio) if step.speed else NONE,
        ratio=step.speed.dense.ratio if step.speed else None,
    )


def _row(findings: Findings, arm: str) -> Row:
    shown = findings.shown
    verdict = findings.verdict(arm, shown.level) if shown else None
    sparsity = (verdict or shown).sparsity if shown else findings.spec.pruning.sparsity
    # A control is as sparse as the ticket, layer by layer, so that only the ticket is timed.
    timed = findings.speed if arm == "ticket" else None
    return Row(
        variant=ARMS[arm].name,
        sparsity=sparsity,
        score=verdict.score if verdict else None,
        status=verdict.status if verdict else NOT_JUDGED,
        throughput=relative(findings.speed) if arm == "ticket" else NONE,
        ratio=timed.headline.ratio if timed else None,
    )
