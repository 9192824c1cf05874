"""Cost of a unit and of the search, and the units after which that has paid for itself. Formulas: docs/cost.md."""

from ..lottery.price import Rate, Rates
from ..lottery.results import Served, ServedRow, Speed, Summary
from .accounts import Arm, Cost, Interval, Payback, Search, Standing, ticket
from .findings import Findings, Spent
from .standing import rival, standing

HOUR = 3600  # seconds
PER = {"token": 1_000_000, "image": 1_000, "inference": 1_000_000}
"""Units that a price is told for."""


def cost(findings: Findings) -> Cost | None:
    """The figures at the prices that were given; None where none were."""
    if (rates := findings.rates) is None:
        return None
    speed = findings.speed
    search = _search(findings.spent, rates.search, _cores(rates, speed))
    if speed is None or speed.served is None:
        reason = "no speed was measured" if speed is None else "speed was measured by a version that knew no unit"
        return Cost(rates=rates, search=search, unpaid=reason)
    served, cores = speed.served, rates.serve.cores or speed.machine.cores
    per, many = PER[served.unit], {"cpu": max(1, cores // speed.machine.threads)}
    arms = [
        _arm(row, standing(row, findings), per, rates.serve, many.get(row.device, rates.serve.gpus))
        for row in served.rows
    ]
    payback, unpaid = _payback(arms, served, search.total, rates)
    return Cost(
        rates=rates,
        unit=served.unit,
        per=per,
        how=served.how,
        machine=f"{speed.machine.cpu}, {speed.machine.device}",
        cores=cores,
        threads=speed.machine.threads,
        batch_size=served.batch_size,
        arms=arms,
        search=search,
        payback=payback,
        unpaid=unpaid,
    )


def _cores(rates: Rates, speed: Speed | None) -> int | None:
    """Cores of the machine that searched: those of its price, or of the machine that was measured where it is that."""
    measured = speed.machine.cores if speed else None
    return rates.search.cores or (measured if rates.search == rates.serve else None)


def _search(spent: list[Spent], rate: Rate, cores: int | None) -> Search:
    def priced(arm: Spent) -> float | None:
        if arm.core_seconds and cores is None:
            return None
        by_core = arm.core_seconds / HOUR * rate.dollars_per_hour / (cores or 1)
        return by_core + arm.gpu_seconds / HOUR * rate.dollars_per_hour / rate.gpus

    dollars = [priced(arm) for arm in spent]
    known = [paid for paid in dollars if paid is not None]
    return Search(
        spent=spent,
        dollars=dollars,
        core_hours=sum(arm.core_seconds for arm in spent) / HOUR,
        gpu_hours=sum(arm.gpu_seconds for arm in spent) / HOUR,
        total=sum(known) if len(known) == len(dollars) else None,
        cores=cores,
    )


def _arm(row: ServedRow, status: Standing, per: int, rate: Rate, replicas: int) -> Arm:
    seconds = _interval(row.seconds)
    return Arm(
        arm=row.arm,
        backend=row.backend,
        status=status,
        seconds=seconds,
        replicas=replicas,
        units_per_second=1 / seconds.mean,
        dollars=_times(seconds, rate.dollars_per_hour / HOUR / replicas * per),
        bytes=row.bytes,
        joules=None if row.joules is None else 1000 * row.joules,
    )


def _payback(arms: list[Arm], served: Served, search: float | None, rates: Rates) -> tuple[Payback | None, str | None]:
    """The payback, or why there is none. No ticket that has not passed saves anything; dense may be had unjudged."""
    others = [arm for arm in arms if rival(arm.arm, arm.status)]
    passed = [arm for arm in arms if ticket(arm.arm) and arm.status == "PASS"]
    if not passed:
        stand = ", ".join(f"{arm.arm} is {arm.status}" for arm in arms if ticket(arm.arm))
        reason = f"no ticket passes the gate ({stand})" if stand else "no ticket was timed"
        return None, f"{reason}, so that no saving is claimed"
    if search is None:
        return None, "the cores of the machine that searched are not known"
    ours, theirs = (min(some, key=lambda arm: arm.dollars.mean) for some in (passed, others))
    ratio = served.ratio(ours.arm, theirs.arm)
    assert ratio, "every ticket is held against every arm that is none"
    speed = Interval(mean=ratio.ratio, low=ratio.low, high=ratio.high)
    price = _times(theirs.dollars, 1 / PER[served.unit])
    saved = _saved(price, speed, theirs.replicas / ours.replicas)
    units = _units(saved, search)
    days = _times(units, 1 / rates.per_day) if units and rates.per_day else None
    return Payback(ticket=ours.arm, over=theirs.arm, speed=speed, saved=saved, units=units, days=days), None


def _saved(price: Interval, speed: Interval, replicas: float) -> Interval:
    """Dollars saved by a unit, from what it costs by the other arm; `replicas`: of that, for each of ours."""
    prices, speeds = ([end for end in (interval.low, interval.high) if end is not None] for interval in (price, speed))
    ends = [dollars * (1 - replicas / ratio) for dollars in prices for ratio in speeds]
    mean = price.mean * (1 - replicas / speed.mean)
    return Interval(mean=mean, low=min(ends, default=None), high=max(ends, default=None))


def _units(saved: Interval, search: float) -> Interval | None:
    """Units until so many dollars are saved; None: never."""
    if saved.mean <= 0:
        return None
    low = None if saved.high is None else search / saved.high
    high = None if saved.low is None or saved.low <= 0 else search / saved.low
    return Interval(mean=search / saved.mean, low=low, high=high)


def _interval(summary: Summary) -> Interval:
    return Interval(mean=summary.mean, low=summary.low, high=summary.high)


def _times(interval: Interval, factor: float) -> Interval:
    low, high = (None if end is None else factor * end for end in (interval.low, interval.high))
    return Interval(mean=factor * interval.mean, low=low, high=high)
