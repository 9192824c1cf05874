"""The ticket with the kernel that suits each Linear best, measured layer by layer for each batch size."""

import time
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ticketsmith_runtime import batches
from ticketsmith_runtime.chain import Layer
from ticketsmith_runtime.graph import Unsuited
from ticketsmith_runtime.llvm import Machine
from ticketsmith_runtime.planes import cut
from ticketsmith_runtime.program import bounded

from ..subject import Subject
from ..timing import measure
from . import Forward, Kind, NotApplicable
from .ticket import flat, instructions, tiled

KIND = Kind()
SMALL = 250_000  # bytes of a net's code, below which it fits the cache and is the best for every layer
ROUNDS, SECONDS = 5, 0.002


def build(subject: Subject) -> Forward:
    """The compacted ticket. Raises NotApplicable where one kernel is known to be the best for all layers."""
    traced, isa = subject.compacted, instructions()
    try:
        _, layers = cut(traced)
        bounded(layers, isa)  # each of them is tried as code
    except Unsuited as reason:
        raise NotApplicable(str(reason)) from None
    if len(layers) < 2:
        raise NotApplicable("it has one Linear, for which the kernels stand by themselves")
    if (size := isa.weight_bytes * sum(layer.kept for layer in layers)) < SMALL:
        raise NotApplicable(
            f"its code takes {size >> 10} KiB: it fits the cache, where codegen is the best for all layers"
        )

    @cache
    def plan(batch: int) -> tuple[str, ...]:
        return tuple(_best(layer, batch) for layer in layers)

    made = cache(lambda kernels: tiled(traced, kernels).call)

    def call(batch: NDArray[np.float32]) -> object:
        return made(plan(len(batch)))(batch)

    return Forward(call, flat, plan=plan)


def _best(layer: Layer, batch: int) -> str:
    """The kernel that is the fastest on one layer, samples to samples, interleaved."""
    machine, isa = Machine.host(), instructions()
    inputs = np.random.default_rng(0).standard_normal((batch, layer.weight_OI.shape[1])).astype(np.float32)
    made = {kernel: batches.tiled([layer], [kernel], isa, machine) for kernel in batches.GENERATORS}
    calls = {kernel: lambda run=run: run(inputs) for kernel, run in made.items()}
    rounds = measure(calls, ROUNDS, SECONDS, time.perf_counter)
    return min(rounds, key=lambda kernel: float(np.median([np.median(times) for times in rounds[kernel]])))
