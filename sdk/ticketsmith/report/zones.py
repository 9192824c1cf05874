"""The safe zone and the breaking point: how far pruning may go, and where quality is lost for certain."""

from collections.abc import Sequence

from ..lottery.results import Record, Verdict
from ..lottery.scan import safe
from .numbers import removed

RULE = (
    "The safe zone ends at the largest sparsity up to which every level is PASS; the breaking point is the first level "
    "that is FAIL even where all levels are counted, since each has a chance to fail wrongly. "
    "An undecided level ends the safe zone but is not the breaking point."
)


class Zones(Record):
    """Zones of the ticket's levels. Null: not even the first level passed, or no level failed."""

    safe: Verdict | None
    breaking: Verdict | None

    @property
    def sentence(self) -> str:
        """Both ends in words; empty where nothing passed."""
        lost = f"at {self.breaking_words} quality is surely lost" if self.breaking else "none has surely lost quality"
        return f"Every level up to {removed(self.safe.sparsity)} passed; {lost}." if self.safe else ""

    @property
    def safe_words(self) -> str:
        return f"dense to {removed(self.safe.sparsity)}" if self.safe else "empty: the first level did not pass"

    @property
    def breaking_words(self) -> str:
        return removed(self.breaking.sparsity) if self.breaking else "not reached"


def zones(ticket: Sequence[Verdict]) -> Zones:
    """The zones of the ticket's verdicts, which come by level; a level that was not judged ends the safe zone."""
    count = safe(verdict.level == level and verdict.status == "PASS" for level, verdict in enumerate(ticket, start=1))
    breaking = next((verdict for verdict in ticket if verdict.status == "FAIL" and verdict.broken is not False), None)
    return Zones(safe=ticket[count - 1] if count else None, breaking=breaking)
