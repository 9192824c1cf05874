"""A network at work: sparse code where a mask left zeros, numpy for the rest.

B: samples.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import numpy as np

from . import ordered
from .between import Between
from .blas import Limit
from .coded import AFTER, Coded, Layer
from .folding import folded
from .int8.part import Part
from .llvm import Machine
from .network import Network, Node, by_sample, checked, computed
from .numerics import Numbers
from .shares import Pool

KNOWN = 8
"""Numbers of samples that constants are remembered for."""
PRODUCTS = {"linear", "conv", "linear8", "conv8", "matmul", "einsum", "attention"}
"""Operators that numpy has a library for, which shares them among threads."""

Attended = Callable[[Numbers, Numbers, Numbers, float], Numbers]
Step = Callable[[Numbers], Numbers]
"""From the first value that a node reads to what it puts out; all else is in the step."""


class Execution:
    """Inputs in, outputs out. May be called by any number of threads at once. Raises ValueError for wrong inputs."""

    def __init__(self, network: Network, machine: Machine, threads: int = 1) -> None:
        """`threads` share the units, or the rows, of large Linears."""
        self.threads = threads
        self.network = network = folded(network)
        self._coded = Coded(machine, Pool(threads))
        self._parts = {part.nodes.start: part for part in self._coded.parts(network)}
        self._inside = inside = {n for part in self._parts.values() for n in part.nodes}
        self._features = math.prod(network.inputs[0].shape) if network.inputs else 0
        self._bent = {before: after for before, after in _bent(network).items() if not inside & {before, after}}
        self._steps = {n: None if n in inside else self._step(n, node) for n, node in enumerate(network.nodes)}
        for before, after in self._bent.items():
            if self._steps[before] is not None:
                self._steps[after] = passed
        self._last = network.last_uses()
        self._known: dict[int, dict[int, Numbers]] = {}
        left = {node.operator for n, node in enumerate(network.nodes) if self._steps[n] is None and n not in inside}
        self.limit: Limit | nullcontext[None] = Limit(threads) if left & PRODUCTS else nullcontext()
        """What numpy's products are done in, if there are any."""

    def __call__(self, *inputs: Numbers) -> list[Numbers]:
        """All outputs, float32 where they are floats."""
        if (part := self._whole) is not None and len(inputs) == 1:
            x = inputs[0]
            if x.ndim and x.size == len(x) * self._features:  # to say what is wrong takes longer than a sample
                return part(x)
        with self.limit:
            return by_sample(self.network, checked(self.network, inputs), self._run)

    @property
    def bytes(self) -> tuple[int, int]:
        """Bytes of generated code, as estimated, and of the weights that it reads."""
        sizes = [
            step.bytes for step in [*self._steps.values(), *self._parts.values()] if isinstance(step, Layer | Part)
        ]
        return sum(code for code, _ in sizes), sum(data for _, data in sizes)

    def _run(self, given: Sequence[Numbers]) -> list[Numbers]:
        network, batch = self.network, len(given[0])
        values: list[Any] = [*given, *(constant.array for constant in network.constants), *[None] * len(network.nodes)]
        known = self.fixed(batch)
        for n, node in enumerate(network.nodes):
            place = network.first + n
            if n in self._inside:
                self._parted(n, values)
                continue
            if place in known:
                values[place] = known[place]
                continue
            values[place] = self._computed(n, node, values, batch)
            for read in node.reads:
                if self._last.get(read) == n and read >= network.first:
                    values[read] = None
        return [np.ascontiguousarray(values[output]) for output in network.outputs]

    def _parted(self, n: int, values: list[Any]) -> None:
        """Compute the part that begins at a node; for those inside there is nothing to do."""
        if (part := self._parts.get(n)) is None:
            return
        for value, array in zip(part.outputs, part(*(values[read] for read in part.inputs)), strict=True):
            values[value] = array
        for read in part.inputs:
            if self._last.get(read, part.nodes.stop) < part.nodes.stop and read >= self.network.first:
                values[read] = None

    @cached_property
    def _whole(self) -> Part | None:
        """The part that is the network, if one is."""
        for part in self._parts.values():
            if len(part.nodes) == len(self.network.nodes) and part.outputs == [*self.network.outputs]:
                return part if len(self.network.inputs) == 1 and not self.network.single else None
        return None

    def _computed(self, n: int, node: Node, values: Sequence[Any], batch: int) -> Numbers:
        read = [values[place] for place in node.reads]
        step = self._steps[n]
        try:
            return computed(node, read, batch) if step is None else step(read[0])
        except (ValueError, IndexError, TypeError) as error:
            raise ValueError(f"node {n} ({node.operator}) cannot compute: {error}") from None

    def code(self, n: int) -> Step | None:
        """The sparse code of a node; None: numpy computes it."""
        return self._steps[n]

    @property
    def between(self) -> Between | None:
        """Code for one token at a time; None: numpy does what stands between layers."""
        return self._coded.between

    @property
    def attended(self) -> Attended:
        """`ordered.attended`, by code where there is some."""
        return self.between.attended if self.between else ordered.attended

    def fixed(self, batch: int) -> dict[int, Numbers]:
        """Values that depend on the number of samples and nothing else."""
        known = self._known.get(batch)
        if known is None:
            self.network.shapes(batch)  # a value that no memory holds ends here
            known = fixed(self.network, batch)
            self._known = {**(self._known if len(self._known) < KNOWN else {}), batch: known}
        return known

    def _step(self, n: int, node: Node) -> "Step | None":
        constants = [self.network.constant(read) for read in node.reads[1:]]
        known = [constant for constant in constants if constant is not None]
        if len(known) < len(constants):
            return None
        after = self.network.nodes[self._bent[n]].operator if n in self._bent else ""
        return self._coded.layer(node, known, after)


def passed(x: Numbers) -> Numbers:
    """Return the value: its function was done by the code before."""
    return x


def fixed(network: Network, batch: int) -> dict[int, Numbers]:
    """Values of nodes that read constants alone, for so many samples, by number."""
    known: dict[int, Any] = {len(network.inputs) + n: constant.array for n, constant in enumerate(network.constants)}
    for n, node in enumerate(network.nodes):
        if all(read in known for read in node.reads):
            known[network.first + n] = computed(node, [known[read] for read in node.reads], batch)
    return {value: array for value, array in known.items() if value >= network.first}


def _bent(network: Network) -> dict[int, int]:
    """Nodes with weights whose only reader is a function that their code can do as well, and that one."""
    readers = Counter(read for node in network.nodes for read in {*node.reads}) + Counter(network.outputs)
    pairs = {}
    for n, node in enumerate(network.nodes):
        before = node.reads[0] - network.first if node.reads else -1
        alone = before >= 0 and readers[node.reads[0]] == 1
        if alone and network.nodes[before].operator in AFTER.get(node.operator, ()):
            pairs[before] = n
    return pairs
