"""Exact compaction: what no surviving weight reads or feeds is removed; what is left runs in dense kernels."""

from collections.abc import Sequence

from torch import Tensor, nn

from ticketsmith_runtime import channels

from ..compaction import Network, compact
from ..tracing import graph
from . import Forward, Kind, NotApplicable

KIND = Kind()


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The masked network without its dead inputs, units and channels. Raises NotApplicable."""
    return Forward(network(masked, masks, shape))


def network(masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> nn.Module:
    """What is left of it. Raises NotApplicable."""
    try:
        return compact(masked, masks)
    except NotApplicable:
        return Network(channels.compact(graph(masked, masks, shape))).eval()
