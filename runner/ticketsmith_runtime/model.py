"""A ticket ready to answer: for each batch the program that was measured to be the fastest on this kind of machine.

B: samples.  F: features of one.  C: outputs.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import batches, samples
from .blas import Limit
from .channels import compact
from .explanation import explain
from .graph import Graph, Unsuited, dense
from .kernels._isa import widest
from .kernels.vectors import FULL, fill
from .llvm import Machine
from .making import MAKING
from .network import Network
from .network_model import NetworkModel
from .package import Ticket, fastest, read
from .program import Program
from .raw import scaling_of
from .shares import Floats, Run, Shared

LARGE = 500_000
"""Bytes of generated code that a second-level cache holds with room for data, where nothing was measured."""


def load(
    path: str | Path, threads: int = 1, machine: Machine | None = None, *, raw: bool = False
) -> "Model | NetworkModel":
    """The ticket in a package, folder or zip. Raises BadPackage; nothing is computed before every byte was checked.

    With `raw`, inputs are raw, and are scaled as in training. Raises ValueError if the package does not say how.
    """
    ticket = read(Path(path))
    return (NetworkModel if isinstance(ticket.graph, Network) else Model)(ticket, threads, machine, raw)


class Model:
    """Callable by any number of threads at once, and after a fork. Code is made when a batch size first needs it."""

    def __init__(self, ticket: Ticket, threads: int = 1, machine: Machine | None = None, raw: bool = False) -> None:
        assert isinstance(ticket.graph, Graph)
        self.scaling = scaling_of(ticket, raw)
        self.ticket, self.machine, self._given = ticket, machine or Machine.host(), machine
        self.graph = compact(ticket.graph)
        self.isa = widest(self.machine)
        self.choices = self._choices()
        self._answers: dict[int, Run] = {}  # per batch size: to choose takes longer than a sample
        self._made: dict[str, Run] = {}
        self._sizes: dict[str, list[tuple[int, int]]] = {}
        self._threads = threads

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, or what a pickle brings to another process, is the ticket: code is made anew, for that machine."""
        return type(self), (self.ticket, self._threads, self._given, self.scaling is not None)

    def __call__(self, inputs: ArrayLike) -> Floats:
        """(B, ...) -> (B, C), float32; a sample is flattened. Raises ValueError if its number of features is wrong.

        NaN in an input is NaN in every output that a kept path leads to.
        """
        x_BF = np.asarray(inputs, np.float32)
        if x_BF.ndim != 2:
            x_BF = x_BF.reshape(len(x_BF), math.prod(x_BF.shape[1:])) if x_BF.ndim > 1 else x_BF[None]
        if self.scaling is not None:
            x_BF = self.scaling(x_BF.reshape(-1, *self.graph.inputs)).reshape(x_BF.shape)
        answer = self._answers.get(len(x_BF))
        if answer is None:
            answer = self._answers[len(x_BF)] = self.run(self.backend(len(x_BF)))
        return answer(x_BF)

    def backend(self, batch: int) -> str:
        """Name of the back-end that answers a batch of this size."""
        name = fastest(self.ticket.measured, batch) if self.ticket.measured else self._guess(batch)
        return name if name in self.choices or self._mixes(name) else "numpy"

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the outputs, where the package has them."""
        return self.ticket.classes.names if self.ticket.classes else None

    @property
    def programs(self) -> list[str]:
        """All that may answer here: the choices, and what was measured layer by layer."""
        return [*self.choices, *dict.fromkeys(row.backend for row in self.ticket.measured if self._mixes(row.backend))]

    def run(self, backend: str) -> Run:
        """A back-end's program, (B, F) -> (B, C)."""
        with MAKING:
            if backend not in self._made:
                made = self._make(backend)
                self._sizes[backend] = made.sizes if isinstance(made, Program) else []
                self._made[backend] = Shared(made, self._threads) if self._threads > 1 else made
            return self._made[backend]

    def explain(self) -> str:
        """Say which back-end answers which batch, and why; what the layers are; and what memory each program takes."""
        return explain(self)

    def sizes(self, backend: str) -> list[tuple[int, int]]:
        """Bytes of code, as estimated, and of weights, for each layer of a program; numpy's products count nothing."""
        self.run(backend)
        return self._sizes[backend]

    def _guess(self, batch: int) -> str:
        if self.isa is None:
            return "numpy"
        if batch < self.isa.few and "pell" in self.choices:
            return "vectors" if fill(self.graph.layers()) >= FULL else "pell"
        if batch < self.isa.few and "windows" in self.choices:
            return "windows"
        size = self.isa.weight_bytes * sum(layer.kept for layer in self.graph.layers())
        return "codegen" if size < LARGE else "datadriven"

    def _choices(self) -> list[str]:
        """Back-ends that this machine can run."""
        tiles = [name for name in batches.GENERATORS if self._suits(name)]
        singles = [name for name in samples.SINGLES if self._one_by_one(name)]
        return ["numpy", *tiles, *singles]

    def _one_by_one(self, name: str) -> bool:
        named = name not in samples.INEXACT or any(row.backend == name for row in self.ticket.measured)
        return named and runs(lambda: samples.suits(self.graph, self.machine, name))

    def _suits(self, kernels: str | list[str]) -> bool:
        isa = self.isa
        return isa is not None and runs(lambda: batches.suits(self.graph, kernels, isa))

    def _mixes(self, name: str) -> bool:
        """Tell whether it is a kernel for each Linear, joined by `+`, all of which this machine runs."""
        return "+" in name and self._suits(name.split("+"))

    def _make(self, backend: str) -> Run:
        if backend == "numpy":
            return _alone(dense(self.graph))
        if backend in samples.SINGLES:
            return samples.flat(self.graph, self.machine, backend)
        assert self.isa is not None
        kernels = backend.split("+")
        return batches.planar(self.graph, kernels if len(kernels) > 1 else backend, self.isa, self.machine)


def _alone(run: Run) -> Run:
    """Numpy on one thread: `Shared` shares samples out among those that were asked for."""
    limit = Limit(1)

    def answer(x_BF: Floats) -> Floats:
        with limit:
            return run(x_BF)

    return answer


def runs(suits: Callable[[], None]) -> bool:
    """Tell whether anything is written for it."""
    try:
        suits()
    except Unsuited:
        return False
    return True
