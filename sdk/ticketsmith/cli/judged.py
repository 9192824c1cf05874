"""Levels of a run that were judged: the one that `best` names, and the one that is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from .. import cards
from ..errors import UsageError
from ..ledger import Ledger
from ..lottery.results import Verdict
from ..lottery.spec import Experiment
from ..lottery.steps import Gate
from ..report.zones import zones
from ..runs import steps
from ..runs import verdict as verdict_of
from .again import again


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The ticket of a level, by its newest gate, which judges the cohorts before too."""

    gate: Gate
    verdict: Verdict

    @property
    def level(self) -> int:
        return self.gate.level


def judged(ledger: Ledger, spec: Experiment) -> list[Judged]:
    """Every level that was judged, the densest first. Raises UsageError if none was."""
    gates = (s for s in steps(ledger, spec) if isinstance(s, Gate) and s.arm == "ticket" and ledger.done(s))
    newest = {gate.level: gate for gate in gates}
    if not newest:
        fix = f"finish the run: `{again(spec, cards.read(ledger), ledger.store)}`"
        raise UsageError(f"no round of {ledger.run_id} was judged yet", fix)
    return [Judged(gate=gate, verdict=verdict_of(ledger, gate)) for gate in newest.values()]


def best(levels: Sequence[Judged]) -> Judged | None:
    """The last level up to which every ticket passed.

    A PASS beyond a level that did not pass is none: who looks at many levels finds one by chance.
    """
    safe = zones([ticket.verdict for ticket in levels]).safe
    return next((ticket for ticket in levels if safe and ticket.level == safe.level), None)


def numbered(levels: Sequence[Judged], level: int) -> Judged:
    """The level of that number. Raises UsageError if it was not judged."""
    if (named := next((ticket for ticket in levels if ticket.level == level), None)) is None:
        choices = ", ".join(
            f"{ticket.level} ({ticket.verdict.sparsity:.1%}, {ticket.verdict.status})" for ticket in levels
        )
        raise UsageError(f"no ticket of level {level} was judged", f"choose --level from {choices}")
    return named
