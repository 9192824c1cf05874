"""The unit that a network is paid for by, timed whole: a token, or an image; for all others a forward pass.

What a task samples says which: texts are made of tokens, images are images.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from types import MappingProxyType

import torch
from torch import nn

from ticketsmith.errors import UsageError
from ticketsmith.lottery.results import Refusal, Served
from ticketsmith.lottery.spec import BenchmarkOptions
from ticketsmith_runtime.graph import Unsuited

from ..applicable import NotApplicable
from ..backends import every
from ..backends.shares import FEWEST, LEAST, shares
from ..fresh import processes
from ..subject import Subject
from ..tasks import Task
from .images import drawn, sampler
from .smaller import ladder
from .tokens import ALL, DENSE_ALONE, FP32, speaker
from .ways import DENSE, TICKET, Maker, Timed, Turn, Way, arm_of, energy, fastest, repeated, rows, timed

PATIENCE = 60.0
"""Seconds that all rounds may take, where calls are long; there are six rounds at least, for a process has two."""
FEW = FEWEST * LEAST
TRIES, ENOUGH = 3, 1.0
"""Calls by which a way is chosen; none more after so many seconds."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Units to be made, and who makes them."""

    maker: Maker
    unit: str
    units: int
    """Of one call."""
    batch_size: int
    how: str


def served(
    measured: Served,
    task: Task,
    subject: Subject,
    make: Callable[..., nn.Module],
    wanted: Collection[str],
    options: BenchmarkOptions,
    rungs: Mapping[str, Subject] = MappingProxyType({}),
) -> Served:
    """Tokens or images where the task has such samples; what was `measured` of forward passes where not, or in vain.

    `make` makes a network of the task's, or of a `rung` of the ladder; `rungs` are the smaller dense networks.
    """
    if task.sample is None:
        return measured
    try:
        return _timed(_plan(task, subject, make, wanted, options.int8, rungs), options)
    except (NotApplicable, Unsuited, UsageError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, NotApplicable) else error
        reason = str(cause).partition("\n")[0]
        how = f"{measured.how}, since what the task samples could not be timed: {reason}"
        return measured.model_copy(update={"how": how, "refused": [Refusal(backend="sample", reason=reason)]})


def _plan(
    task: Task,
    subject: Subject,
    make: Callable[..., nn.Module],
    wanted: Collection[str],
    int8: bool,
    rungs: Mapping[str, Subject],
) -> Plan:
    with torch.no_grad():
        texts = any(isinstance(sample, str) for sample in drawn(task, subject.dense))
    if texts:
        talk = speaker(subject, make, ALL if int8 else FP32)
        how = f"{talk.new} tokens after a prompt of {talk.prompt}, the prompt's time among theirs"
        maker = ladder(talk, rungs, lambda rung: speaker(rungs[rung], partial(make, rung=rung), ways=DENSE_ALONE))
        return Plan(maker=maker, unit="token", units=talk.new, batch_size=1, how=how)
    draws = sampler(task, subject, make, wanted)
    calls = draws.calls
    part = f"`{calls.name}`" if calls.name else "the network"
    times = f"{calls.count} call{'s' * (calls.count != 1)} of {part} in batches of {calls.size}"
    how = f"sample(): {calls.images} images, {times}"
    dense = [name for name in wanted if arm_of(every()[name].KIND) == DENSE]
    maker = ladder(draws, rungs, lambda rung: sampler(task, rungs[rung], partial(make, rung=rung), dense))
    return Plan(maker=maker, unit="image", units=calls.images, batch_size=calls.images, how=how)


def _timed(plan: Plan, options: BenchmarkOptions) -> Served:
    ways, refused = plan.maker.ways()
    took = {way.backend: _tried(way) for way in ways}
    best = fastest(took, {way.backend: way.arm for way in ways})
    chosen = [way for way in ways if best[way.arm] == way.backend]
    _compared(best, refused)
    turn = sum(max(took[way.backend], options.seconds) for way in chosen)
    count = max(min(options.rounds, FEW), min(options.rounds, int(PATIENCE / turn)))
    measured = list(_measured(plan, options, chosen, count))
    there = [way for way in chosen if all(way.arm in share.rounds for share in measured)]  # a process may refuse one
    arms = [way.arm for way in there]
    _compared(arms, refused)
    calls = {arm: sum(len(calls) for share in measured for calls in share.rounds[arm]) for arm in arms}
    return Served.model_validate(
        {
            "unit": plan.unit,
            "batch_size": plan.batch_size,
            "how": plan.how,
            "refused": refused,
            "rows": rows(
                there,
                {arm: repeated([share.rounds[arm] for share in measured], plan.units) for arm in arms},
                energy([share.joules for share in measured], calls, plan.units),
            ),
        }
    )


def _measured(plan: Plan, options: BenchmarkOptions, ways: list[Way], count: int) -> list[Timed]:
    """The rounds, shared by fresh processes; by this one where there are few."""
    if not (ranges := shares(count)):
        return [timed(ways, options.seconds, range(count))]
    names = [way.backend for way in ways]
    with processes(len(ranges)) as fresh:
        works = [Turn(maker=plan.maker, backends=names, options=options, rounds=share) for share in ranges]
        return list(fresh.each(works))


def _compared(arms: Collection[str], refused: Collection[Refusal]) -> None:
    """Raises NotApplicable if there is no dense network in fp32, or no ticket."""
    if not {DENSE, TICKET} <= set(arms):
        raise NotApplicable("; ".join(f"{refusal.backend}: {refusal.reason}" for refusal in refused))


def _tried(way: Way) -> float:
    """The least seconds of a few calls, after a first one."""
    with torch.inference_mode():
        way.call()
        times = [time.perf_counter()]
        while len(times) <= TRIES and times[-1] - times[0] < ENOUGH:
            way.call()
            times.append(time.perf_counter())
    return min(after - before for before, after in pairwise(times))
