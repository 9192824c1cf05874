"""The safe zone and the breaking point: how far pruning may go, and where quality is lost for certain."""

from collections.abc import Sequence

from ..lottery.results import Record, Verdict
from ..lottery.scan import safe
from .numbers import removed

RULE = (
    "The safe zone ends at the largest sparsity up to which every level is PASS; the breaking point is the first level "
    "that is FAIL even where all levels are counted, since each has a chance to fail wrongly. "
    "UNDECIDED ends the zone and breaks nothing."
)


class Zones(Record):
    """Zones of the ticket's levels. Null: not even the first level passed, or no level failed."""

    safe: Verdict | None
    breaking: Verdict | None

    @property
    def safe_words(self) -> str:
        return f"dense to {removed(self.safe.sparsity)}" if self.safe else "empty: the first level did not pass"

    @property
    def breaking_words(self) -> str:
        return removed(self.breaking.sparsity) if self.breaking else "not reached"


def zones(ticket: Sequence[Verdict]) -> Zones:
    """The zones of the ticket's verdicts, which come by level; a level that was not judged ends the safe zone."""
    count = safe(each.level == level and each.status == "PASS" for level, each in enumerate(ticket, start=1))
    breaking = next((verdict for verdict in ticket if verdict.status == "FAIL" and verdict.broken is not False), None)
    return Zones(safe=ticket[count - 1] if count else None, breaking=breaking)
