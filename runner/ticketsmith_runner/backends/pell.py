"""The ticket one sample at a time (AVX-512): Linear layers by permutations of registers, convolutions as code."""

from collections.abc import Sequence

from torch import Tensor, nn

from . import Forward
from ._ticket import single

DENSE = False


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The compacted ticket. Raises NotApplicable."""
    return single(masked, masks, shape)
