"""Tries a task before hours go into a training: each of its functions, on two examples."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ticketsmith.errors import UsageError

from . import samples
from .cards import steady
from .context import Context
from .evaluate import Evaluation
from .network import state
from .seeds import seeded
from .targets import differ
from .tasks import Task


def attempt(context: Context) -> None:
    """Try each function of the task on two examples: what fails does so before hours go into a training.

    Raises UsageError.
    """
    network, task, examples = _anew(context), context.task, context.examples
    steady(examples)
    numbers = context.split(0).train[:2]
    batch = examples.batch(numbers)
    with seeded(0), task.told("loss"), torch.no_grad():
        loss = task.loss(network.train(), batch)
    if torch.as_tensor(loss).dim() == 0 and context.spec.gate.loss_margin is not None:
        raise UsageError(
            f"gate.loss_margin: expected null: the loss of task {task.module} is one number for a batch, not one for "
            "each example",
            "leave it out: the score is judged",
        )
    measured = Evaluation(task, examples, 0, 0).columns(network.eval(), numbers, recorded=True)
    _finite(task, measured | {"loss": torch.as_tensor(loss)})
    differ(task, network, examples, batch)
    if task.metric.whole:
        from .objectives.whole import complete  # and scipy, which no other metric waits for

        complete(task.metric, measured)
    samples.drawn(context, 0, network, network)


def _anew(context: Context) -> nn.Module:
    """theta_0. Raises UsageError unless it is drawn anew, and alike from one stream."""
    network, again = context.network("init"), context.network("init")
    for (name, ours), theirs in zip(state(network).items(), state(again).values(), strict=True):
        if not torch.equal(ours, theirs):
            raise UsageError(
                f"model() of task {context.task.module} gives another {name} each time that it is called",
                "draw it from the streams of torch, numpy.random or random, which the runner seeds, and leave no NaN",
            )
    kept = {value.data_ptr() for value in network.state_dict().values()} - {0}
    if shared := [name for name, value in again.state_dict().items() if value.data_ptr() in kept]:
        raise UsageError(
            f"model() of task {context.task.module} gives one and the same {shared[0]} to every network",
            "make every layer within model(): dense and ticket may not share one",
        )
    return network


def _finite(task: Task, measured: Mapping[str, Tensor]) -> None:
    """Raises UsageError for a loss or score of theta_0 that is no number."""
    if wrong := [name for name in ("loss", "score") if not bool(measured[name].isfinite().all())]:
        raise UsageError(
            f"{wrong[0]}() of task {task.module} is NaN or infinite before any training",
            "look for a logarithm of 0, a division by 0, or examples that hold NaN",
        )
