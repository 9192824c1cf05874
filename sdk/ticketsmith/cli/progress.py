"""A run while it runs: a table of rounds and a bar on a terminal, one plain line a round elsewhere."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ..executors.local import run
from ..lottery import ladder
from ..lottery.controls import beside
from ..lottery.imp import imp
from ..lottery.schedule import rounds
from ..lottery.spec import Experiment
from ..lottery.steps import Report, Step, Train
from ..report.narrow import Fitted
from ..report.numbers import duration
from ..report.terminal import coloured
from ..stores import open_store
from . import INTERRUPTED
from .commands import command as typed
from .consoles import console as console_of
from .consoles import redraws
from .outset import number, outset
from .pace import Pace
from .voice import VOICE, hint

PLAIN_EVERY = 30.0  # seconds between two signs of life where nothing can be redrawn


class Rounds:
    """The course of a run so far, level by level; knows how to show itself."""

    def __init__(self, spec: Experiment, until: int | None) -> None:
        self.spec, self.last, self.cohorts = spec, rounds(spec.pruning), 1
        every = [step for step in imp(spec) if until is None or step.level <= until]
        self.planned = _trainings(spec, every)
        self.pace = Pace(self.planned)
        self.arms = ["dense" if until == 0 else "ticket", *(() if until == 0 else beside(spec, rounds(spec.pruning)))]
        self.others = ladder.arms(spec)
        """Arms of other networks: their sparsity is not that of the level."""
        self.cells: dict[tuple[int, str], str] = {}
        self.running: dict[str, str] = {}
        columns = TextColumn("steps"), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn()
        self.bar = Progress(*columns, TextColumn("{task.description}"))
        self.task = self.bar.add_task("", total=_steps(every))

    def hear(self, event: dict[str, Any]) -> str | None:
        """Take one event in; returns a line worth printing where nothing can be redrawn."""
        kind, key = event["event"], event.get("step", "")
        if kind == "text":
            return str(event["text"])
        level, arm, name = _place(key)
        if (cohorts := _cohort(key) + 1) > self.cohorts:
            self.bar.update(self.task, total=cohorts * (self.bar.tasks[0].total or 0) / self.cohorts)
            self.cohorts, self.pace.trainings = cohorts, cohorts * self.planned
        if level > self.last:
            self._go_past_the_target(level)
        if key.endswith(f"/{Train.kind}"):
            self.pace.hear(event, self.spec.replicates)
        if kind == "start":
            self.running[key] = name
        elif kind == "replicate":
            self.running[key] = f"{name} {event['done']}/{event['of']}"
        else:
            self.running.pop(key, None)
            self.bar.advance(self.task, not key.endswith(f"/{Report.kind}"))
        return self._note(event, level, arm) if kind == "done" else None

    def _go_past_the_target(self, level: int) -> None:
        every = list(imp(self.spec, last=level))
        self.last, self.pace.trainings = level, _trainings(self.spec, every)
        self.bar.update(self.task, total=_steps(every))

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

    @property
    def steps(self) -> str:
        """Steps done of all."""
        bar = self.bar.tasks[0]
        return f"{bar.completed:.0f}/{bar.total or 0:.0f}"

    @property
    def sign(self) -> str:
        """Steps at work and the time that is left, where nothing is redrawn; nothing between two steps."""
        words = [", ".join(self.running.values()), str(self.pace)]
        return f"running: {'; '.join(filter(None, words))}" if self.running else ""

    def __rich__(self) -> Group:
        table = Table("level", "sparsity", *self.arms, box=None, pad_edge=False, header_style="bold")
        for level in sorted({level for level, _ in self.cells}):
            name, sparsity = (f"{level}", self.cells.get((level, "sparsity"), "")) if level else ("dense", "0.0%")
            table.add_row(name, sparsity, *(coloured(self.cells.get((level, arm), "")) for arm in self.arms))
        self.bar.update(self.task, description=str(self.pace))
        return Group(Fitted(table), self.bar, Text(", ".join(self.running.values()) or "starting" * (not self.cells)))


def _steps(every: Sequence[Step]) -> int:
    """The report is derived, and counts as none."""
    return sum(not isinstance(step, Report) for step in every)


def _trainings(spec: Experiment, every: Sequence[Step]) -> int:
    return spec.replicates * sum(isinstance(step, Train) for step in every)


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
    """Run on this machine with a display; returns the runner's exit code, 130 after Ctrl-C."""
    console, rounds, shown = console_of(stderr=True), Rounds(spec, until), not (quiet or VOICE.quiet)
    live = Live(rounds, console=console, refresh_per_second=8) if redraws(console) and shown else None
    last_sign = began = time.monotonic()

    def say(line: str) -> None:
        console.print(coloured(line), soft_wrap=True)

    def listen(event: dict[str, Any]) -> None:
        nonlocal last_sign
        line, text = rounds.hear(event), event["event"] == "text"
        if line is None and not live and time.monotonic() - last_sign > PLAIN_EVERY:
            line = rounds.sign
        if line and (text or (shown and not live)):
            say(line if text else f"[{rounds.steps}] {line}")
            last_sign = time.monotonic()
        if VOICE.verbose and event["event"] == "done" and not event["step"].endswith(Report.kind):
            say(_spent(event, f"{store}/{spec.run_id()}"))

    if shown:
        say(outset(open_store(store), spec, until, workers))
    try:
        with live or nullcontext():
            code = run(spec, command, store=store, data_root=data_root, workers=workers, listen=listen)
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code == INTERRUPTED and until is None:  # `resume` takes every round
        hint(typed("resume", spec.run_id(), *_others(command, data_root), store=store))
    elif shown and not code:
        spent, trained = duration(time.monotonic() - began), number(rounds.pace.trained, "training")
        say(f"took {spent} on {number(workers, 'worker')}: {trained}")
    return code


def _others(command: Sequence[str], data_root: str) -> list[str]:
    """Options without which the run could not go on as it was begun."""
    place = [] if data_root == "data" else ["--data-root", data_root]
    return [*place, *(word for word in command if word == "--other-versions")]


def _spent(event: dict[str, Any], place: str) -> str:
    """The seconds of a finished step, and the folder of what it wrote."""
    spent = f"{event['seconds']:.1f} s" if event["fresh"] else "was done"
    return f"{_place(event['step'])[2]}: {spent}, {place}/{event['step']}"
