"""A task: a data set, how it is split, and the protocol that fits it. Plain data, free of torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Task:
    """One file in `ticketsmith/tasks/` holds one of these, named `TASK`."""

    summary: str
    """One line for `--help` and the report: net, data, protocol."""
    dataset: str
    """The file in `ticketsmith_runner/datasets/` that loads it."""
    digest: str
    """SHA-256 of the decoded examples (`ticketsmith_runner.data.digest`); checked whenever the data is loaded."""
    shape: tuple[int, ...]
    """Shape of one example, without batch."""
    classes: int
    examples: int
    """All examples, test included."""
    test: int = 0
    """Examples of the data set's own test split (its last ones); 0: the task is cross-fitted."""
    folds: int = 0
    """Cross-fitting: each block of `folds` replicates tests every example once."""
    validation: int
    """Training examples held out per replicate, for early stopping and for choosing a replicate."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Spec fields that differ from the global defaults: the protocol of the task."""
