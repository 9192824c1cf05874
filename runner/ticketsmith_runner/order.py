"""The examples of one replicate's training, in their order, and its evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import torch
from torch import Tensor

from ticketsmith.errors import UsageError
from ticketsmith.lottery.spec import Training

from .context import Context
from .evaluate import Evaluation
from .seeds import permutation, seed_of
from .splits import Numbers, Split
from .trainers import Batches, Fed, Streamed


@dataclass(frozen=True)
class Order:
    """Examples that each update of a training sees: each epoch is one shuffle, its last, short batch is left out."""

    pool: Numbers
    """The training examples."""
    size: int
    """Examples of a batch. Raises UsageError if there are fewer."""
    seed: int
    replicate: int
    stream: str = "order"

    def __post_init__(self) -> None:
        if self.size > len(self.pool):
            problem = f"training.batch_size: {self.size} is more than the {len(self.pool)} training examples"
            raise UsageError(problem, f"at most {len(self.pool)}")

    def place(self, update: int) -> tuple[int, slice]:
        """The epoch of an update, and its batch in it."""
        epoch, position = divmod(update, len(self.pool) // self.size)
        return epoch, slice(position * self.size, (position + 1) * self.size)

    def epoch(self, epoch: int) -> Numbers:
        """The training examples in the order of one epoch."""
        return self.pool[permutation(len(self.pool), self.seed, self.replicate, f"{self.stream}/{epoch}")]

    def keys(self, first: int) -> Iterator[list[tuple[int, int]]]:
        """The batches from one update on: numbers of examples, with the seed of what each draws in that epoch."""
        current, numbers = -1, self.pool
        for update in count(first):
            epoch, batch = self.place(update)
            if epoch != current:
                current, numbers = epoch, self.epoch(epoch)
            yield [(int(n), self._seed(f"example/{epoch}/{n}")) for n in numbers[batch]]

    def noise(self, update: int) -> int:
        """The seed of what an update draws besides its examples, such as which units dropout leaves out."""
        return self._seed(f"noise/{update}")

    def _seed(self, stream: str) -> int:
        """Two orders of one replicate, the two ends of a line, draw nothing alike."""
        return seed_of(self.seed, self.replicate, stream if self.stream == "order" else f"{self.stream}/{stream}")


def fed(context: Context, number: int, split: Split, training: Training, stream: str = "order") -> Fed:
    """Batches for the updates of replicate `number`: by index where the examples are in memory, else from a loader."""
    order = Order(split.train, training.batch_size, context.spec.seed, number, stream)
    examples = context.examples
    if examples.tensors is None:
        reader = replace(examples, workers=context.loaders)
        return Streamed(lambda update: reader.loaded(order.keys(update)), order.noise, training.device)
    orders: dict[int, Tensor] = {}

    def chosen(update: int) -> Tensor:
        epoch, batch = order.place(update)
        if epoch not in orders:
            orders.clear()
            orders[epoch] = torch.from_numpy(order.epoch(epoch)).to(training.device)
        return orders[epoch][batch]

    return Batches(examples.on(training.device), chosen, order.noise)


def evaluation(context: Context, number: int) -> Evaluation:
    """The measure of replicate `number`, the same for each of its networks."""
    return Evaluation(context.task, context.examples, context.spec.seed, number)
