"""One file per way to run a network: is it a dense opponent of the ticket, and how is its forward pass built?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from ..names import load, names


@dataclass(frozen=True)
class Kind:
    """What a back-end stands for in the comparison. By default: the ticket, in fp32, which may be chosen."""

    dense: bool = False
    """Does it run the dense network? If it is no control, it is an opponent: what a ticket has to beat."""
    control: bool = False
    """Is it there to be compared with alone? Never chosen, and nothing that is to be beaten."""
    precision: str = "float32"
    """Ratios are to the best opponent of fp32; those of other precisions are rows of their own."""
    asked: bool = False
    """Is it built only where it is asked for by name?"""

    @property
    def opponent(self) -> bool:
        return self.dense and not self.control

    @property
    def baseline(self) -> bool:
        return self.opponent and self.precision == "float32"

    @property
    def ticket(self) -> bool:
        return not self.dense and not self.control


@dataclass(frozen=True, eq=False)
class Forward:
    """A forward pass, (B, *inputs) -> (B, classes), into fresh memory; it is called under inference mode."""

    call: Callable[[Any], Any]
    arrays: bool = False
    """Does it take and give numpy arrays (B, features) instead of tensors? That is its own world: nothing is copied."""
    device: str = "cpu"
    plan: Callable[[int], Sequence[str]] | None = None
    """Of a batch size the kernel of each Linear, where they are chosen one by one."""

    def prepare(self, inputs: Tensor) -> Any:
        """The batch as `call` takes it, which is done before any time is taken."""
        return inputs.flatten(1).numpy() if self.arrays else inputs.to(self.device)

    def __call__(self, inputs: Tensor) -> Tensor:
        outputs = self.call(self.prepare(inputs))
        return torch.from_numpy(outputs) if self.arrays else cast(Tensor, outputs).float().cpu()


class NotApplicable(Exception):
    """A back-end cannot serve a network. The message is the reason, and stands in the report."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class Backend(Protocol):
    """What a file in this folder holds."""

    @property
    def KIND(self) -> Kind:
        """Whom it runs, and what for."""

    def build(self, dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
        """Both networks are in eval mode; `masks` is weight name -> bool, like the weight; `shape` is a sample's.

        It computes with as many threads as torch is set to. Raises NotApplicable.
        """


def every() -> dict[str, Backend]:
    """All back-ends by name."""
    return {name: cast(Backend, load("backends", name)) for name in names("backends")}
