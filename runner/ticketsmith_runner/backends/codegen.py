"""The ticket as generated code: the mask is in the instructions (AVX-512 or AVX2). See ticketsmith_runtime.kernels."""

from collections.abc import Sequence

from torch import Tensor, nn

from ..tracing import graph
from . import Forward, Kind
from ._ticket import compacted, tiled

KIND = Kind()


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The compacted ticket. Raises NotApplicable."""
    return tiled(compacted(graph(masked, masks, shape)), "codegen")
