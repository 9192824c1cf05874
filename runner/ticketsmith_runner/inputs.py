"""Inputs and outputs of a network: one tensor, several of them, or a record of them; each begins with the batch axis.

B: examples of a batch.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from .applicable import NotApplicable

Inputs = Tensor | tuple[Any, ...] | dict[str, Any]
"""Arguments of a network: a tensor, positional ones, or ones by name. They may hold further tuples and dicts."""
CHUNK = 256
"""Examples that a network is given at once where there is no reason for another number."""


def call(network: Callable[..., Any], inputs: Inputs) -> Any:
    """The network's answer."""
    if isinstance(inputs, tuple):
        return network(*inputs)
    return network(**inputs) if isinstance(inputs, dict) else network(inputs)


def caller(network: Callable[..., Any], inputs: Inputs) -> Callable[[Any], Any]:
    """`call` for batches like `inputs`. A network of one tensor is its own: nothing stands between it and the clock."""
    return network if isinstance(inputs, Tensor) else lambda batch: call(network, batch)


def tensors(inputs: Inputs) -> list[Tensor]:
    """All tensors, in the order of the arguments."""
    return [leaf for leaf in tree_leaves(inputs) if isinstance(leaf, Tensor)]


def changed(inputs: Inputs, change: Callable[[Tensor], Tensor]) -> Any:
    """The same with other tensors."""
    return tree_map_only(Tensor, change, inputs)


def count(inputs: Inputs) -> int:
    """Examples of a batch."""
    return len(tensors(inputs)[0])


def rows(inputs: Inputs, chosen: "slice | Tensor") -> Any:
    """Some of the examples."""
    return changed(inputs, lambda tensor: tensor[chosen])


def chunks(inputs: Inputs, size: int) -> Iterator[Any]:
    """All examples, at most `size` at once."""
    for first in range(0, count(inputs), size):
        yield rows(inputs, slice(first, first + size))


def batches(inputs: Inputs, size: int) -> list[Any]:
    """All examples in batches of exactly `size`; the last one is filled up from the first examples."""
    examples = count(inputs)
    number = -(-examples // size)
    filled = rows(inputs, torch.arange(number * size) % examples)
    return [rows(filled, slice(first, first + size)) for first in range(0, number * size, size)]


def floats(inputs: Inputs) -> Tensor:
    """The one tensor of floats, which is all that the ticket runtime takes. Raises NotApplicable."""
    if isinstance(inputs, Tensor) and inputs.is_floating_point():
        return inputs
    raise NotApplicable(f"the ticket runtime takes one tensor of floats; this network reads {_named(inputs)}")


def _named(inputs: Inputs) -> str:
    if not isinstance(inputs, Tensor):
        return f"{len(tensors(inputs))} inputs{' by name' if isinstance(inputs, dict) else ''}"
    return "tokens" if inputs.dtype in (torch.int32, torch.int64) else str(inputs.dtype).removeprefix("torch.")


class Listed(nn.Module):
    """A network with a list of tensors in and a tuple of them out, as tracers want it."""

    def __init__(self, network: nn.Module, inputs: Inputs) -> None:
        super().__init__()
        self.network, self.form = network, inputs

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        remaining = iter(given)
        return tuple(outputs(call(self.network, changed(self.form, lambda _: next(remaining)))))


def outputs(answer: Any) -> list[Tensor]:
    """Tensors of floats with an axis at least, out of a tensor, a tuple, a dict or a dataclass, in their order."""
    if isinstance(answer, Tensor):
        return [answer] if answer.is_floating_point() and answer.dim() else []
    if isinstance(answer, Mapping):
        return [leaf for part in answer.values() for leaf in outputs(part)]
    if isinstance(answer, (tuple, list)):
        return [leaf for part in answer for leaf in outputs(part)]
    if is_dataclass(answer):
        return [leaf for field in fields(answer) for leaf in outputs(getattr(answer, field.name))]
    return []
