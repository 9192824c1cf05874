"""A network at work: sparse code where a mask left zeros, numpy for the rest.

B: samples.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import batches, samples
from .chain import Layer
from .kernels._isa import AVX512, Isa, widest
from .llvm import Machine
from .network import Constant, Network, Node, by_sample, checked, computed
from .numerics import Numbers
from .places import Convolution, Loop, Places
from .program import Program
from .shares import TILE, Pool

DENSEST = 0.5
"""Share of kept weights above which numpy's dense product is no slower."""
SMALL_CODE = 500_000
"""Bytes of a layer as instructions, which a second-level cache holds beside data."""
WIDE = 1_000_000
"""Kept weights of a layer whose sums for one row take longer than to wake another thread."""
KNOWN = 8
"""Numbers of samples that constants are remembered for."""

Step = Callable[[Sequence[Numbers]], Numbers]


class Execution:
    """Inputs in, outputs out. May be called by any number of threads at once. Raises ValueError for wrong inputs."""

    def __init__(self, network: Network, machine: Machine, threads: int = 1) -> None:
        """`threads` share the units, or the rows, of large Linears."""
        self.network, self._machine, self._pool = network, machine, Pool(threads)
        isa = widest(machine)
        self._loop = Loop(isa, machine) if isa and any(node.operator == "conv" for node in network.nodes) else None
        self.rectified = _rectified(network)
        self._steps = {n: self._step(n, node, isa) for n, node in enumerate(network.nodes)}
        for before, relu in self.rectified.items():
            if self._steps[before] is not None:
                self._steps[relu] = lambda read: read[0]
        self._last = network.last_uses()
        self._known: dict[int, dict[int, Numbers]] = {}

    def __call__(self, *inputs: Numbers) -> list[Numbers]:
        """All outputs, float32 where they are floats."""
        return by_sample(self.network, checked(self.network, inputs), self._run)

    @property
    def sparse(self) -> int:
        """Nodes that sparse code computes."""
        return sum(isinstance(step, (_Rows, _Plane)) for step in self._steps.values())

    @property
    def bytes(self) -> tuple[int, int]:
        """Bytes of generated code, as estimated, and of the weights that it reads."""
        sizes = [step.bytes for step in self._steps.values() if isinstance(step, (_Rows, _Plane))]
        return sum(code for code, _ in sizes), sum(data for _, data in sizes)

    def _run(self, given: Sequence[Numbers]) -> list[Numbers]:
        network, batch = self.network, len(given[0])
        values: list[Any] = [*given, *(each.array for each in network.constants), *[None] * len(network.nodes)]
        known = self.fixed(batch)
        for n, node in enumerate(network.nodes):
            place = network.first + n
            if place in known:
                values[place] = known[place]
                continue
            values[place] = self._computed(n, node, values, batch)
            for read in node.reads:
                if self._last.get(read) == n and read >= network.first:
                    values[read] = None
        return [np.ascontiguousarray(values[output]) for output in network.outputs]

    def _computed(self, n: int, node: Node, values: Sequence[Any], batch: int) -> Numbers:
        read = [values[each] for each in node.reads]
        step = self._steps[n]
        try:
            return computed(node, read, batch) if step is None else step(read)
        except (ValueError, IndexError, TypeError) as error:
            raise ValueError(f"node {n} ({node.operator}) cannot compute: {error}") from None

    def code(self, n: int) -> Step | None:
        """The sparse code of a node; None: numpy computes it."""
        return self._steps[n]

    def fixed(self, batch: int) -> dict[int, Numbers]:
        """Values that depend on the number of samples and nothing else."""
        if batch not in self._known:
            self.network.shapes(batch)  # a value that no memory holds ends here
            if len(self._known) >= KNOWN:
                self._known.clear()
            self._known[batch] = fixed(self.network, batch)
        return self._known[batch]

    def _step(self, n: int, node: Node, isa: Isa | None) -> "Step | None":
        weight = self._constant(node.reads[1]) if node.operator in ("linear", "conv") else None
        bias = self._constant(node.reads[2]) if weight and len(node.reads) > 2 else None
        if weight is None or isa is None or (len(node.reads) > 2 and bias is None):
            return None
        relu = n in self.rectified
        if node.operator == "conv":
            assert self._loop is not None
            return _Plane(node, weight, bias, self._loop, relu)
        return _Rows(weight, bias, isa, self._machine, relu, self._pool) if _sparse(weight) else None

    def _constant(self, value: int) -> Constant | None:
        place = value - len(self.network.inputs)
        return self.network.constants[place] if 0 <= place < len(self.network.constants) else None


