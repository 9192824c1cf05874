"""What a step may know besides its own record: the spec, the task, what came before, and who trains its replicates."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, field, replace
from typing import TypeVar

from torch import Tensor

from ticketsmith.ledger import Ledger
from ticketsmith.lottery.metric import ACCURACY, Metric
from ticketsmith.lottery.spec import Experiment
from ticketsmith.lottery.steps import Step
from ticketsmith.lottery.task import Task

from .data import Data, read
from .tensors import unpack

S = TypeVar("S", bound=Step)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Artifacts:
    """What a step returns: names to bytes. `volatile` holds what differs by nature (timings)."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    volatile: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Context:
    """One run, seen from a step."""

    spec: Experiment
    task: Task
    ledger: Ledger
    data_root: str
    workers: Executor | None = None
    """Processes of one thread each; None: this process does it all."""
    progress: Callable[[Step, int, int], None] | None = None
    """Told after each replicate: step, replicates done, replicates in all."""

    @property
    def data(self) -> Data:
        """The task's examples; read at the first use, verified against the digest in the run id."""
        return read(self.task.dataset, self.task.digest, self.data_root)

    @property
    def metric(self) -> Metric:
        """The measure of the task: of every score and margin."""
        return ACCURACY

    def replicates(self, step: Step) -> range:
        """Numbers of the step's replicates, counted over all cohorts."""
        return range(step.cohort * self.spec.replicates, (step.cohort + 1) * self.spec.replicates)

    def tensors(self, step: Step, name: str) -> dict[str, Tensor]:
        """The tensors of a parent's artifact, each with a leading dimension R."""
        return unpack(self.ledger.read(step, name))

    def each(self, function: "Callable[[Context, S, int], T]", step: S) -> list[T]:
        """`function(context, step, r)` for every replicate r of the cohort, in order; spread over the workers."""
        members = range(len(self.replicates(step)))
        if self.workers is None:
            return [self._told(step, r + 1, function(self, step, r)) for r in members]
        alone = replace(self, workers=None, progress=None)
        futures = [self.workers.submit(function, alone, step, r) for r in members]
        for done, future in enumerate(as_completed(futures), start=1):
            self._told(step, done, future.result())
        return [future.result() for future in futures]

    def tell(self, step: Step, done: int) -> None:
        """So many replicates of the step's cohort are done."""
        self.tell_part(step, done, len(self.replicates(step)))

    def tell_part(self, step: Step, done: int, of: int) -> None:
        """So many parts of a step's work are done."""
        if self.progress is not None:
            self.progress(step, done, of)

    def _told(self, step: Step, done: int, result: T) -> T:
        self.tell(step, done)
        return result
