"""Ways to make what is served, one for each arm, and rows of what they take.

An arm has the fastest way that it was found to have: dense and ticket alike.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Protocol

import numpy as np
import torch

from ticketsmith.lottery.results import Ratio, Refusal, ServedRow, Summary
from ticketsmith.lottery.spec import BenchmarkOptions

from ..backends import Kind
from ..energy import Joules, meter
from ..statistics import summary
from ..timing import Rounds, measure, ratio

DENSE, DENSE_INT8, TICKET, TICKET_INT8 = ARMS = ("dense", "dense-int8", "ticket", "ticket-int8")


def arms_of(kinds: Mapping[str, Kind]) -> dict[str, str]:
    """The arm of each back-end that is a way of one."""
    return {name: arm for name, kind in kinds.items() if (arm := arm_of(kind))}


def arm_of(kind: Kind) -> str | None:
    """The arm that a back-end is a way of; None for a control, and for precisions that no arm has."""
    arms = {
        (True, "float32"): DENSE,
        (True, "int8"): DENSE_INT8,
        (False, "float32"): TICKET,
        (False, "int8"): TICKET_INT8,
    }
    return None if kind.control else arms.get((kind.dense, kind.precision))


@dataclass(frozen=True, kw_only=True)
class Way:
    """A call that makes so many units."""

    arm: str
    backend: str
    call: Callable[[], object]
    bytes: int | None
    device: str = "cpu"


class Maker(Protocol):
    """The ways of a subject. It crosses a pipe, so it is made of values and of names of the top level."""

    def ways(self, names: Collection[str] | None = None) -> tuple[list[Way], list[Refusal]]:
        """Those of these back-ends, or all, each checked against its network; and those that there are not."""


@dataclass(frozen=True)
class Timed:
    """Latencies of a process, by arm, and the joules of its counted calls where the machine shows them."""

    rounds: Mapping[str, Rounds]
    joules: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Turn:
    """The work of one process: some rounds over the fastest ways."""

    maker: Maker
    backends: Collection[str]
    options: BenchmarkOptions
    rounds: range

    def __call__(self) -> Callable[[], Timed]:
        torch.set_num_threads(self.options.threads)
        ways, _ = self.maker.ways(self.backends)
        return lambda: timed(ways, self.options.seconds, self.rounds)


def timed(ways: Sequence[Way], seconds: float, rounds: range) -> Timed:
    """Interleaved rounds of every way."""
    joules, calls = Joules(meter()), {way.arm: way.call for way in ways}
    with torch.inference_mode():
        latencies = measure(calls, len(rounds), seconds, first=rounds.start, within=joules.of)
    return Timed(latencies, dict(joules.spent))


def fastest(seconds: Mapping[str, float], arms: Mapping[str, str]) -> dict[str, str]:
    """The back-end of each arm that takes least, by what each was found to take.

    >>> fastest({"a": 2.0, "b": 1.0, "c": 3.0}, {"a": "dense", "b": "dense", "c": "ticket"})
    {'dense': 'b', 'ticket': 'c'}
    """
    backends = {arm: [name for name in seconds if arms[name] == arm] for arm in dict.fromkeys(arms.values())}
    return {arm: min(names, key=lambda name: seconds[name]) for arm, names in backends.items() if names}


def rows(
    ways: Sequence[Way],
    repetitions: Mapping[str, Sequence[float]],
    joules: Mapping[str, float],
) -> list[ServedRow]:
    """A row for each way, from seconds of a unit in each repetition, which all arms share, and from joules of one."""
    opponents = [way.arm for way in ways if way.arm not in (TICKET, TICKET_INT8)]
    return [
        ServedRow(
            arm=way.arm,
            backend=way.backend,
            seconds=_mean(repetitions[way.arm]),
            ratios=[_ratio(to, repetitions[to], repetitions[way.arm]) for to in opponents if to != way.arm],
            device=way.device,
            bytes=way.bytes,
            joules=joules.get(way.arm) if way.device == "cpu" else None,
        )
        for way in sorted(ways, key=lambda way: [*ARMS, way.arm].index(way.arm))
    ]


def _mean(seconds: Sequence[float]) -> Summary:
    """The geometric mean, whose interval one slow process does not make that of a mean of sums."""
    logs = summary([log(time) for time in seconds])
    low, high = (None if end is None else exp(end) for end in (logs.low, logs.high))
    return Summary(mean=exp(logs.mean), se=None, low=low, high=high, n=logs.n)


def _ratio(to: str, theirs: Sequence[float], ours: Sequence[float]) -> Ratio:
    both = ([[[seconds] for seconds in arm]] for arm in (theirs, ours))  # as the rounds of one process
    middle, low, high = ratio(*both)
    return Ratio(to=to, ratio=middle, low=low, high=high)


def repeated(processes: Sequence[Rounds], units: int) -> list[float]:
    """Seconds of a unit in each process: its median over rounds; in a single process, in each round."""
    medians = [[float(np.median(calls)) / units for calls in rounds] for rounds in processes]
    return medians[0] if len(medians) == 1 else [float(np.median(process)) for process in medians]


def energy(spent: Sequence[Mapping[str, float]], calls: Mapping[str, int], units: int) -> dict[str, float]:
    """Joules of a unit by arm, over all processes; nothing where one of them could not measure."""
    metered = [arm for arm in calls if spent and all(arm in joules for joules in spent)]
    return {arm: sum(joules[arm] for joules in spent) / (calls[arm] * units) for arm in metered}
