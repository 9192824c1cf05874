"""Exact compaction: what no surviving weight reads or feeds is removed; what is left runs in dense kernels."""

from collections.abc import Sequence

from torch import Tensor, nn

from ..compaction import compact
from . import Forward

DENSE = False


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The masked network without its dead inputs and units. Raises NotApplicable."""
    return Forward(compact(masked, masks))
