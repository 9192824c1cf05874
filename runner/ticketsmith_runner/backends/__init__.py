"""One file per way to run a network: is it a dense opponent of the ticket, and how is its forward pass built?"""

from collections.abc import Callable
from typing import Protocol, cast

from torch import Tensor, nn

from ticketsmith.names import load, names

Forward = Callable[[Tensor], Tensor]


class NotApplicable(Exception):
    """A back-end cannot serve a network. The message is the reason, and stands in the report."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class Backend(Protocol):
    """What a file in this folder holds."""

    @property
    def DENSE(self) -> bool:
        """Does it run the dense network (and is what a ticket has to beat) or the ticket?"""

    def build(self, dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor]) -> Forward:
        """A forward pass, (B, *inputs) -> (B, classes), into a fresh tensor; it is called under inference mode.

        Both networks are in eval mode; `masks` is weight name -> bool, shaped like the weight. Raises NotApplicable.
        """


def every() -> dict[str, Backend]:
    """All back-ends by name."""
    return {name: cast(Backend, load(__name__, name)) for name in names(__name__)}
