"""Measure what a ticket saves on this machine, against the best dense back-end. No speed-up is a result too."""

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType

import torch
from torch import nn

import ticketsmith
from ticketsmith.allowance import cores
from ticketsmith.documents import canonical
from ticketsmith.errors import TicketSmithError
from ticketsmith.lottery.choices import TICKET_IN_INT8
from ticketsmith.lottery.controls import beside
from ticketsmith.lottery.ladder import rungs
from ticketsmith.lottery.results import Machine, Speed, SpeedRow
from ticketsmith.lottery.spec import BenchmarkOptions
from ticketsmith.lottery.steps import Benchmark
from ticketsmith.machine import cpu, versions

from ..backends import Backend, Forward, Kind, every
from ..backends.admission import Admission, admit
from ..backends.ranking import choose, speed_rows
from ..backends.rungs import admitted as admitted_rungs
from ..backends.rungs import rung_in, rung_speeds
from ..backends.shares import Latencies, Share, shares, timed
from ..context import Artifacts, Context
from ..fresh import processes
from ..mixture import mixed
from ..parcel import parcel
from ..quantized import judged
from ..replicate import Rung, rung_of, subject_of
from ..served import served
from ..served.inferences import inferences
from ..served.ways import arms_of
from ..subject import Subject
from ..timing import Clock, Rounds

TUNING = ("MKL_", "OPENBLAS_", "OMP_", "KMP_", "DNNL_", "ONEDNN_")
"""Beginnings of environment variables that make dense kernels faster or slower."""


def run(
    step: Benchmark,
    context: Context,
    backends: Mapping[str, Backend] | None = None,
    clock: Clock = time.perf_counter,
) -> Artifacts:
    """Volatile `speed.json`: latencies, throughput and ratios to dense, by back-end and batch size; int8 is judged."""
    options = context.spec.benchmark
    make = None if backends else replace(context, workers=None, progress=None).network
    with _threads(options.threads):
        chosen, tell = backends or _wanted(options), partial(context.tell_part, step)
        subject = subject_of(step, context)
        there = beside(context.spec, step.level)
        climbed = {name: rung_of(subject, context, name) for name in rungs(context.spec) if name in there}
        if ours := chosen.get(TICKET_IN_INT8):
            subject = mixed(subject, ours, step, context)
        measured = benchmark(subject, options, chosen, clock, tell, make, climbed)
        if make and measured.served:
            smaller = {name: rung.subject for name, rung in climbed.items()}
            unit = served(measured.served, context.task, subject, make, chosen, options, smaller)
            measured = measured.model_copy(update={"served": unit})
        speed = judged(measured, chosen, subject, step, context)
    return Artifacts(volatile={"speed.json": canonical(speed.model_dump(mode="json"))})


def benchmark(
    subject: Subject,
    options: BenchmarkOptions,
    backends: Mapping[str, Backend],
    clock: Clock = time.perf_counter,
    tell: Callable[[int, int], None] = lambda done, of: None,
    make: Callable[..., nn.Module] | None = None,
    rungs: Mapping[str, Rung] = MappingProxyType({}),
) -> Speed:
    """Check every back-end, then time those that passed. Raises TicketSmithError if no dense one did.

    With `make`, which makes a network for the subject's values wherever it is sent, fresh processes share the rounds;
    without it, or for few rounds, this process takes all. `tell` hears after each check, and after each batch size or
    process, how much of all is done. Smaller dense networks, the `rungs`, are timed in the same rounds.
    """
    sizes = sorted(set(options.batch_sizes))
    ranges = shares(options.rounds) if make else []
    before, of = len(backends), len(backends) + len(ranges or sizes)
    measured: list[Latencies] = []
    joules: list[dict[str, float]] = []
    with processes(len(ranges)) as fresh:
        admitted = admit(backends, subject, sizes, lambda done: tell(done, of))
        _compared(admitted, backends)
        smaller = admitted_rungs({name: rung.subject for name, rung in rungs.items()}, backends, sizes)
        if make and ranges:
            sent = parcel(subject, make, {1, *sizes})
            others = {name: parcel(rung.subject, partial(make, rung=name), {1, *sizes}) for name, rung in rungs.items()}
            share = partial(Share, parcel=sent, backends=[*admitted.forwards], options=options, rungs=others)
            works = [share(rounds=span) for span in ranges]
            for refused, latencies, spent in fresh.each(works):
                admitted = admitted.without(refused)
                measured.append(latencies)
                joules.append(spent)
                tell(before + len(measured), of)
        else:
            rounds = range(options.rounds)
            forwards = admitted.forwards | smaller
            here, spent = timed(forwards, subject.inputs, options, rounds, clock, lambda done: tell(before + done, of))
            measured.append(here)
            joules.append(spent)
    _compared(admitted, backends)
    kinds = {name: backends[name].KIND for name in admitted.forwards}
    times = {size: _joined([process[size] for process in measured]) for size in sizes}
    rows = [row for size in sizes for row in speed_rows(size, {name: times[size][name] for name in kinds}, kinds)]
    weights = {name: rung.weights for name, rung in rungs.items()}
    known = {name: forward for name, forward in smaller.items() if name in times[sizes[-1]]}
    arms = arms_of(kinds) | {name: rung_in(name) for name in known}
    subjects = {name: rung.subject for name, rung in rungs.items()}
    unit = inferences(sizes[-1], measured, arms, admitted.forwards | known, {"": subject} | subjects, joules)
    speed = _speed(subject, admitted, kinds, rows, len(measured))
    climbed = [
        rung
        for row in speed.choices
        for rung in rung_speeds(row, speed.opponent(row.batch_size), times[row.batch_size], weights)
    ]
    return speed.model_copy(update={"rungs": climbed, "served": unit})


