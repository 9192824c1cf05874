"""The rounds of a benchmark, shared by fresh processes: each builds the back-ends and times its part."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import cycle
from typing import Any

import torch

from ticketsmith.lottery.results import Refusal
from ticketsmith.lottery.spec import BenchmarkOptions

from ..energy import Joules, Within, meter, unmetered
from ..inputs import Inputs, batches, rows
from ..memory import parts
from ..parcel import Parcel
from ..subject import Subject
from ..timing import Clock, Rounds, measure
from . import Forward, every
from .admission import admit
from .rungs import admitted as admitted_rungs

FEWEST, MOST = 3, 4
"""Processes: a fifth would narrow an interval by a fifth, and take two seconds before its first round."""
LEAST = 2
"""Rounds of each."""
FEW = 2  # examples that a process checks its back-ends on; their outputs were checked on all, before
Latencies = dict[int, dict[str, Rounds]]
"""Of one process, by batch size and back-end."""


def shares(rounds: int) -> list[range]:
    """The rounds of each process; none where they are too few.

    >>> shares(16)
    [range(0, 4), range(4, 8), range(8, 12), range(12, 16)]
    >>> shares(5)
    []
    """
    count = min(MOST, rounds // LEAST)
    return parts(rounds, -(-rounds // count)) if count >= FEWEST else []


@dataclass(frozen=True, kw_only=True)
class Share:
    """The work of one process."""

    parcel: Parcel
    backends: Collection[str]
    options: BenchmarkOptions
    rounds: range
    rungs: Mapping[str, Parcel] = field(default_factory=dict)
    """Smaller dense networks by name."""

    def __call__(self) -> Callable[[], tuple[list[Refusal], Latencies, dict[str, float]]]:
        """Build the back-ends; what comes back times those that were not refused."""
        torch.set_num_threads(self.options.threads)
        subject = self.parcel.subject()
        chosen = {name: backend for name, backend in every().items() if name in self.backends}
        admitted = admit(chosen, _few(subject), self.options.batch_sizes)
        climbed = {name: _few(parcel.subject()) for name, parcel in self.rungs.items()}
        beside = admitted_rungs(climbed, chosen, self.options.batch_sizes)
        times = partial(timed, admitted.forwards | beside, subject.inputs, self.options, self.rounds)
        return lambda: (admitted.refused, *times())


def _few(subject: Subject) -> Subject:
    return replace(subject, inputs=rows(subject.inputs, slice(FEW)))


def timed(
    forwards: Mapping[str, Forward],
    inputs: Inputs,
    options: BenchmarkOptions,
    rounds: range,
    clock: Clock = time.perf_counter,
    tell: Callable[[int], None] = lambda done: None,
) -> tuple[Latencies, dict[str, float]]:
    """Latencies of each back-end on the same batches, over and over. `tell` hears how many sizes are done.

    Beside them, where the machine shows them, the joules of each in the largest batch.
    """
    latencies: Latencies = {}
    sizes, joules = sorted(set(options.batch_sizes)), Joules(meter())
    for size in sizes:
        within = joules.of if size == sizes[-1] else unmetered
        latencies[size] = _timed(forwards, batches(inputs, size), options, rounds, clock, within)
        tell(len(latencies))
    return latencies, dict(joules.spent)


def _timed(
    forwards: Mapping[str, Forward],
    parts: Sequence[Inputs],
    options: BenchmarkOptions,
    rounds: range,
    clock: Clock,
    within: Within,
) -> dict[str, Rounds]:
    calls = {
        name: _call(forward, cycle([forward.prepare(part) for part in parts])) for name, forward in forwards.items()
    }
    with torch.inference_mode():  # entered once: within every call it would be part of the time
        return measure(calls, len(rounds), options.seconds, clock, first=rounds.start, within=within)


def _call(forward: Forward, parts: Iterator[Any]) -> Callable[[], object]:
    call = forward.call
    return lambda: call(next(parts))
