"""One file per way to run a network: is it a dense opponent of the ticket, and how is its forward pass built?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from ticketsmith.names import load, names


@dataclass(frozen=True, eq=False)
class Forward:
    """A forward pass, (B, *inputs) -> (B, classes), into fresh memory; it is called under inference mode."""

    call: Callable[[Any], Any]
    arrays: bool = False
    """Does it take and give numpy arrays (B, features) instead of tensors? That is its own world: nothing is copied."""

    def prepare(self, inputs: Tensor) -> Any:
        """The batch as `call` takes it, which is done before any time is taken."""
        return inputs.flatten(1).numpy() if self.arrays else inputs

    def __call__(self, inputs: Tensor) -> Tensor:
        outputs = self.call(self.prepare(inputs))
        return torch.from_numpy(outputs) if self.arrays else cast(Tensor, outputs)


class NotApplicable(Exception):
    """A back-end cannot serve a network. The message is the reason, and stands in the report."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class Backend(Protocol):
    """What a file in this folder holds."""

    @property
    def DENSE(self) -> bool:
        """Does it run the dense network (and is what a ticket has to beat) or the ticket?"""

    def build(self, dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
        """Both networks are in eval mode; `masks` is weight name -> bool, like the weight; `shape` is a sample's.

        It computes with as many threads as torch is set to. Raises NotApplicable.
        """


def every() -> dict[str, Backend]:
    """All back-ends by name."""
    return {name: cast(Backend, load(__name__, name)) for name in names(__name__)}
