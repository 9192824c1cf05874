"""The ticket one sample at a time (AVX-512): Linear layers by permutations of registers, convolutions as code."""

from collections.abc import Sequence

from torch import Tensor, nn

from ..tracing import graph
from . import Forward, Kind
from ._ticket import compacted, single

KIND = Kind()


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The compacted ticket. Raises NotApplicable."""
    return single(compacted(graph(masked, masks, shape)), "pell")
