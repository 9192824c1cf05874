"""Measure what a ticket saves on this machine, against the best dense back-end. No speed-up is a result too."""

import os
import platform
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import cycle
from typing import Any

import torch

import ticketsmith
from ticketsmith.allowance import cores
from ticketsmith.documents import canonical
from ticketsmith.errors import TicketSmithError
from ticketsmith.lottery.results import Machine, Speed, SpeedRow
from ticketsmith.lottery.spec import BenchmarkOptions
from ticketsmith.lottery.steps import Benchmark
from ticketsmith.machine import cpu, versions

from ..backends import Backend, Forward, Kind, every
from ..backends.admission import Admission, admit
from ..backends.ranking import choose, speed_rows
from ..context import Artifacts, Context
from ..inputs import Inputs, batches
from ..quantized import judged
from ..replicate import subject_of
from ..subject import Subject
from ..timing import Clock, Rounds, measure

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
    with _threads(options.threads):
        chosen, tell = backends or _wanted(options.backends), partial(context.tell_part, step)
        subject = subject_of(step, context)
        speed = judged(benchmark(subject, options, chosen, clock, tell), chosen, subject, step, context)
    return Artifacts(volatile={"speed.json": canonical(speed.model_dump(mode="json"))})


def benchmark(
    subject: Subject,
    options: BenchmarkOptions,
    backends: Mapping[str, Backend],
    clock: Clock,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> Speed:
    """Check every back-end, then time those that passed. Raises TicketSmithError if no dense one did.

    `tell` hears after each check and each batch size how much of all is done.
    """
    sizes = sorted(set(options.batch_sizes))
    parts = len(backends) + len(sizes)
    admitted = admit(backends, subject, sizes, lambda done: tell(done, parts))
    kinds = {name: backends[name].KIND for name in admitted.forwards}
    if not any(kind.baseline for kind in kinds.values()):
        reasons = "; ".join(f"{refusal.backend}: {refusal.reason}" for refusal in admitted.refused)
        raise TicketSmithError(
            f"no dense back-end to compare with ({reasons})", "repair one: without a baseline there is no ratio"
        )
    rows: list[SpeedRow] = []
    for done, size in enumerate(sizes, start=len(backends) + 1):
        latencies = _latencies(admitted.forwards, batches(subject.inputs, size), options, clock)
        rows += speed_rows(size, latencies, kinds)
        tell(done, parts)
    return _speed(subject, admitted, kinds, rows, sizes)


def _speed(
    subject: Subject, admitted: Admission, kinds: Mapping[str, Kind], rows: list[SpeedRow], sizes: list[int]
) -> Speed:
    choices = [choose([row for row in rows if row.batch_size == size], kinds) for size in sizes]
    plans = {name: forward.plan for name, forward in admitted.forwards.items() if forward.plan}
    return Speed(
        machine=_machine(_device(admitted.forwards)),
        replicate=subject.replicate,
        sparsity=subject.sparsity,
        max_abs_difference=admitted.differences,
        rows=rows,
        refused=admitted.refused,
        cold=admitted.cold,
        precisions={name: kind.precision for name, kind in kinds.items() if kind.precision != "float32"},
        controls=[name for name, kind in kinds.items() if kind.control],
        plans={name: {str(size): list(plan(size)) for size in sizes} for name, plan in plans.items()},
        chosen=choices[-1].backend,
        headline=choices[-1],
        choices=choices,
    )


def _latencies(
    forwards: Mapping[str, Forward], parts: Sequence[Inputs], options: BenchmarkOptions, clock: Clock
) -> dict[str, Rounds]:
    """Each back-end on the same batches, over and over."""
    calls = {
        name: _call(forward, cycle([forward.prepare(part) for part in parts])) for name, forward in forwards.items()
    }
    with torch.inference_mode():  # entered once: within every call it would be part of the time
        return measure(calls, options.rounds, options.seconds, clock)


def _call(forward: Forward, parts: Iterator[Any]) -> Callable[[], object]:
    call = forward.call
    return lambda: call(next(parts))


def _wanted(names: Collection[str]) -> dict[str, Backend]:
    """All dense back-ends, and of the ticket those that were named, or all; those on request only if named."""

    def wanted(name: str, kind: Kind) -> bool:
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
    found = sorted((name, value) for name, value in environment.items() if name.startswith(TUNING))
    return {_text(name): _text(value) for name, value in found}


def _text(word: str) -> str:
    return os.fsencode(word).decode(errors="replace")
