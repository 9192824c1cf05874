"""A ticket ready to answer: for each batch the program that was measured to be the fastest on this kind of machine.

B: samples.  F: features of one.  C: outputs.
"""

import math
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from . import program
from .chain import Layer, compact
from .kernels._isa import AVX512
from .llvm import Machine
from .package import Measured, Ticket, read
from .shares import Floats, Run, Shared

FEW = 8
"""Samples below which one after the other is taken where nothing was measured: half a tile of AVX-512."""
LARGE = 500_000
"""Bytes of generated code that a second-level cache holds with room for data, where nothing was measured."""


def load(path: str | Path, threads: int = 1, machine: Machine | None = None) -> "Model":
    """The ticket in a package, folder or zip. Raises BadPackage; nothing is computed before every byte was checked."""
    return Model(read(Path(path)), threads, machine)


class Model:
    """Callable by any number of threads at once. Code is made when a batch size needs it for the first time."""

    def __init__(self, ticket: Ticket, threads: int = 1, machine: Machine | None = None) -> None:
        self.ticket, self.machine = ticket, machine or Machine.host()
        self.layers = compact(ticket.layers)
        self.isa = program.instructions(self.machine)
        self._answers: dict[int, Run] = {}  # per batch size: to choose takes longer than a sample
        self._made: dict[str, Run] = {}
        self._sizes: dict[str, list[tuple[int, int]]] = {}
        self._lock = threading.Lock()
        self._threads = threads

    def __call__(self, inputs: ArrayLike) -> Floats:
        """(B, ...) -> (B, C), float32; a sample is flattened. Raises ValueError if its number of features is wrong.

        NaN in an input is NaN in every output that a kept path leads to.
        """
        x_BF = np.asarray(inputs, np.float32)
        x_BF = x_BF.reshape(len(x_BF), math.prod(x_BF.shape[1:])) if x_BF.ndim != 1 else x_BF[None]
        answer = self._answers.get(len(x_BF))
        if answer is None:
            answer = self._answers[len(x_BF)] = self.run(self.backend(len(x_BF)))
        return answer(x_BF)

    def backend(self, batch: int) -> str:
        """Which one answers a batch of this size."""
        name = fastest(self.ticket.measured, batch) if self.ticket.measured else self._guess(batch)
        return name if name in self.choices else "numpy"

    @property
    def choices(self) -> list[str]:
        """Back-ends that this machine can run."""
        if self.isa is None:
            return ["numpy"]
        return ["numpy", *program.GENERATORS, *(["pell"] if self.isa is AVX512 else [])]

    def run(self, backend: str) -> Run:
        """A back-end's program, (B, F) -> (B, C)."""
        with self._lock:
            if backend not in self._made:
                made = self._make(backend)
                self._sizes[backend] = made.sizes if isinstance(made, program.Program) else []
                self._made[backend] = Shared(made, self._threads) if self._threads > 1 else made
            return self._made[backend]

    def explain(self) -> str:
        """Which back-end answers which batch, and why; what the layers are; and what of memory each program takes."""
        lines = [f"{self.machine.cpu}: {self.isa.name if self.isa else 'no instruction set that code is written for'}"]
        for n, layer in enumerate(self.layers):
            units, inputs = layer.weight_OI.shape
            lines.append(f"layer {n}: {inputs} -> {units}, {layer.kept:,} of {inputs * units:,} weights")
        batches = sorted({row.batch for row in self.ticket.measured} or {1, 16, 64, 256})
        for batch in batches:
            lines.append(f"batch {batch}: {self.backend(batch)}, {self._reason(batch)}")
        for backend in dict.fromkeys(self.backend(batch) for batch in batches):
            self.run(backend)
            for n, (code, data) in enumerate(self._sizes[backend]):
                lines.append(
                    f"{backend}, layer {n}: about {code / 1024:,.0f} KiB of code, {data / 1024:,.0f} KiB of weights"
                )
        return "\n".join(lines)

    def _reason(self, batch: int) -> str:
        if not self.ticket.measured:
            return "by size, since nothing was measured"
        row = next(row for row in self.ticket.measured if row.batch == batch)
        if self.backend(batch) != row.backend:
            return f"since {row.backend}, which was measured to be the fastest, does not run here"
        return f"measured {row.ratio:.2f}x of the best dense back-end on {self.ticket.machine.get('cpu', 'some CPU')}"

    def _guess(self, batch: int) -> str:
        if self.isa is None:
            return "numpy"
        if batch < FEW and self.isa is AVX512:
            return "pell"
        size = self.isa.weight_bytes * sum(layer.kept for layer in self.layers)
        return "codegen" if size < LARGE else "datadriven"

    def _make(self, backend: str) -> Run:
        if backend == "numpy":
            return _dense(self.layers)
        if backend == "pell":
            return program.single(self.layers, self.machine)
        assert self.isa is not None
        return program.tiled(self.layers, [backend] * len(self.layers), self.isa, self.machine)


def fastest(measured: Sequence[Measured], batch: int) -> str:
    """The back-end that takes least time, if a call of a measured size is made as often as is needed.

    >>> rows = [Measured(batch=1, backend="pell", seconds=2.0, ratio=3.0)]
    >>> rows += [Measured(batch=16, backend="codegen", seconds=9.0, ratio=3.0)]
    >>> [fastest(rows, batch) for batch in (1, 4, 5, 16, 100)]
    ['pell', 'pell', 'codegen', 'codegen', 'codegen']
    """
    return min(measured, key=lambda row: -(-batch // row.batch) * row.seconds).backend


def _dense(layers: Sequence[Layer]) -> Run:
    """What every machine can do: the compacted net in numpy's dense products."""
    weights = [(np.ascontiguousarray(layer.weight_OI.T), layer.bias_O, layer.relu) for layer in layers]

    def run(x_BF: Floats) -> Floats:
        if x_BF.ndim != 2 or x_BF.shape[1] != len(weights[0][0]):
            raise ValueError(f"inputs have shape {x_BF.shape}, expected (samples, {len(weights[0][0])})")
        for weight_IO, bias_O, relu in weights:
            x_BF = x_BF @ weight_IO + bias_O
            if relu:
                x_BF = np.maximum(x_BF, 0)
        return x_BF

    return run
