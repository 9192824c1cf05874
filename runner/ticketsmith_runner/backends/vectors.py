"""The ticket one sample at a time (AVX-512), where its weights are vectors of 16 units of one input."""

from collections.abc import Sequence

from torch import Tensor, nn

from ticketsmith_runtime.kernels.vectors import FULL, fill

from ..tracing import graph
from . import Forward, Kind, NotApplicable
from ._ticket import compacted, single

KIND = Kind()


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The compacted ticket. Raises NotApplicable."""
    traced = compacted(graph(masked, masks, shape))
    if (found := fill(traced.layers())) < FULL:
        raise NotApplicable(f"its weights are no vectors of 16: they would fill {found:.0%} of the lanes")
    return single(traced, "vectors")
