"""What a step may know besides its own record: the spec, the task, what came before, and how many workers there are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor

from ticketsmith.ledger import Ledger
from ticketsmith.lottery.spec import Experiment
from ticketsmith.lottery.steps import Step
from ticketsmith.lottery.task import Task

from .data import Data, read
from .tensors import unpack


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
    workers: int = 1

    @cached_property
    def data(self) -> Data:
        """The task's examples; read at the first use, verified against the digest in the run id."""
        return read(self.task, self.data_root)

    def replicates(self, step: Step) -> range:
        """Numbers of the step's replicates, counted over all cohorts."""
        return range(step.cohort * self.spec.replicates, (step.cohort + 1) * self.spec.replicates)

    def tensors(self, step: Step, name: str) -> dict[str, Tensor]:
        """The tensors of a parent's artifact, each with a leading dimension R."""
        return unpack(self.ledger.read(step, name))