def _joined(measured: list[dict[str, Rounds]]) -> dict[str, list[Rounds]]:
    """The rounds of every process, of what all of them timed."""
    return {
        name: [process[name] for process in measured]
        for name in measured[0]
        if all(name in process for process in measured)
    }


def _compared(admitted: Admission, backends: Mapping[str, Backend]) -> None:
    """Raises TicketSmithError if there is no dense back-end that a ticket has to beat."""
    if any(backends[name].KIND.baseline for name in admitted.forwards):
        return
    reasons = "; ".join(f"{refusal.backend}: {refusal.reason}" for refusal in admitted.refused)
    raise TicketSmithError(
        f"no dense back-end to compare with ({reasons})", "repair one: without a baseline there is no ratio"
    )


def _speed(
    subject: Subject,
    admitted: Admission,
    kinds: Mapping[str, Kind],
    rows: list[SpeedRow],
    processes: int,
) -> Speed:
    sizes = sorted({row.batch_size for row in rows})
    choices = [choose([row for row in rows if row.batch_size == size], kinds) for size in sizes]
    plans = {name: forward.plan for name, forward in admitted.forwards.items() if forward.plan}
    return Speed(
        machine=_machine(_device(admitted.forwards)),
        replicate=subject.replicate,
        sparsity=subject.sparsity,
        max_abs_difference=admitted.differences,
        rows=rows,
        refused=admitted.refused,
        processes=processes,
        cold=admitted.cold,
        precisions={name: kind.precision for name, kind in kinds.items() if kind.precision != "float32"},
        controls=[name for name, kind in kinds.items() if kind.control],
        plans={name: {str(size): list(plan(size)) for size in sizes} for name, plan in plans.items()},
        chosen=choices[-1].backend,
        headline=choices[-1],
        choices=choices,
    )


def _wanted(options: BenchmarkOptions) -> dict[str, Backend]:
    """All dense back-ends, and of the ticket those that were named, or all; those on request only if named."""
    names = options.backends

    def wanted(name: str, kind: Kind) -> bool:
        if kind.precision == "int8" and not options.int8:
            return False
        return name in names or (not kind.asked and (kind.dense or not names))

    return {name: backend for name, backend in every().items() if wanted(name, backend.KIND)}


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _device(forwards: Mapping[str, Forward]) -> str:
    """The GPU's name if something was measured on it."""
    if any(forward.device == "cuda" for forward in forwards.values()):
        return torch.cuda.get_device_name()
    return "cpu"


def _machine(device: str) -> Machine:
    return Machine(
        cpu=cpu(),
        cores=cores(),
        device=device,
        threads=torch.get_num_threads(),
        versions={"python": platform.python_version(), "ticketsmith": ticketsmith.__version__, **versions()},
        environment=tuning(os.environ),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def tuning(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables of an environment that make kernels faster or slower. It holds bytes; a record holds UTF-8."""
    variables = sorted((name, value) for name, value in environment.items() if name.startswith(TUNING))
    return {_text(name): _text(value) for name, value in variables}


def _text(word: str) -> str:
    return os.fsencode(word).decode(errors="replace")