def fixed(network: Network, batch: int) -> dict[int, Numbers]:
    """Values of nodes that read constants alone, for so many samples, by number."""
    known: dict[int, Any] = {len(network.inputs) + n: each.array for n, each in enumerate(network.constants)}
    for n, node in enumerate(network.nodes):
        if all(read in known for read in node.reads):
            known[network.first + n] = computed(node, [known[read] for read in node.reads], batch)
    return {value: array for value, array in known.items() if value >= network.first}


def _rectified(network: Network) -> dict[int, int]:
    """Nodes with weights whose only reader is a ReLU, and that one: one step does both."""
    readers = Counter(read for node in network.nodes for read in {*node.reads}) + Counter(network.outputs)
    found = {}
    for n, node in enumerate(network.nodes):
        before = node.reads[0] - network.first if node.reads else -1
        alone = node.operator == "relu" and before >= 0 and readers[node.reads[0]] == 1
        if alone and network.nodes[before].operator in ("linear", "conv"):
            found[before] = n
    return found


def _sparse(weight: Constant) -> bool:
    return weight.alive is not None and weight.kept <= DENSEST * weight.array.size


class _Plane:
    """A convolution."""

    def __init__(self, node: Node, weight: Constant, bias: Constant | None, loop: Loop, relu: bool) -> None:
        array = weight.array
        layer = Convolution(
            weight_OCHW=array,
            alive_OCHW=np.ones(array.shape, bool) if weight.alive is None else weight.alive,
            bias_O=np.zeros(len(array), np.float32) if bias is None else bias.array,
            **node.attributes,
        )
        self._places = Places(layer, loop, relu)
        self.bytes = 0, 8 * weight.kept

    def __call__(self, read: Sequence[Numbers]) -> Numbers:
        return self._places(read[0])


class _Rows:
    """A Linear over rows: many of them in tiles, few of them one by one."""

    def __init__(
        self, weight: Constant, bias: Constant | None, isa: Isa, machine: Machine, relu: bool, pool: Pool
    ) -> None:
        assert weight.alive is not None
        shift: NDArray[Any] = np.zeros(len(weight.array), np.float32) if bias is None else bias.array
        self._layer = Layer(weight_OI=weight.array, alive_OI=weight.alive, bias_O=shift, relu=relu)
        self._isa, self._machine, self._few = isa, machine, isa.few
        self._made: dict[bool, list[Program]] = {}
        self._pool = pool

    def __call__(self, read: Sequence[Numbers]) -> Numbers:
        x = read[0]
        rows = np.ascontiguousarray(x, np.float32).reshape(math.prod(x.shape[:-1]), x.shape[-1])
        return self._sums(rows).reshape(*x.shape[:-1], len(self._layer.bias_O))

    def _sums(self, rows: Numbers) -> Numbers:
        programs = self._programs(few := len(rows) < self._few)
        if few and len(programs) > 1:
            return np.concatenate(list(self._pool.map(lambda program: program(rows), programs)), 1)
        if few or self._pool.threads == 1 or len(rows) * self._layer.kept < WIDE * self._few:
            return programs[0](rows)
        share = -(-len(rows) // (self._pool.threads * TILE)) * TILE
        return np.concatenate(list(self._pool.map(programs[0], np.split(rows, range(share, len(rows), share)))))

    @property
    def bytes(self) -> tuple[int, int]:
        """Bytes of code and of weights."""
        sizes = [size for programs in self._made.values() for made in programs for size in made.sizes]
        return sum(code for code, _ in sizes), sum(data for _, data in sizes)

    def _programs(self, few: bool) -> list[Program]:
        """One for all units; or, for few rows of a large layer, one for a share of them for each thread."""
        if few not in self._made:
            self._made[few] = [self._single(part) for part in self._parts()] if few else [self._tiled()]
        return self._made[few]

    def _parts(self) -> list[Layer]:
        if self._pool.threads == 1 or self._layer.kept < WIDE:
            return [self._layer]
        shares = np.array_split(np.arange(len(self._layer.bias_O)), self._pool.threads)
        return [self._layer.with_units(share) for share in shares if len(share)]

    def _single(self, layer: Layer) -> Program:
        return samples.single([layer], self._machine, "pell" if self._isa is AVX512 else "windows")

    def _tiled(self) -> Program:
        small = self._isa.weight_bytes * self._layer.kept < SMALL_CODE
        return batches.tiled([self._layer], ["codegen" if small else "datadriven"], self._isa, self._machine)
