"""One page over all runs of a store: decisions, quality against time and dollars, and what sets the runs apart."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from shlex import quote
from typing import NamedTuple

from .accounts import ticket
from .arms import ARMS
from .cost import cost
from .decision import decide
from .differences import differences, shown
from .findings import Findings
from .frontier import Point, costs, picture, points
from .numbers import NONE, bounds, change, dollars, removed, roughly, scored, times, unit, value
from .page import page
from .speed import gain
from .standing import rival
from .svg import Element
from .table import Table

COMMAND = "ticketsmith report --runs-prefix"
INTERVAL = "Score [95 %]"
BRIEF = ("Decision", "Sparsity", "Run", "Name", INTERVAL, "Speed")
CALLED = {ARMS[arm].name: arm for arm in ("dense", "ticket")}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A run on the page."""

    findings: Findings
    name: str
    began: str
    page: str
    """Address of its report, as seen from this page."""


class Pictures(NamedTuple):
    """Pictures under one title."""

    title: str
    pictures: list[Element]


def render(runs: Sequence[Shown], place: str, unread: Mapping[str, str]) -> bytes:
    """The whole page of the runs at `place`, in their order; `unread`: why others could not be read, by run."""
    words = [decide(entry.findings).word for entry in runs]
    return page(
        "overview.html",
        title=f"{_counted(len(runs), 'run')} in {place}",
        counts=", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words)),
        decisions=decisions(runs),
        links={entry.findings.run_id: entry.page for entry in runs},
        changed_in=" or ".join(dict.fromkeys(unit(entry.findings.metric).strip() for entry in runs)),
        paid_for=_units(runs),
        sentences=[f"{number}: {decide(entry.findings).sentence}" for number, entry in enumerate(runs, 1)],
        frontiers=list(_frontiers(runs)),
        apart=differing(runs),
        unread=[f"{run}: {why}" for run, why in unread.items()],
        command=f"{COMMAND} {quote(place)}",
    )


def decisions(runs: Sequence[Shown], *, whole: bool = True) -> Table:
    """A row for each run; not the `whole` of it where there are but 80 columns."""
    rows = [_row(number, run) for number, run in enumerate(runs, 1)]
    heads = [head for head in rows[0] if any(row[head] for row in rows)]
    wanted = [head for head in heads if (head != INTERVAL if whole else head in BRIEF)]
    return Table(
        heads=wanted,
        numeric=[head not in ("Run", "Name", "Decision") for head in wanted],
        rows=[[row[head] or NONE for head in wanted] for row in rows],
    )


def _row(number: int, run: Shown) -> dict[str, str]:
    """Cells by their heads; an empty one is not known."""
    findings, decision = run.findings, decide(run.findings)
    judged, speed, metric = findings.shown, findings.speed, findings.metric
    return {
        "#": str(number),
        "Decision": decision.word,
        "Sparsity": removed(judged.sparsity if judged else findings.spec.pruning.sparsity),
        "Run": findings.run_id,
        "Name": run.name,
        "Score": value(metric, judged.score.mean) if judged else "",
        INTERVAL: scored(metric, judged.score) if judged else "",
        "Change [bounds]": f"{change(metric, judged.difference.mean)} {bounds(metric, judged.difference)}"
        if judged
        else "",
        "Speed": (times(speed.headline.ratio) if gain(speed) else "1.0x") if speed else "",
        **_dollars(findings),
        "Began": run.began.partition(" ")[0],
    }


def _dollars(findings: Findings) -> dict[str, str]:
    """The cheapest network that is no ticket, and the cheapest ticket."""
    arms = priced.arms if (priced := cost(findings)) else []
    others = [arm.dollars.mean for arm in arms if rival(arm.arm, arm.status)]
    ours = [arm.dollars.mean for arm in arms if ticket(arm.arm)]
    return {head: dollars(min(some)) if some else "" for head, some in (("$ else", others), ("$ ticket", ours))}


def _units(runs: Sequence[Shown]) -> str:
    """The units that dollars are for."""
    priced = [bill for run in runs if (bill := cost(run.findings)) and bill.unit]
    return " or ".join(sorted({f"{roughly(bill.per)} {bill.unit}s" for bill in priced}))


def _frontiers(runs: Sequence[Shown]) -> Iterator[Pictures]:
    """Pictures for each task on each machine: other scores, or times, cannot be compared."""
    groups: dict[tuple[str, ...], list[tuple[int, Findings]]] = {}
    for number, run in enumerate(runs, 1):
        findings = run.findings
        if findings.verdict("ticket", findings.target) and findings.dense_score:
            groups.setdefault(_alike(findings), []).append((number, findings))
    for (task, metric, machine, *_), members in groups.items():
        first, every = members[0][1], _points(members)
        where = f", timed on {machine}" if machine else ""
        yield Pictures(
            f"{task}: {metric} against cost{where}",
            [
                picture(first.metric, every, axis, best=True)
                for axis in costs(first)
                if any(axis.of(point) for point in every)
            ],
        )


def _alike(findings: Findings) -> tuple[str, ...]:
    speed, priced = findings.speed, cost(findings)
    timed = (speed.machine.cpu, str(speed.headline.batch_size), str(speed.machine.threads)) if speed else ("",)
    return findings.spec.sources.name, findings.metric.name, *timed, str(priced.unit if priced else "")


def _points(members: Sequence[tuple[int, Findings]]) -> list[Point]:
    """The marks of runs, named by their numbers; dense networks of one score and one time are one mark."""
    marks: dict[object, Point] = {}
    for number, findings in members:
        for point in points(findings):
            same = (point.name, point.score.mean, point.weights) if point.look == "dense" else (number, point.name)
            marks.setdefault(same, replace(point, name=f"{number} {CALLED.get(point.name, point.name.lower())}"))
    return list(marks.values())


def differing(runs: Sequence[Shown]) -> Table:
    """The fields in which the specs differ: a row for each run."""
    fields = differences([run.findings.spec for run in runs])
    return Table(
        heads=["#", *fields],
        numeric=[True, *[False] * len(fields)],
        rows=[
            [str(number), *(shown(path, values[number - 1]) for path, values in fields.items())]
            for number in range(1, len(runs) + 1)
        ]
        if fields
        else [],
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
