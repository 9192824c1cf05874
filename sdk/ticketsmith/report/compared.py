"""Runs side by side: a column for each, a row for each field of the spec that differs and for each finding."""

from collections.abc import Sequence

from ..lottery.results import Ratio, SpeedRow
from .cost import cost
from .decision import decide
from .differences import differences, shown
from .findings import Findings
from .numbers import NONE, bounds, capital, change, dollars, duration, headed, removed, roughly, scored, times
from .table import Table


def compared(runs: Sequence[Findings]) -> Table:
    """Rows of what was asked otherwise, then of what was found."""
    apart = differences([run.spec for run in runs])
    asked = [[path, *(shown(path, value) for value in values)] for path, values in apart.items()]
    columns = [_found(run) for run in runs]
    heads = dict.fromkeys(head for column in columns for head in column)
    rows = [[head, *(column.get(head, NONE) for column in columns)] for head in heads]
    return Table(heads=["", *(run.run_id for run in runs)], numeric=[False, *[False] * len(runs)], rows=[*asked, *rows])


def _found(findings: Findings) -> dict[str, str]:
    """The findings of a run in words, by name."""
    judged, metric, speed = findings.shown, findings.metric, findings.speed
    spent = sum(arm.core_seconds + arm.gpu_seconds for arm in findings.spent)
    column = {"Decision": decide(findings).headline}
    if judged:
        column |= {
            "Judged at": removed(judged.sparsity),
            "Verdict": judged.status,
            capital(metric.name): scored(metric, judged.score),
            headed("Change", metric.change_unit): f"{change(metric, judged.difference.mean)} "
            f"{bounds(metric, judged.difference)}",
            "Replicates": str(len(judged.replicates)),
        }
    if speed:
        row = speed.headline
        column["Speed to dense fp32"] = _interval(row)
        column["Speed to any dense"] = _interval(row.any) if row.any else NONE
        column["By"] = speed.chosen
    column["Search, of one core or GPU"] = duration(spent)
    return column | _priced(findings)


def _interval(ratio: Ratio | SpeedRow) -> str:
    return f"{times(ratio.ratio)} [{ratio.low:.2f}, {ratio.high:.2f}]"


def _priced(findings: Findings) -> dict[str, str]:
    """Dollars by arm, and those of the search."""
    if (priced := cost(findings)) is None:
        return {}
    per = f"$ per {roughly(priced.per)} {priced.unit}s"
    arms = {f"$, {arm.arm}": f"{dollars(arm.dollars.mean)}" for arm in priced.arms}
    prices = {per: ""} | arms if arms else {}
    return prices | ({"$, search": dollars(priced.search.total)} if priced.search.total is not None else {})
