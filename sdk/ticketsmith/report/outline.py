"""A run in numbers, to stand beside others: decision, quality, speed and dollars."""

from ..lottery.metric import Metric
from ..lottery.results import Ratio, Record, Status, Summary
from .accounts import Arm, Interval
from .cost import cost
from .decision import decide
from .findings import Findings

HOUR = 3600


class Outline(Record):
    """The numbers of one run. Null: not judged, not measured, not priced."""

    run: str
    task: str
    metric: Metric
    decision: str
    sentence: str
    target: float
    """The sparsity that was asked for."""
    status: Status | None
    sparsity: float | None
    """At the level that is judged: the target or, before it is reached, the last one."""
    kept: int | None
    prunable: int | None
    replicates: int | None
    score: Summary | None
    dense_score: Summary | None
    change: Interval | None
    """Ticket minus dense in the recorded unit, with both one-sided bounds."""
    throughput: Interval | None
    """Of the ticket, over the best dense one in fp32."""
    any: Ratio | None
    """The same over the best dense one of any precision."""
    backend: str | None
    batch_size: int | None
    machine: str | None
    """The processor that the speed was measured on."""
    measured: str | None
    """The day of that."""
    unit: str | None
    per: int | None
    """Units that `dollars` are for."""
    arms: list[Arm]
    """Dollars by arm; none without a price."""
    core_hours: float
    gpu_hours: float
    search_dollars: float | None


def outline(findings: Findings) -> Outline:
    """The numbers of a run, as far as it got."""
    shown, decision, priced, speed = findings.shown, decide(findings), cost(findings), findings.speed
    row = speed.headline if speed else None
    return Outline(
        run=findings.run_id,
        task=findings.spec.sources.name,
        metric=findings.metric,
        decision=decision.word,
        sentence=decision.sentence,
        target=findings.spec.pruning.sparsity,
        status=shown.status if shown else None,
        sparsity=shown.sparsity if shown else None,
        kept=shown.kept if shown else None,
        prunable=shown.prunable if shown else None,
        replicates=len(shown.replicates) if shown else None,
        score=shown.score if shown else None,
        dense_score=findings.dense_score,
        change=Interval(mean=shown.difference.mean, low=shown.difference.low, high=shown.difference.high)
        if shown
        else None,
        throughput=Interval(mean=row.ratio, low=row.low, high=row.high) if row else None,
        any=row.any if row else None,
        backend=speed.chosen if speed else None,
        batch_size=row.batch_size if row else None,
        machine=speed.machine.cpu if speed else None,
        measured=speed.machine.date if speed else None,
        unit=priced.unit if priced else None,
        per=priced.per if priced else None,
        arms=priced.arms if priced else [],
        core_hours=sum(arm.core_seconds for arm in findings.spent) / HOUR,
        gpu_hours=sum(arm.gpu_seconds for arm in findings.spent) / HOUR,
        search_dollars=priced.search.total if priced else None,
    )
