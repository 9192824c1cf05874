"""Exact compaction on a GPU, fp32: for tickets of units or channels, whose dense rest is small."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from . import Forward, Kind
from ._cuda import captured, needed
from .compact import network

KIND = Kind()


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The compacted ticket. Raises NotApplicable without a GPU."""
    needed()
    return captured(network(masked, masks, shape), torch.float32)
