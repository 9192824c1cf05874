"""Each weight by itself, as in the Lottery Ticket Hypothesis paper. Counts are exact."""

from collections.abc import Mapping

from torch import Tensor, nn

from .. import masks


def prune(
    network: nn.Module, scores: Mapping[str, Tensor], alive: Mapping[str, Tensor], counts: Mapping[str, int]
) -> dict[str, Tensor]:
    """The best-scored survivors."""
    return masks.prune(scores, alive, counts)
