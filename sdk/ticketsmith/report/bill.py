"""Cost in words and tables."""

from .accounts import Cost, Interval, Payback
from .numbers import NONE, dollars, roughly, size
from .table import Table

NAMES = {
    "dense": "dense in fp32",
    "dense-int8": "dense in int8",
    "ticket": "as a ticket",
    "ticket-int8": "as a ticket in int8",
    "half": "dense with half the ticket's weights",
    "smaller": "dense with the ticket's weights",
    "double": "dense with twice the ticket's weights",
}
"""How an arm is bought, by its name; another one is bought under its own."""
MANY = {1_000_000: "a million", 1_000: "a thousand"}
NOT_MEASURED = "not measured"


def sentence(cost: Cost) -> str:
    """The answer in one sentence: what a unit costs by each way, the search, and when that has paid for itself."""
    spent = "the search cost " + searched(cost)
    if cost.unit is None:
        return f"What it costs to serve is not known ({cost.unpaid}); {spent}."
    ways = ", ".join(f"{dollars(arm.dollars.mean)} {NAMES.get(arm.arm, arm.arm)}" for arm in cost.arms)
    return f"{MANY[cost.per].capitalize()} {cost.unit}s cost {ways}; {spent} and {_pays(cost)}."


def conditions(cost: Cost) -> str:
    """Under what these figures hold."""
    serve, search = cost.rates.serve, cost.rates.search
    terms = f"At {dollars(serve.dollars_per_hour)} an hour for {serve.name}{_dated(serve.date)}"
    if search != serve:
        terms += f", and {dollars(search.dollars_per_hour)} for {search.name}, which searched"
    if cost.unit is None:
        return f"{terms}."
    replicas = " and ".join(sorted({_counted(arm.replicas, "replica") for arm in cost.arms}))
    return (
        f"{terms}: {replicas} of {_counted(cost.threads or 1, 'thread')} on it at a time, each as fast as the one that "
        f"was measured ({cost.machine}; {cost.how}). That they do not slow each other down is assumed, not measured."
    )


def arms(cost: Cost) -> Table:
    """A row for each arm."""
    unit, per = cost.unit or "unit", "1M" if cost.per == 1_000_000 else "1k"
    return Table(
        heads=[
            "Arm",
            "By",
            "Status",
            f"{unit.capitalize()}s / s",
            f"$ per {per} {unit}s",
            "Memory",
            f"J per 1k {unit}s",
        ],
        numeric=[False, False, False, True, True, True, True],
        rows=[
            [
                arm.arm,
                arm.backend,
                arm.status,
                roughly(arm.units_per_second),
                _between(arm.dollars),
                NONE if arm.bytes is None else size(arm.bytes),
                NOT_MEASURED if arm.joules is None else roughly(arm.joules),
            ]
            for arm in cost.arms
        ],
    )


def search(cost: Cost) -> Table:
    """A row for the trainings of each arm, and one for all."""
    trainings = cost.search
    rows = [
        [
            arm.arm,
            str(arm.trainings),
            roughly(arm.core_seconds / 3600),
            roughly(arm.gpu_seconds / 3600),
            _money(price),
        ]
        for arm, price in zip(trainings.spent, trainings.dollars, strict=True)
    ]
    total = str(sum(arm.trainings for arm in trainings.spent))
    rows.append(["all", total, roughly(trainings.core_hours), roughly(trainings.gpu_hours), _money(trainings.total)])
    return Table(
        heads=["Trained", "Trainings", "Core-hours", "GPU-hours", "$"],
        numeric=[False, True, True, True, True],
        rows=rows,
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def searched(cost: Cost) -> str:
    """Dollars of the search."""
    return "an unknown sum" if cost.search.total is None else dollars(cost.search.total)


def _pays(cost: Cost) -> str:
    if cost.payback is None:
        return f"has not paid for itself: {cost.unpaid}"
    payback, best = cost.payback, NAMES.get(cost.payback.over, cost.payback.over)
    if payback.units is None:
        return f"never pays for itself: {best} is no dearer than {_bought(payback).removeprefix('as ')}"
    surely = payback.units.low is None or payback.units.high is not None
    pays = "has paid for itself after" if surely else "may pay for itself after about"
    answer = f"{pays} {roughly(payback.units.mean)} {cost.unit}s{_ends(payback.units)} {_bought(payback)}"
    if payback.days is None:
        return f"{answer} instead of {best}"
    asked = f"{roughly(cost.rates.per_day or 0)} {cost.unit}s a day"
    return f"{answer} instead of {best}, that is {roughly(payback.days.mean)} days at {asked}"


def _bought(payback: Payback) -> str:
    return NAMES[payback.ticket]


def _ends(units: Interval) -> str:
    if units.low is None:
        return ""
    return f" [{roughly(units.low)}, {'perhaps never' if units.high is None else roughly(units.high)}]"


def _between(interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return dollars(interval.mean)
    return f"{dollars(interval.mean)} [{dollars(max(0.0, interval.low))}, {dollars(interval.high)}]"


def _money(price: float | None) -> str:
    return NONE if price is None else dollars(price)


def _dated(date: str | None) -> str:
    return f" ({date})" if date else ""
