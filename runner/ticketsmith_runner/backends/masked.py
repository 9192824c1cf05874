"""The ticket's masked weights in dense kernels, eager PyTorch: the control. A mask alone saves no time."""

from collections.abc import Sequence

from torch import Tensor, nn

from . import Forward, Kind

KIND = Kind(control=True)


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The masked network itself."""
    return Forward(masked)
