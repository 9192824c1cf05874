"""An arm as a gate sees it: its metrics and its records, over every cohort up to this one."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ticketsmith.ledger import Ledger
from ticketsmith.lottery.gate import diverged
from ticketsmith.lottery.results import TrainMetrics
from ticketsmith.lottery.steps import Train

from .bootstrap import Scorer, resampled
from .bounds import Floats
from .columns import Columns, Numbers, numbers, on_test, read
from .roles import TEST
from .statistics import Errors, errors, finite, grouped


@dataclass(frozen=True, kw_only=True)
class Arm:
    """All replicates of one line of training."""

    name: str
    metrics: TrainMetrics
    columns: Columns

    @cached_property
    def examples(self) -> list[Numbers]:
        """Numbers of the test examples of each replicate."""
        return numbers(self.columns, "example")

    @cached_property
    def groups(self) -> list[Numbers] | None:
        """The group of each test example; None where every example stands for itself."""
        return numbers(self.columns, "group") if "group" in self.columns else None

    @cached_property
    def rows(self) -> list[dict[str, NDArray[Any]]]:
        """Every column of each replicate, on its test split."""
        chosen = [role == TEST for role in self.columns["role"]]
        return [{name: values[r][row] for name, values in self.columns.items()} for r, row in enumerate(chosen)]

    @cached_property
    def distinct(self) -> dict[str, NDArray[Any]]:
        """Every column, of each test example once."""
        _, first = np.unique(np.concatenate(self.examples), return_index=True)
        return {name: np.concatenate([row[name] for row in self.rows])[first] for name in self.columns}

    def on_test(self, name: str) -> list[Floats]:
        """A column on each replicate's test split."""
        return on_test(self.columns, name)

    def errors(self, values: Sequence[Floats], noun: str) -> Errors:
        """The mean of values of the test examples with its variances, over the replicates where all are finite."""
        kept = finite(values, noun)
        groups = None if self.groups is None else [self.groups[r] for r in kept]
        return errors([self.examples[r] for r in kept], [values[r] for r in kept], groups)

    def resampled(self, scores: Sequence[Scorer], kept: Sequence[int]) -> Errors:
        """The mean of scores of whole test sets with its variances, one for each replicate in `kept`."""
        groups = None if self.groups is None else [self.groups[r] for r in kept]
        return resampled([self.examples[r] for r in kept], groups, scores)

    def units(self, values: Sequence[Floats]) -> tuple[Sequence[Numbers], Sequence[Floats]]:
        """The units that were tested, and their values: groups where there are any, else examples."""
        return (self.examples, values) if self.groups is None else grouped(self.examples, values, self.groups)

    def only(self, replicate: int) -> "Arm":
        """The same of one replicate, by its number over all cohorts."""
        r = self.metrics.replicates.index(replicate)
        lists = {name: [getattr(self.metrics, name)[r]] for name in _each_replicate()}
        columns = {name: values[r : r + 1] for name, values in self.columns.items()}
        return Arm(name=self.name, metrics=self.metrics.model_copy(update=lists), columns=columns)

    def divergence(self) -> str | None:
        """A sentence if a replicate diverged on validation, or ended with a test loss or score that is not finite."""
        losses = zip(self.metrics.diverged_at, self.on_test("loss"), strict=True)
        at = [self.metrics.stop if look is None and not np.isfinite(loss).all() else look for look, loss in losses]
        return diverged(self.name, self.metrics.replicates, at) or self._unscored()

    def _unscored(self) -> str | None:
        scores = zip(self.metrics.replicates, self.on_test("score"), strict=True)
        gone = [f"replicate {r}" for r, score in scores if not np.isfinite(score).all()]
        return f"{self.name} has test scores that are NaN or infinite: {', '.join(gone)}" if gone else None


def arm(trains: Sequence[Train], ledger: Ledger) -> Arm:
    """The arm of these trainings, one for each cohort."""
    return Arm(
        name=trains[0].arm,
        metrics=_joined([TrainMetrics.model_validate_json(ledger.read(train, "metrics.json")) for train in trains]),
        columns=read(ledger.read(train, "records.safetensors") for train in trains),
    )


def change(dense: Arm, candidate: Arm, name: str) -> list[Floats]:
    """A column of the candidate minus that of dense; not finite where one of them is not."""
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        return [c - d for d, c in zip(dense.on_test(name), candidate.on_test(name), strict=True)]


def _joined(cohorts: list[TrainMetrics]) -> TrainMetrics:
    """The metrics of all cohorts."""
    joined = {name: [entry for metrics in cohorts for entry in getattr(metrics, name)] for name in _each_replicate()}
    return cohorts[-1].model_copy(update=joined)


def _each_replicate() -> list[str]:
    """Names of the metrics that are lists with an entry for each replicate."""
    of_all = ("start", "stop", "looks", "prefix", "drawn", "unused", "rung", "baseline")
    return [name for name in TrainMetrics.model_fields if name not in of_all]
