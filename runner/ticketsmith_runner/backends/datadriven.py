"""The ticket as offsets and weights that a small loop reads, for nets whose code would not fit the cache."""

from collections.abc import Sequence

from torch import Tensor, nn

from . import Forward
from ._ticket import tiled

DENSE = False


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """The compacted ticket. Raises NotApplicable."""
    return tiled(masked, masks, shape, "datadriven")
