"""A task on trial: what several checks need, each made once. A part that cannot be made fails alike for all of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from ticketsmith import engine
from ticketsmith.errors import UsageError
from ticketsmith.ledger import Ledger
from ticketsmith.lottery.card import Card
from ticketsmith.lottery.schedule import kept, rounds
from ticketsmith.lottery.spec import Experiment
from ticketsmith.specs import resolve
from ticketsmith.stores.local import LocalStore

from .. import cards, masks
from ..context import Context
from ..evaluate import Evaluation
from ..examples import Batch, Examples
from ..granularities import granularity
from ..names import load
from ..network import state
from ..order import evaluation, fed
from ..planner import Choice, Subject, plan
from ..seeds import seed_of, seeded
from ..splits import Numbers, Split
from ..tasks import Task
from ..trainers import Fed, Mask, State
from .findings import Sentence


@dataclass(frozen=True, eq=False)
class Trial:
    """A task, the spec that is asked for, and the machine."""

    task: Task
    name: str
    data_root: str
    code: str
    """SHA-256 of the archive of the task's code."""
    asked: Mapping[str, Any]
    """Spec fields over the task's own."""
    workers: int
    folder: Path
    """For a store that nobody keeps."""
    compared: int = 50_000
    """Examples that are compared with each other at most."""

    @cached_property
    def examples(self) -> Examples:
        return self.task.examples(self.data_root)

    @cached_property
    def card(self) -> Card:
        return cards.card(self.task, self.name, self.data_root, engine=engine.digest(), code=self.code)

    @cached_property
    def spec(self) -> Experiment:
        return resolve(self.asked, self.card)

    @cached_property
    def usable(self) -> Experiment:
        """The spec; or where that is not valid one that is, so that the task's functions are tried all the same."""
        try:
            return self.spec
        except UsageError:
            card = self.card.model_copy(update={"defaults": {}})
            training = {"steps": 100, "batch_size": min(32, card.room), "learning_rate": 1e-3}
            return resolve({"replicates": card.folds or 1, "training": training}, card)

    @cached_property
    def context(self) -> Context:
        ledger = Ledger(LocalStore(self.folder), self.usable.run_id())
        return Context(spec=self.usable, card=self.card, ledger=ledger, code=self.task.folder, data_root=self.data_root)

    @cached_property
    def network(self) -> nn.Module:
        """theta_0 of the first replicate."""
        return self.fresh()

    def fresh(self) -> nn.Module:
        """The same, anew."""
        return self.context.network("init", 0)

    @cached_property
    def start(self) -> State:
        """The state in which training begins."""
        return {f"weights/{name}": value for name, value in state(self.network).items()}

    @cached_property
    def split(self) -> Split:
        """The examples of the first replicate."""
        return self.context.split(0)

    @cached_property
    def numbers(self) -> Numbers:
        """The examples of a batch of training."""
        return self.split.train[: self.usable.training.batch_size]

    @cached_property
    def batch(self) -> Batch:
        """They themselves."""
        with self.task.told("data"):
            return self.examples.batch(self.numbers, self.stream)

    def stream(self, number: int) -> int:
        """The seed of whatever an example draws."""
        return seed_of(self.usable.seed, 0, f"example/0/{number}")

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Weights of each prunable parameter."""
        return self.task.prunable(self.network)

    @cached_property
    def last_mask(self) -> Mask:
        """The mask of the last round, were it taken of theta_0. Raises ValueError if it cannot be."""
        pruning, values = self.spec.pruning, dict(self.network.named_parameters())
        score = load("criteria", pruning.criterion).score
        scores = {name: score(values[name].detach()) for name in self.sizes}
        counts = kept(self.sizes, list(self.sizes)[-1], pruning, rounds(pruning))
        return granularity(pruning.granularity).prune(self.network, scores, masks.ones(scores), counts)

    @cached_property
    def subject(self) -> Subject:
        return Subject.of(self.context)

    @cached_property
    def choices(self) -> dict[int, Choice]:
        """The trainer of each round."""
        return plan(self.context)

    @property
    def fed(self) -> Fed:
        """The batches of the first replicate's training."""
        return fed(self.context, 0, self.split, self.spec.training)

    @property
    def measure(self) -> Evaluation:
        return evaluation(self.context, 0)

    def asks(self, name: str, model: nn.Module, batch: Batch, seed: int = 0) -> Any:
        """The answer of a function of the task. Raises UsageError for whatever the user's code raises."""
        function: Callable[[nn.Module, Batch], Any] = getattr(self.task.code, name)
        with seeded(seed), torch.no_grad(), self.task.told(name):
            return function(model, batch)


def tensors(batch: Batch) -> list[Tensor]:
    """Every tensor of a batch."""
    return [leaf for leaf in tree_flatten(batch)[0] if isinstance(leaf, Tensor)]


Check = Callable[[Trial], Iterator[Sentence]]
"""A part of a task that is looked at: it yields what it finds, and raises what keeps it from going on."""
