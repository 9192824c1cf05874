"""Everything a step may know besides its record: the spec, the task, what came before, who trains its replicates."""

from collections.abc import Callable
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from ticketsmith.errors import UsageError
from ticketsmith.ledger import Ledger
from ticketsmith.lottery.card import Card
from ticketsmith.lottery.metric import Metric
from ticketsmith.lottery.spec import Experiment
from ticketsmith.lottery.steps import Step

from .artifacts import Artifacts as Artifacts
from .delivery import missing

if TYPE_CHECKING:  # a gate knows a task by its card alone, and needs no torch
    from torch import Tensor, nn

    from .examples import Examples
    from .splits import Numbers, Split
    from .start import Start
    from .tasks import Task

CALIBRATION = 256
"""Examples that the ranges of int8 are taken from, at most."""

S = TypeVar("S", bound=Step)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Context:
    """One run, seen from a step."""

    spec: Experiment
    card: Card
    ledger: Ledger
    code: str
    """Folder of the task's code: the unpacked archive of the run."""
    data_root: str
    workers: Executor | None = None
    """Processes of one thread each; None: this process does it all."""
    loaders: int = 0
    """Processes that read examples for each training, where these are not in memory; it changes no byte."""
    progress: Callable[[Step, int, int], None] | None = None
    """Told after each replicate: step, replicates done, replicates in all."""

    @property
    def metric(self) -> Metric:
        """The measure that the gate judges."""
        return self.card.metric

    @property
    def task(self) -> "Task":
        """The user's task; its code is imported at the first use."""
        from .tasks import Task

        return Task(self.code, self.card.module)

    @property
    def examples(self) -> "Examples":
        """The task's examples; read at the first use, verified against the digest in the run id."""
        from .cards import verified

        try:
            return verified(self.task, self.data_root, self.card.data)
        except UsageError as error:
            raise missing(self.ledger.store, self.card.files, self.data_root, error) from error.__cause__

    def network(self, stream: str | None = None, replicate: int = 0, rung: str | None = None) -> "nn.Module":
        """The untrained network: theta_0 of a stream; without one its values have no meaning.

        With the name of a `rung`, the smaller dense network of that one.
        """
        from . import ladder
        from .seeds import seed_of

        options = self.spec.options | (ladder.rung(self, rung).options if rung else {})
        return self.task.model(options, 0 if stream is None else seed_of(self.spec.seed, replicate, stream))

    def start(self, replicate: int, rung: str | None = None) -> "Start":
        """The start of the dense training, or of a rung's: theta_0, with given weights laid over it."""
        from .start import start

        return start(self, replicate, rung)

    def split(self, replicate: int) -> "Split":
        """The split of one replicate, by its number over all cohorts."""
        return self.examples.split(self.spec.seed, replicate)

    def inputs(self, replicate: int) -> Any:
        """Arguments of the network for the test split of a replicate: a tensor, a tuple of them, or a dict by name.

        Of a test split that memory does not hold, as much as it does: they are for a measurement of time.
        """
        return self.task.inputs(self.examples.batch(self.split(replicate).test[: self.examples.most]))

    def calibration(self, replicate: int) -> Any:
        """The same for some examples that the replicate was trained on."""
        return self.task.inputs(self.examples.batch(self.calibrating(replicate)))

    def validation(self, replicate: int) -> Any:
        """The same for some examples that it was validated on."""
        return self.task.inputs(self.examples.batch(self.validating(replicate)))

    def validating(self, replicate: int) -> "Numbers":
        """Numbers of the first examples of a validation split: ranges that are fixed come from these."""
        return self.split(replicate).validation[: min(self.examples.most, CALIBRATION)]

    def calibrating(self, replicate: int) -> "Numbers":
        """Numbers of examples that int8 is calibrated on, from all over those that the replicate was trained on."""
        train = self.split(replicate).train
        few = min(len(train), self.examples.most, CALIBRATION)
        return train[: few * (len(train) // few) : len(train) // few]

    def replicates(self, step: Step) -> range:
        """Numbers of the step's replicates, counted over all cohorts."""
        return range(step.cohort * self.spec.replicates, (step.cohort + 1) * self.spec.replicates)

    def tensors(self, step: Step, name: str) -> "dict[str, Tensor]":
        """The tensors of a parent's artifact, each with a leading dimension R."""
        from .tensors import unpack

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
