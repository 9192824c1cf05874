"""The limits of a Workflow: its deadline, which Argo keeps, and what was asked for, as annotations beside it."""

import math
from dataclasses import dataclass

from ..argo import Document

PRICE = "ticketsmith.dev/price"
"""Annotation: dollars for an hour of one machine, as whoever submitted it said."""
COST, HOURS = "ticketsmith.dev/max-cost", "ticketsmith.dev/max-hours"
"""Annotations: dollars and hours that it was to end within. Either may have made the deadline."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The end of a Workflow, exit handler aside, and what it was made from."""

    seconds: int | None = None
    """None: as long as its template allows."""
    price: float | None = None
    """Dollars for an hour of one machine; None where nobody said one."""
    cost: float | None = None
    """Dollars."""
    hours: float | None = None

    @property
    def annotations(self) -> dict[str, str]:
        """All that was said, to be read again by `limits_of`."""
        limits = {PRICE: self.price, COST: self.cost, HOURS: self.hours}
        return {name: f"{value:.12g}" for name, value in limits.items() if value}


UNLIMITED = Limits()


def limits_of(workflow: Document) -> Limits:
    """Those of a Workflow. A deadline that no cost was noted for was hours, whoever wrote it."""
    annotations = workflow["metadata"].get("annotations") or {}
    price, cost, hours = (_positive(annotations.get(name)) for name in (PRICE, COST, HOURS))
    seconds: int | None = workflow["spec"].get("activeDeadlineSeconds")
    if seconds and cost is None:
        hours = seconds / 3600
    return Limits(seconds=seconds, price=price, cost=cost, hours=hours)


def _positive(text: str | None) -> float | None:
    """A number above zero; None for somebody else's words."""
    try:
        number = float(text or 0)
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None
