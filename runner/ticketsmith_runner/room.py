"""Will it fit into memory? What obviously will not is refused before any work: a machine that swaps answers to nobody.

P: parameters of the network.  R: replicates of a cohort.  All are lower bounds, so that nothing that fits is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ticketsmith.allowance import memory
from ticketsmith.errors import TicketSmithError, UsageError

from .context import Context
from .examples import size_of

WORD = 4  # bytes of a float32
GIB = 2**30


def refuse_what_does_not_fit(context: Context, workers: int, available: int | None = None) -> None:
    """Raises UsageError, with the numbers, if a part of the spec needs more memory than there is."""
    there = memory() if available is None else available
    for field, bytes_, why in needed(context, workers):
        if bytes_ > there:
            raise UsageError(
                f"{field}: {why} take at least {bytes_ / GIB:,.1f} GiB of memory, {there / GIB:,.1f} GiB are here",
                f"a smaller {field}" + (", or fewer --workers" if workers > 1 else ""),
            )


def needed(context: Context, workers: int) -> list[tuple[str, int, str]]:
    """The field to blame, bytes, and what takes them."""
    spec = context.spec
    weights, at_once = parameters(context), min(workers, spec.replicates)
    # A training holds weights, gradients and two copies; a cohort's end holds all weights thrice, to stack and to pack.
    batch, example = max(spec.benchmark.batch_sizes), size_of(context.examples.item(0))
    return [
        ("options", 4 * WORD * weights * at_once, f"{weights:,} parameters in {at_once} trainings at a time"),
        ("replicates", 3 * WORD * weights * spec.replicates, f"{spec.replicates:,} times {weights:,} parameters"),
        ("training.evaluate_every", 2 * WORD * _stretch(context) * at_once, "the orders of that many updates"),
        ("benchmark.batch_sizes", example * batch, f"batches of {batch:,} examples"),
    ]


def _stretch(context: Context) -> int:
    """Examples that the updates between two evaluations see."""
    training = context.spec.training
    return min(training.evaluate_every, training.steps) * training.batch_size


def parameters(context: Context) -> int:
    """P, counted on a network that takes no memory, where it can be made so."""
    try:
        with torch.device("meta"), _Undrawn():
            network = context.network()
    except TicketSmithError:
        network = context.network()
    return sum(parameter.numel() for parameter in network.parameters())


class _Undrawn(TorchFunctionMode):
    """Draws nothing: `normal_` of a tensor without memory first imports a compiler, for more than a second."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        return args[0] if func is Tensor.normal_ else func(*args, **(kwargs or {}))
