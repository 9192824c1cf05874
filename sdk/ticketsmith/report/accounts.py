"""The account of a run in dollars, with what each figure was made from. Formulas: docs/cost.md."""

from typing import Literal

from pydantic import Field

from ..lottery.price import Rates
from ..lottery.results import Record, Status
from .findings import Spent

FORMULAS = {
    "replicas": "max(1, floor(cores / threads)); on a GPU, gpus",
    "dollars": "serve.dollars_per_hour / 3600 / replicas * seconds * per",
    "search": "core_hours * search.dollars_per_hour / cores + gpu_hours * search.dollars_per_hour / gpus",
    "saved": "dollars / per of `over` * (1 - replicas of `over` / replicas of `ticket` / speed)",
    "break_even": "search.total / saved",
    "days": "break_even / per_day",
}
Standing = Status | Literal["baseline", "not judged"]


class Interval(Record):
    """A number with its 95 % interval. Null ends: a single repetition has none; of units, `high`: perhaps never."""

    mean: float
    low: float | None
    high: float | None


class Arm(Record):
    """An arm at what it is paid for."""

    arm: str
    backend: str
    status: Standing
    """The gate's word on it, of this back-end where that is in int8."""
    seconds: Interval
    """Of a replica, for one unit."""
    replicas: int
    """On one machine."""
    units_per_second: float
    """Of a replica."""
    dollars: Interval
    """For `per` units."""
    bytes: int | None
    joules: float | None
    """For 1,000 units; null: not measured."""


class Search(Record):
    """The trainings of a run."""

    spent: list[Spent]
    dollars: list[float | None]
    """Of each arm; null where the cores of its machine are not known."""
    core_hours: float
    gpu_hours: float
    total: float | None
    cores: int | None


class Payback(Record):
    """The search against what is saved by the cheapest ticket that passes, over the cheapest arm that is no ticket."""

    ticket: str
    over: str
    speed: Interval
    """Of the ticket, over that arm's."""
    saved: Interval
    """Dollars for one unit; the ends are the farthest that both of its intervals allow."""
    units: Interval | None
    """Null: never, for nothing is saved."""
    days: Interval | None
    """Null: never, or nobody said how many units a day are asked for."""


class Cost(Record):
    """All figures of a run in dollars, with what they were made from."""

    formulas: dict[str, str] = Field(default_factory=FORMULAS.copy)
    rates: Rates
    unit: Literal["token", "image", "inference"] | None = None
    """Null: no speed was measured."""
    per: int = 1
    how: str | None = None
    machine: str | None = None
    """The one that was measured."""
    cores: int | None = None
    threads: int | None = None
    batch_size: int | None = None
    arms: list[Arm] = Field(default_factory=list)
    search: Search
    payback: Payback | None = None
    unpaid: str | None = None
    """The reason why there is no `payback`."""

    def arm(self, name: str) -> Arm | None:
        """The figures of an arm, where it was timed."""
        return next((arm for arm in self.arms if arm.arm == name), None)


def ticket(arm: str) -> bool:
    """Tell whether an arm is a ticket, in fp32 or in int8."""
    return arm.partition("-")[0] == "ticket"
