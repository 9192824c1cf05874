"""The dense network by torch.compile: an opponent on request, since to compile it takes longer than all the rest."""

from collections.abc import Sequence
from shutil import which

import torch
from torch import Tensor, nn

from . import Forward, Kind, NotApplicable

KIND = Kind(dense=True, asked=True)


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The dense network. Raises NotApplicable where there is no compiler for what torch generates."""
    if not any(map(which, ("c++", "g++", "clang++"))):
        raise NotApplicable("torch.compile needs a C++ compiler, and none is on the PATH")
    return Forward(torch.compile(dense))
