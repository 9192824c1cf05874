"""As `pell`, with weights of 19 bits that hold their index in the rest: on request, as it is other arithmetic."""

from collections.abc import Sequence

from torch import Tensor, nn

from ..tracing import graph
from . import Forward, Kind
from ._ticket import compacted, single

KIND = Kind(precision="float32 of 19 bits", asked=True)


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The compacted ticket. Raises NotApplicable."""
    return single(compacted(graph(masked, masks, shape)), "pell19")
