"""Chains: the steps of one arm and level, which one process runs in order; and what follows a chain.

A workflow engine cannot read the spec. It is told what follows in words that it only has to compare.
"""

from collections.abc import Sequence

from ..errors import UsageError
from .controls import CONTROLS, beside
from .imp import imp
from .results import Status
from .schedule import furthest, rounds
from .spec import Experiment
from .steps import Step

NONE = "none"


def chain(spec: Experiment, *, cohort: int, level: int, arm: str, kinds: Sequence[str]) -> list[Step]:
    """The steps of one arm and level, in order. Raises UsageError if the spec has no such chain.

    A benchmark is that of an experiment which ends at this level, be it by plan or by an early stop.
    """
    last = min(level, furthest(spec))
    at = (level, arm)
    every = imp(spec, cohorts=cohort + 1, last=last, measured=last)
    steps = [s for s in every if s.cohort == cohort and (s.level, s.arm) == at and s.kind in kinds]
    if [step.kind for step in steps] != list(kinds):
        problem = f"the spec has no chain {','.join(kinds)} of arm {arm} at level {level}"
        raise UsageError(problem, "list its steps, in order, with `ticketsmith run imp --dry-run`")
    return steps


def goes_on(spec: Experiment, step: Step, status: Status | None, broken: bool | None = None) -> bool:
    """Tell whether another round follows this one: the ticket's verdict decides, no control's.

    Past the target, a FAIL that is not `broken`, since one of so many levels may fail wrongly, does not end the rounds.
    """
    judged = status if step.arm == "ticket" else None
    if spec.stop_on_fail and judged == "FAIL":
        return False
    if step.level < rounds(spec.pruning):
        return True
    holds = judged in ("PASS", "UNDECIDED") or (judged == "FAIL" and broken is False)
    return holds and step.level < furthest(spec)


def undecided(spec: Experiment, step: Step, status: Status) -> bool:
    """Tell whether this verdict calls for another cohort: only the ticket's at the target, while one may be bought."""
    last = step.arm == "ticket" and step.level == rounds(spec.pruning)
    return last and status == "UNDECIDED" and step.cohort + 1 < spec.cohorts


def follows(spec: Experiment, step: Step, status: Status | None, broken: bool | None = None) -> dict[str, str]:
    """The step that follows a chain that ended with `step` and, if that is a gate, its status, `broken` or not.

    `next` is the level of the next round, or `none`; `again` the cohort that follows the last round, or `none`;
    `measured` the level whose speed is measured if this is the last; each control is `true` if it runs beside the
    ticket.
    """
    more = goes_on(spec, step, status, broken)
    controls = {name: str(name in beside(spec, step.level)).lower() for name in CONTROLS}
    again = str(step.cohort + 1) if status and undecided(spec, step, status) else NONE
    after = {"next": str(step.level + 1) if more else NONE, "again": again}
    return {"status": status or NONE, **after, "measured": str(min(step.level, rounds(spec.pruning))), **controls}
