"""The ticket as generated code: the mask is in the instructions (AVX-512 or AVX2). See ticketsmith_runtime.kernels."""

from collections.abc import Sequence

from torch import Tensor, nn

from . import Forward
from ._ticket import tiled

DENSE = False


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The compacted ticket. Raises NotApplicable."""
    return tiled(masked, masks, shape, "codegen")
