"""A run while it runs: a table of rounds and a bar on a terminal, one plain line a round elsewhere."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..executors.local import run
from ..lottery import ladder
from ..lottery.controls import beside
from ..lottery.imp import imp
from ..lottery.schedule import rounds
from ..lottery.spec import Experiment
from ..report.narrow import Fitted
from .consoles import console as console_of
from .consoles import redraws

PLAIN_EVERY = 30.0  # seconds between two signs of life where nothing can be redrawn


class Rounds:
    """The course of a run so far, level by level; knows how to show itself."""

    def __init__(self, spec: Experiment, until: int | None) -> None:
        self.cohorts, steps = 1, [step for step in imp(spec) if until is None or step.level <= until]
        self.arms = ["dense" if until == 0 else "ticket", *(() if until == 0 else beside(spec, rounds(spec.pruning)))]
        self.others = ladder.arms(spec)
        """Arms of other networks: their sparsity is not that of the level."""
        self.cells: dict[tuple[int, str], str] = {}
        self.running: dict[str, str] = {}
        columns = (
            TextColumn("steps"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
        )
        self.bar = Progress(*columns)
        self.task = self.bar.add_task("starting", total=len(steps))

    def hear(self, event: dict[str, Any]) -> str | None:
        """Take one event in; returns a line worth printing where nothing can be redrawn."""
        kind, key = event["event"], event.get("step", "")
        if kind == "text":
            return str(event["text"])
        level, arm, name = _place(key)
        if (cohorts := _cohort(key) + 1) > self.cohorts:
            self.bar.update(self.task, total=cohorts * (self.bar.tasks[0].total or 0) / self.cohorts)
            self.cohorts = cohorts
        if kind == "start":
            self.running[key] = name
        elif kind == "replicate":
            self.running[key] = f"{name} {event['done']}/{event['of']}"
        else:
            self.running.pop(key, None)
            self.bar.advance(self.task)
        self.bar.update(self.task, description=", ".join(self.running.values()))
        return self._note(event, level, arm) if kind == "done" else None

    def _note(self, event: dict[str, Any], level: int, arm: str) -> str | None:
        """Keep what a finished step found; a line when an arm's round is complete."""
        if "score" in event:
            column = "ticket" if arm == "dense" and "ticket" in self.arms else arm
            self.cells[level, column] = event["score"]
            return f"dense: {event['metric']} {event['score']}" if arm == "dense" else None
        if "status" not in event:
            return None
        if arm not in self.others:
            self.cells[level, "sparsity"] = f"{event['sparsity']:.1%}"
        line = (
            f"level {level}, {event['sparsity']:.1%} sparse: {arm} {self.cells.get((level, arm), '')} {event['status']}"
        )
        self.cells[level, arm] += f" {event['status']}"
        return line

    def __rich__(self) -> Group:
        table = Table("level", "sparsity", *self.arms, box=None, pad_edge=False, header_style="bold")
        for level in sorted({level for level, _ in self.cells}):
            name, sparsity = (f"{level}", self.cells.get((level, "sparsity"), "")) if level else ("dense", "0.0%")
            table.add_row(name, sparsity, *(self.cells.get((level, arm), "") for arm in self.arms))
        return Group(Fitted(table), self.bar)


def _place(key: str) -> tuple[int, str, str]:
    """Level, arm and a name of a step. From its key alone: after an early stop there are steps that no plan has."""
    _, level, arm, kind, *_ = key.split("/")
    number, cohort = int(level.removeprefix("level-")), _cohort(key)
    return number, arm, f"cohort {cohort} " * (cohort > 0) + f"level {number} {arm} {kind}"


def _cohort(key: str) -> int:
    return int(key.partition("/")[0].removeprefix("cohort-"))


def watched(
    spec: Experiment,
    command: Sequence[str],
    *,
    until: int | None,
    store: str,
    data_root: str,
    workers: int,
    quiet: bool,
) -> int:
    """Run on this machine with a display; returns the runner's exit code."""
    console, rounds, said = console_of(stderr=True), Rounds(spec, until), time.monotonic()
    live = Live(rounds, console=console, refresh_per_second=8) if redraws(console) and not quiet else None

    def listen(event: dict[str, Any]) -> None:
        nonlocal said
        line, text = rounds.hear(event), event["event"] == "text"
        if line is None and not live and time.monotonic() - said > PLAIN_EVERY:
            line = "running: " + ", ".join(rounds.running.values())
        if line is not None and (text or not (live or quiet)):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
            said = time.monotonic()

    with live or nullcontext():
        return run(spec, command, store=store, data_root=data_root, workers=workers, listen=listen)


def complain(event: dict[str, Any]) -> None:
    """Show messages only."""
    if event["event"] == "text":
        console_of(stderr=True).print(event["text"], markup=False, highlight=False, soft_wrap=True)
