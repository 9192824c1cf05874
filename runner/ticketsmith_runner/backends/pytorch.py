"""The dense trained network in eager PyTorch: the baseline that a ticket has to beat."""

from collections.abc import Sequence

from torch import Tensor, nn

from . import Forward, Kind

KIND = Kind(dense=True)


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The dense network itself."""
    return Forward(dense)
