"""The ticket as generated code: the mask is in the instructions (AVX-512 or AVX2). See ticketsmith_runtime.kernels."""

from torch import Tensor, nn

from . import Forward
from ._ticket import tiled

DENSE = False


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor]) -> Forward:
    """The compacted ticket. Raises NotApplicable."""
    return tiled(masked, masks, "codegen")
