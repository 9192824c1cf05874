"""The dense network on a GPU, fp16: what its tensor cores are made for."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from . import Forward, Kind
from ._cuda import captured

KIND = Kind(dense=True, precision="float16")


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The dense network. Raises NotApplicable without a GPU."""
    return captured(dense, torch.float16)
