"""`--max-cost`: dollars as the time after which a workflow ends. Argo holds it to that, whoever watches.

At that time the executor beside each pod ends it, and no other pod starts; then the report is written. Paid for are
the pods that hold a GPU or, where no machine has one, all: each as if it had a whole machine to itself.
"""

from dataclasses import dataclass

from ..errors import UsageError
from ..hardware import HOURS
from ..prices import MORE, search_rate

LEAST = 60  # seconds: what ends sooner has not begun
GRACE = 30  # seconds that a pod has to end in


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Limits of a run as they were asked for, and the price of a machine."""

    hours: float | None = None
    cost: float | None = None
    """Dollars."""
    price: float | None = None
    """Dollars for an hour of one machine."""


def terms(hours: float | None, cost: float | None, price: str | None, prices: str | None) -> Terms:
    """Options as terms. Of a price list it is the machine that searches, unless one is named.

    Raises UsageError for a cost without a price. A list that leaves the machine open is none, as long as no cost asks.
    """
    machine = search_rate(price, prices)
    if cost is not None and machine is None:
        if prices is None:
            raise UsageError("--max-cost: no price was given, and none is taken for granted", MORE)
        raise UsageError(f"--max-cost: which machine of {prices} is the run on?", "name it: --price NAME")
    return Terms(hours=hours, cost=cost, price=machine.dollars_per_hour if machine else None)


def seconds(asked: Terms, machines: int, after: float) -> int | None:
    """Seconds that the workflow may take; None: as long as its template allows.

    `machines` are paid for at a time, and one of them for `after` seconds more. Raises UsageError for too few dollars,
    or for a run that costs none.
    """
    limit = None if asked.hours is None else round(asked.hours * 3600)
    if asked.cost is None or asked.price is None:
        return limit
    if machines == 0:
        raise UsageError("--max-cost: no pod of this run is paid for by the hour", "--max-hours ends it")
    most = (asked.cost / asked.price * 3600 - after) / machines - GRACE
    if most < LEAST:
        least = asked.price / 3600 * ((LEAST + GRACE) * machines + after)
        raise UsageError(
            f"--max-cost {asked.cost:g}: {machines} machines at ${asked.price:g} an hour leave no minute of work",
            f"--max-cost {max(0.01, round(least + 0.005, 2)):g}, or more",
        )
    return min(limit or HOURS * 3600, int(most))
