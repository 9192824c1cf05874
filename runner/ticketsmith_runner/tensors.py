"""Named tensors to safetensors bytes and back. A leading replicate dimension R is a matter of the caller.

safetensors checks its header, not its values: the ledger's SHA-256 does that, before anything is parsed here.
"""

from collections.abc import Mapping

import torch
from safetensors.torch import load, save
from torch import Tensor


def pack(tensors: Mapping[str, Tensor]) -> bytes:
    """One byte string for equal tensors, whatever the order they come in."""
    return save({name: tensors[name].detach().contiguous() for name in sorted(tensors)})


def unpack(data: bytes) -> dict[str, Tensor]:
    return load(data)


def stack(members: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """R dicts of tensors to one dict with a leading dimension R."""
    return {name: torch.stack([member[name] for member in members]) for name in members[0]}


def member(stacked: Mapping[str, Tensor], r: int) -> dict[str, Tensor]:
    """The tensors of one replicate."""
    return {name: tensor[r].clone() for name, tensor in stacked.items()}
