"""Exact compaction on a GPU, fp16: what its tensor cores are made for. On request."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from . import Forward, Kind
from ._cuda import captured, needed
from .compact import network

KIND = Kind(precision="float16", asked=True)


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The compacted ticket. Raises NotApplicable without a GPU."""
    needed()
    return captured(network(masked, masks, shape), torch.float16)
