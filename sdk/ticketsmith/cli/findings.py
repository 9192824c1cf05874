"""An examination of a task on a terminal: the card, what is prunable, who applies, problems with their fix."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..lottery.card import Card
from ..lottery.examination import Estimate, Examination, Suitability, Weight
from ..report.numbers import duration
from ..transport import size

ROWS = 24  # of prunable weights
MARKS = {"ok": "green", "problem": "bold red", "note": "yellow"}


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


def show(console: Console, examination: Examination, travels: Sequence[Luggage]) -> None:
    """Print all of it; problems come last."""
    if examination.card:
        console.print(_pairs(_card(examination, examination.card, travels)))
    if examination.weights:
        _titled(console, "Prunable", _weights([weight for weight in examination.weights if weight.prunable]))
        _titled(console, "Not pruned", _pairs(_others(examination)))
    for title, choices in (("Trainers", examination.trainers), ("Back-ends", examination.backends)):
        if choices:
            _titled(console, title, _pairs(_suitable(choices)))
    console.print()
    if examination.passed:
        _line(console, "ok", ", ".join(examination.passed))
    for finding in [*examination.notes, *examination.problems]:
        _line(console, finding.kind, f"{finding.check}: {finding.text}", finding.fix)
    if not examination.problems:
        _line(console, "ok", "nothing keeps it from being run")


def _card(examination: Examination, card: Card, travels: Sequence[Luggage]) -> Iterator[tuple[str, str]]:
    metric = card.metric
    better = "more is better" if metric.higher_is_better else "less is better"
    margin = f"{metric.scale * metric.margin:g} {metric.change_unit}".strip()
    yield "task", f"{card.name}: {card.summary}"
    yield "metric", f"{metric.name}{f' in {metric.unit}' if metric.unit else ''}, {better}, margin {margin}"
    yield "options", ", ".join(f"{name}={value}" for name, value in card.options.items()) or "none"
    if splits := examination.splits:
        folds = f", {splits.folds} folds" if splits.folds else ""
        counts = f"{splits.train:,} to train on, {splits.validation:,} for validation, {splits.test:,} to test"
        yield "examples", f"{card.examples:,}: {counts}{folds}{', in groups' if card.grouped else ''}"
    if examination.batch:
        yield "batch", "\n".join(examination.batch)
    if examination.estimate:
        yield "takes", _takes(examination.estimate)
    for name, digest in (("engine", card.engine), ("code", card.code), ("data", card.data)):
        yield name, f"{digest[:12]}…"
    for luggage in travels:
        yield f"{luggage.kind} leaves", f"{luggage}"
    if examination.run:
        yield "run id", examination.run


def _takes(estimate: Estimate) -> str:
    rounds = "1 round" if estimate.rounds == 1 else f"{estimate.rounds} rounds"
    workers = "1 worker" if estimate.workers == 1 else f"{estimate.workers} workers"
    return (
        f"about {duration(estimate.dense)} for dense and {duration(estimate.round)} for each of {rounds}, "
        f"{estimate.replicates} replicates on {workers}; about {size(estimate.memory)} of memory"
    )


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


def _others(examination: Examination) -> Iterator[tuple[str, str]]:
    """Those that are not pruned, by the reason."""
    reasons: dict[str, list[Weight]] = {}
    for weight in examination.weights:
        if not weight.prunable:
            reasons.setdefault(weight.reason, []).append(weight)
    for reason, weights in reasons.items():
        names = ", ".join(weight.name for weight in weights[:2]) + (", …" if len(weights) > 2 else "")
        yield reason, f"{sum(weight.count for weight in weights):,} weights in {len(weights)}: {names}"
    if examination.buffers:
        yield "a buffer", f"{examination.buffers}: no weights; rewound with them"


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
