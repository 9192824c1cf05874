"""The outcome of `ticketsmith task check`: everything that a task's file would run into, and what it would cost."""

from typing import Literal

from .card import Card
from .results import Record


class Finding(Record):
    """One sentence of a check."""

    check: str
    """The part of the task that was looked at."""
    kind: Literal["problem", "note"]
    """A problem ends or spoils a run; a note is to be known."""
    text: str
    fix: str = ""


class Weight(Record):
    """A parameter of the network."""

    name: str
    shape: list[int]
    prunable: bool
    reason: str = ""
    """The reason, for one that is not pruned."""

    @property
    def count(self) -> int:
        count = 1
        for size in self.shape:
            count *= size
        return count


class Suitability(Record):
    """A trainer or a back-end, and the reason why it is not for this network; empty, if it is."""

    name: str
    reason: str = ""
    chosen: str = ""
    """Rounds that a trainer trains."""


class Estimate(Record):
    """Seconds and bytes on this machine, out of a few updates: right to a factor of two."""

    workers: int
    replicates: int
    update: float
    """Seconds of one update of one replicate."""
    evaluation: float
    """Seconds in which one replicate's network is asked for its validation and test examples."""
    dense: float
    """Seconds of the dense training, all replicates."""
    round: float
    """Seconds of a round: the ticket and its controls, all replicates."""
    rounds: int
    memory: int
    """Bytes at the peak, of all workers together."""


class Splits(Record):
    """Examples of the first replicate."""

    train: int
    validation: int
    test: int
    folds: int


class Examination(Record):
    """All of it."""

    card: Card | None
    """None, where the task cannot be imported or has no data."""
    run: str | None
    """The run id that the spec leads to."""
    splits: Splits | None
    batch: list[str]
    """Parts of a batch: types and shapes."""
    findings: list[Finding]
    passed: list[str]
    """Checks without a problem."""
    weights: list[Weight]
    buffers: int
    trainers: list[Suitability]
    backends: list[Suitability]
    estimate: Estimate | None
    files: list[str]
    """Files that the examples come from."""

    @property
    def problems(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.kind == "problem"]

    @property
    def notes(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.kind == "note"]
