"""The smaller dense networks beside dense and ticket: the same units, by networks of their own.

How long a dense network takes does not depend on its values, so that none has to be trained for it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from ticketsmith.errors import UsageError
from ticketsmith.lottery.results import Refusal
from ticketsmith_runtime.graph import Unsuited

from ..applicable import NotApplicable
from ..backends.rungs import BETWEEN, rung_in
from .ways import DENSE, Maker, Way


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """The ways of a network, and by `rung/back-end` the dense ones of each rung."""

    whole: Maker
    rungs: Mapping[str, Maker]
    refused: tuple[Refusal, ...] = ()
    """Rungs of which no unit can be made."""

    def ways(self, names: Collection[str] | None = None) -> tuple[list[Way], list[Refusal]]:
        """Those of these names, or all. A rung's ways are of an arm that has its name."""
        ways, refused = self.whole.ways(names)
        for rung, maker in self.rungs.items():
            there, not_there = maker.ways(None if names is None else _within(rung, names))
            ways += [_of(rung, way) for way in there if way.arm == DENSE]
            refused += [
                refusal.model_copy(update={"backend": f"{rung}{BETWEEN}{refusal.backend}"}) for refusal in not_there
            ]
        return ways, [*refused, *self.refused]


def ladder(whole: Maker, rungs: Collection[str], make: Callable[[str], Maker]) -> Ladder:
    """A maker for each rung beside that of the whole network; what stands in the way of one is said, and no more."""
    makers, refused = dict[str, Maker](), list[Refusal]()
    for rung in rungs:
        try:
            makers[rung] = make(rung)
        except (NotApplicable, Unsuited, UsageError) as reason:
            refused.append(Refusal(backend=rung, reason=str(reason)))
    return Ladder(whole=whole, rungs=makers, refused=tuple(refused))


def _within(rung: str, names: Collection[str]) -> list[str]:
    return [name.partition(BETWEEN)[2] for name in names if BETWEEN in name and rung_in(name) == rung]


def _of(rung: str, way: Way) -> Way:
    return replace(way, arm=rung, backend=f"{rung}{BETWEEN}{way.backend}")
