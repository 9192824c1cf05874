"""One file per thing that competes for survival: `prune(network, scores, alive, counts)` gives the new masks."""

from collections.abc import Mapping
from typing import Protocol, cast

from torch import Tensor, nn

from ..names import load


class Granularity(Protocol):
    """Protocol of a file in this folder."""

    def prune(
        self, network: nn.Module, scores: Mapping[str, Tensor], alive: Mapping[str, Tensor], counts: Mapping[str, int]
    ) -> dict[str, Tensor]:
        """Masks inside `alive` that keep about `counts` weights, by layer, or in all under the key `""`.

        As near to a count as what competes allows. Raises ValueError if the network is none that it knows.
        """


def granularity(name: str) -> Granularity:
    """The file by its name."""
    return cast(Granularity, load("granularities", name))
