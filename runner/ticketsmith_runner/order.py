"""The examples of one replicate's training, in their order, and its evaluation."""

from dataclasses import replace

import torch
from torch import Tensor

from ticketsmith.lottery.spec import Training

from .context import Context
from .evaluate import Evaluation
from .examples import Order, Split
from .trainers import Batches, Fed, Streamed


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
