"""2 of 4 weights on a GPU that multiplies such matrices (compute capability 8.0 on), fp16. On request."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.sparse import to_sparse_semi_structured

from . import Forward, Kind, NotApplicable
from ._cuda import captured, needed

KIND = Kind(precision="float16", asked=True)
LEAST = (8, 0)  # compute capability


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The ticket, its Linear weights as semi-structured ones. Raises NotApplicable."""
    needed()
    if (found := torch.cuda.get_device_capability()) < LEAST:
        raise NotApplicable(f"this GPU has compute capability {found[0]}.{found[1]}, 8.0 is the least")
    if full := [name for name, mask in masks.items() if mask.dim() != 2 or not fits(mask)]:
        raise NotApplicable(f"more than 2 of 4 neighbouring weights are left in {', '.join(full)}")
    own = deepcopy(masked).to("cuda", torch.float16)
    for name in masks:
        weight = own.get_parameter(name)
        own.get_submodule(name.rpartition(".")[0]).weight = nn.Parameter(to_sparse_semi_structured(weight))
    return captured(own, torch.float16)


def fits(mask: Tensor) -> bool:
    """Has each group of four inputs of each unit at most two weights?

    >>> fits(torch.tensor([[True, False, True, False]])), fits(torch.tensor([[True, True, True, False]]))
    (True, False)
    """
    return mask.shape[1] % 4 == 0 and bool((mask.reshape(len(mask), -1, 4).sum(2) <= 2).all())
