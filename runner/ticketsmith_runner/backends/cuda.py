"""The dense network on a GPU, fp32: an opponent that a ticket has to beat there."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from . import Forward, Kind
from ._cuda import captured

KIND = Kind(dense=True)


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The dense network. Raises NotApplicable without a GPU."""
    return captured(dense, torch.float32)
