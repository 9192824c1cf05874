"""Ways to run a network: a dense opponent of the ticket, the ticket itself, or a control; `table.py` has them all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..applicable import NotApplicable
from ..inputs import Inputs, outputs
from ..subject import Subject

__all__ = ["Backend", "Forward", "Kind", "NotApplicable", "every"]


@dataclass(frozen=True)
class Kind:
    """The part of a back-end in the comparison. By default: the ticket, in fp32, which may be chosen."""

    dense: bool = False
    """It runs the dense network. If it is no control, it is an opponent: what a ticket has to beat."""
    control: bool = False
    """It is there to be compared with alone: never chosen, and nothing that is to be beaten."""
    precision: str = "float32"
    """Ratios are to the best opponent of fp32; beside them stand those to the best of int8, and of any precision."""
    asked: bool = False
    """It is built only where it is asked for by name."""

    @property
    def opponent(self) -> bool:
        return self.dense and not self.control

    @property
    def baseline(self) -> bool:
        return self.opponent and self.precision == "float32"

    @property
    def judged(self) -> bool:
        """Its numbers are others than the network's, so that a verdict of its own stands beside its speed."""
        return self.precision == "int8"

    @property
    def ticket(self) -> bool:
        return not self.dense and not self.control


def _as_it_is(inputs: Inputs) -> Any:
    return inputs


@dataclass(frozen=True, eq=False)
class Forward:
    """A forward pass into fresh memory; it is called under inference mode."""

    call: Callable[[Any], Any]
    """From a prepared batch to tensors, or to arrays of numpy."""
    prepare: Callable[[Inputs], Any] = _as_it_is
    """The batch as `call` takes it, which is done before any time is taken."""
    device: str = "cpu"
    plan: Callable[[int], Sequence[str]] | None = None
    """Kernels of the Linears for a batch size, where they are chosen one by one."""

    def __call__(self, inputs: Inputs) -> list[Tensor]:
        """All outputs, float32 or float64 on the CPU."""
        answer = self.call(self.prepare(inputs))
        if isinstance(answer, np.ndarray):
            answer = [answer]
        if isinstance(answer, list):
            answer = [torch.from_numpy(part) if isinstance(part, np.ndarray) else part for part in answer]
        return [leaf.cpu() if leaf.dtype == torch.float64 else leaf.float().cpu() for leaf in outputs(answer)]


class Backend(Protocol):
    """A row of the table, or a file of its own."""

    @property
    def KIND(self) -> Kind:
        """Its part in the comparison."""

    @property
    def build(self) -> Callable[[Subject], Forward]:
        """Makes its forward pass, which uses as many threads as torch is set to. Raises NotApplicable."""


def every() -> dict[str, Backend]:
    """All back-ends by name."""
    from .table import BACKENDS

    return dict(sorted(BACKENDS.items()))
