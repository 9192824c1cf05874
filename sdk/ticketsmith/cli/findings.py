"""An examination of a task on a terminal: the card, what is prunable, who applies, problems with their fix."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..lottery.card import Card
from ..lottery.examination import Estimate, Examination, Suitability, Weight
from ..transport import size

ROWS = 24  # of prunable weights
MARKS = {"ok": "green", "problem": "bold red", "note": "yellow"}
MINUTE, HOUR = 60, 3600


@dataclass(frozen=True)
class Luggage:
    """Files that would leave this machine with a submission."""

    kind: str
    files: int
    bytes: int
    largest: list[tuple[str, int]]

    def __str__(self) -> str:
        named = ", ".join(f"{name} {size(count)}" for name, count in self.largest)
        files = "1 file" if self.files == 1 else f"{self.files:,} files"
        return f"{files} of {self.kind}, {size(self.bytes)}: {named}{', …' if self.files > len(self.largest) else ''}"


def show(console: Console, found: Examination, travels: Sequence[Luggage]) -> None:
    """Print all of it; problems come last."""
    if found.card:
        console.print(_pairs(_card(found, found.card, travels)))
    if found.weights:
        _titled(console, "Prunable", _weights([weight for weight in found.weights if weight.prunable]))
        _titled(console, "Not pruned", _pairs(_others(found)))
    for title, choices in (("Trainers", found.trainers), ("Back-ends", found.backends)):
        if choices:
            _titled(console, title, _pairs(_suitable(choices)))
    console.print()
    if found.passed:
        _line(console, "ok", ", ".join(found.passed))
    for finding in [*found.notes, *found.problems]:
        _line(console, finding.kind, f"{finding.check}: {finding.text}", finding.fix)
    if not found.problems:
        _line(console, "ok", "nothing keeps it from being run")


def _card(found: Examination, card: Card, travels: Sequence[Luggage]) -> Iterator[tuple[str, str]]:
    metric = card.metric
    better = "more is better" if metric.higher_is_better else "less is better"
    margin = f"{metric.scale * metric.margin:g} {metric.change_unit}".strip()
    yield "task", f"{card.name}: {card.summary}"
    yield "metric", f"{metric.name}{f' in {metric.unit}' if metric.unit else ''}, {better}, margin {margin}"
    yield "options", ", ".join(f"{name}={value}" for name, value in card.options.items()) or "none"
    if splits := found.splits:
        folds = f", {splits.folds} folds" if splits.folds else ""
        counts = f"{splits.train:,} to train on, {splits.validation:,} for validation, {splits.test:,} to test"
        yield "examples", f"{card.examples:,}: {counts}{folds}{', in groups' if card.grouped else ''}"
    if found.batch:
        yield "batch", "\n".join(found.batch)
    if found.estimate:
        yield "takes", _takes(found.estimate)
    for name, digest in (("engine", card.engine), ("code", card.code), ("data", card.data)):
        yield name, f"{digest[:12]}…"
    for luggage in travels:
        yield f"{luggage.kind} leaves", f"{luggage}"
    if found.run:
        yield "run id", found.run


def _takes(estimate: Estimate) -> str:
    rounds = "1 round" if estimate.rounds == 1 else f"{estimate.rounds} rounds"
    workers = "1 worker" if estimate.workers == 1 else f"{estimate.workers} workers"
    return (
        f"about {_time(estimate.dense)} for dense and {_time(estimate.round)} for each of {rounds}, "
        f"{estimate.replicates} replicates on {workers}; about {size(estimate.memory)} of memory"
    )


def _time(seconds: float) -> str:
    """Seconds for a reader.

    >>> _time(0.4), _time(80), _time(4000), _time(90000)
    ('1 s', '80 s', '1.1 h', '25.0 h')
    """
    if seconds < 2 * MINUTE:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < HOUR else f"{seconds / HOUR:.1f} h"


def _weights(weights: Sequence[Weight]) -> Table:
    table = _table()
    table.add_column(overflow="fold")
    table.add_column(justify="right")
    table.add_column(justify="right")
    for weight in weights[:ROWS]:
        table.add_row(Text(weight.name), " x ".join(map(str, weight.shape)), f"{weight.count:,}")
    if rest := weights[ROWS:]:
        table.add_row(f"and {len(rest)} more", "", f"{sum(weight.count for weight in rest):,}")
    table.add_row("in all", "", f"{sum(weight.count for weight in weights):,}", style="bold")
    return table


def _others(found: Examination) -> Iterator[tuple[str, str]]:
    """Those that are not pruned, by the reason."""
    reasons: dict[str, list[Weight]] = {}
    for weight in found.weights:
        if not weight.prunable:
            reasons.setdefault(weight.reason, []).append(weight)
    for reason, weights in reasons.items():
        names = ", ".join(weight.name for weight in weights[:2]) + (", …" if len(weights) > 2 else "")
        yield reason, f"{sum(weight.count for weight in weights):,} weights in {len(weights)}: {names}"
    if found.buffers:
        yield "a buffer", f"{found.buffers}: no weights; rewound with them"


def _suitable(choices: Sequence[Suitability]) -> Iterator[tuple[str, str]]:
    """Those that apply in one line, unless more is to be said; then the others with their reasons."""
    if plain := [choice.name for choice in choices if not choice.reason and not choice.chosen]:
        yield "apply" if len(plain) < len(choices) else "all apply", ", ".join(plain)
    yield from ((choice.name, f"trains {choice.chosen}") for choice in choices if choice.chosen)
    reasons: dict[str, list[str]] = {}
    for choice in choices:
        if choice.reason and not choice.chosen:
            reasons.setdefault(choice.reason, []).append(choice.name)
    yield from ((", ".join(names), f"no: {reason}") for reason, names in reasons.items())


def _pairs(rows: Iterator[tuple[str, str]]) -> Table:
    table = _table()
    table.add_column(max_width=24, overflow="fold")
    table.add_column(overflow="fold", ratio=1)
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    return table


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)


def _titled(console: Console, title: str, table: Table) -> None:
    if table.row_count:
        console.print(Text(f"\n{title}", "bold"))
        console.print(Padding(table, (0, 0, 0, 2)))


def _line(console: Console, kind: str, text: str, fix: str = "") -> None:
    console.print(Text(f"{kind:9}", MARKS[kind]).append(text, "none"), soft_wrap=True)
    if fix:
        console.print(Text(f"         fix: {fix}"), soft_wrap=True)
