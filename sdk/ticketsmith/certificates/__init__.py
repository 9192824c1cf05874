"""One file per published result that `ticketsmith reproduce` holds this implementation to. Free of torch.

A claim passes if the mean of our replicates lies within the tolerance that stands here, in the source, before anything
is trained. The interval says how sure that is, and the chance that a repetition would pass says it in one number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, cast

from ..errors import UsageError
from ..lottery.choices import guess
from ..lottery.results import Record, Summary

NAMES = ("lth-lenet",)

Measure = Literal[
    "remaining", "dense accuracy", "early stop", "early stop of re-init", "gain", "gain of re-init", "lead"
]
"""`ticketsmith_runner.certify` says what each is, and its unit."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One published figure."""

    text: str
    measure: Measure
    level: int
    published: float
    low: float
    high: float
    """Tolerance, both ends included."""
    basis: str
    """Sources of the figure and the tolerance."""


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """Each file's content, as `CERTIFICATE`."""

    summary: str
    source: str
    budgets: Mapping[str, Mapping[str, Any]]
    """Spec fields by the name of the budget."""
    claims: tuple[Claim, ...]


class Checked(Record):
    """A claim, and what was found."""

    text: str
    measure: Measure
    level: int
    published: float
    low: float
    high: float
    ours: Summary
    passed: bool
    beyond: bool
    """The mean passes, and its interval leaves the tolerance."""
    again: float | None
    """Chance that the mean of as many fresh replicates passes, by a t predictive distribution. Null without a standard
    error: of the schedule, and of a single replicate."""

    @property
    def scheduled(self) -> bool:
        """True if the line is arithmetic of the pruning schedule, which comes out the same whatever is trained."""
        return self.measure == "remaining"


class Tally(Record):
    """Lines that pass, and those that were tried."""

    passed: int
    tried: int


class Certified(Record):
    """`ticketsmith reproduce -o json`."""

    name: str
    source: str
    budget: str
    run: str
    version: str
    checked: list[Checked]
    schedule: Tally
    """Lines that are arithmetic of the pruning schedule: no evidence about training."""
    measured: Tally
    again: float | None
    """Chance that a repetition with fresh seeds passes every measured line, the lines taken as independent."""
    untried: list[str]
    """Claims about levels that this budget does not reach."""


def certificate(name: str) -> Certificate:
    """A certificate by its name. Raises UsageError with the choices."""
    if name not in NAMES:
        raise UsageError(f"no certificate {name!r}", f"{guess(name, NAMES)}choose from {', '.join(NAMES)}")
    return cast(Certificate, import_module(f".{name.replace('-', '_')}", __name__).CERTIFICATE)
