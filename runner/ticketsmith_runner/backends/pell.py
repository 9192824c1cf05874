"""The ticket one sample at a time, by permutations of registers (AVX-512): for batch 1."""

from torch import Tensor, nn

from . import Forward
from ._ticket import single

DENSE = False


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor]) -> Forward:
    """The compacted ticket. Raises NotApplicable."""
    return single(masked, masks)
