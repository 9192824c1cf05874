"""A network of any operators: inputs and constants, then nodes, each of which reads what stands before it.

B: samples. The first axis of inputs and outputs; a size may be so many times B.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .numerics import Numbers
from .operators import BATCH, OPERATORS, TYPES
from .sizes import Shape

WIDEST = 1 << 28
"""Numbers of a value, for each sample: 1 GiB."""
TABLES = {"embedding": 0, "embedding8": 1}
"""Operators that look rows up, and which of their operands has them."""


@dataclass(frozen=True)
class Input:
    """An argument of a network."""

    shape: Shape
    """Of one sample."""
    type: str
    """A name of `operators.TYPES`."""


@dataclass(frozen=True, eq=False)
class Constant:
    """A weight, with the mask that it was trained under, or another array that does not depend on the inputs."""

    array: Numbers
    """Zero outside the mask."""
    alive: NDArray[np.bool_] | None = None
    """Weights that the mask keeps; None: no mask."""
    name: str | None = None
    """The parameter or buffer that it is in the network that was trained, or was made of; None: it was computed."""

    @property
    def kept(self) -> int:
        """Numbers that have to be stored."""
        return self.array.size if self.alive is None else int(self.alive.sum())


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """One operator at work."""

    operator: str
    reads: Sequence[int]
    """Values: inputs come first, then constants, then what nodes put out, in their order."""
    attributes: dict[str, Any] = field(default_factory=dict)

    def sized(self, batch: int) -> dict[str, Any]:
        """The attributes for so many samples."""
        return {name: _sized(attribute, batch) for name, attribute in self.attributes.items()}


def _sized(attribute: Any, batch: int) -> Any:
    if isinstance(attribute, list):
        return [_sized(size, batch) for size in attribute]
    return int(attribute[:-1]) * batch if isinstance(attribute, str) and BATCH.fullmatch(attribute) else attribute


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """Nodes in the order in which they are computed."""

    inputs: Sequence[Input]
    constants: Sequence[Constant]
    nodes: Sequence[Node]
    outputs: Sequence[int]
    """Values that it puts out."""
    single: bool = False
    """Does it know one sample alone? Its sizes may then hold for no other number."""

    @property
    def traced(self) -> bool:
        """False for weights alone, of a network that could not be traced: torch has to run it."""
        return bool(self.outputs)

    @property
    def first(self) -> int:
        """Number of the value that the first node puts out."""
        return len(self.inputs) + len(self.constants)

    def shapes(self, batch: int) -> list[Shape]:
        """Shapes of all values. Raises ValueError, naming the node, if nodes do not fit each other.

        Nothing is computed for it, and no memory taken.
        """
        shapes: list[Shape] = [(batch, *operand.shape) for operand in self.inputs]
        shapes += [operand.array.shape for operand in self.constants]
        for n, node in enumerate(self.nodes):
            operator = OPERATORS[node.operator]
            least, most = operator.reads
            if not least <= len(node.reads) <= most or not all(0 <= read < len(shapes) for read in node.reads):
                raise ValueError(f"node {n} ({node.operator}) reads values that are not there")
            try:
                shapes.append(operator.shape(*(shapes[read] for read in node.reads), **node.sized(batch)))
            except (ValueError, IndexError) as error:
                raise ValueError(f"node {n} ({node.operator}) does not fit what it reads: {error}") from None
            if math.prod(shapes[-1]) > WIDEST * max(batch, 1):
                raise ValueError(f"node {n} ({node.operator}) puts out more than {WIDEST:,} numbers")
        if not all(0 <= output < len(shapes) for output in self.outputs):
            raise ValueError("it puts out values that are not there")
        return shapes

    def last_uses(self) -> dict[int, int]:
        """The node after which a value is not needed any more, by value; outputs are always needed."""
        used = {read: n for n, node in enumerate(self.nodes) for read in node.reads}
        return {value: n for value, n in used.items() if value not in self.outputs}

    def constant(self, value: int) -> Constant | None:
        """The constant that a value is; None for an input, or what a node puts out."""
        place = value - len(self.inputs)
        return self.constants[place] if 0 <= place < len(self.constants) else None

    def tables(self) -> Iterator[int]:
        """Rows of each table that is looked into."""
        shapes = self.shapes(1)
        for node in self.nodes:
            if node.operator in TABLES:
                yield shapes[node.reads[TABLES[node.operator]]][0]

    def counted(self) -> Iterator[tuple[int, int]]:
        """Weights under a mask, and those that it keeps, of each constant that has one."""
        for constant in self.constants:
            if constant.alive is not None:
                yield constant.array.size, constant.kept


def evaluate(network: Network, inputs: Sequence[Numbers], real: type = np.float64) -> list[Numbers]:
    """All outputs by numpy, every weight multiplied, the pruned ones too, in float64: what programs are held against.

    Raises ValueError for inputs of another shape.
    """
    return by_sample(network, checked(network, inputs), lambda given: _evaluated(network, given, real))


def by_sample(network: Network, given: list[Numbers], run: Callable[[list[Numbers]], list[Numbers]]) -> list[Numbers]:
    """The outputs for a batch; for one sample after the other, if the network knows no more."""
    if not network.single or len(given[0]) == 1:
        return run(given)
    parts = [run([array[n : n + 1] for array in given]) for n in range(len(given[0]))]
    return [np.concatenate(leaves) for leaves in zip(*parts, strict=True)]


def _evaluated(network: Network, given: Sequence[Numbers], real: type) -> list[Numbers]:
    values: list[Any] = [_real(operand, real) for operand in given]
    values += [_real(operand.array, real) for operand in network.constants]
    last = network.last_uses()
    for n, node in enumerate(network.nodes):
        values.append(computed(node, [values[read] for read in node.reads], len(given[0]), real))
        for read in node.reads:
            if last.get(read) == n and read >= network.first:
                values[read] = None
    return [values[output] for output in network.outputs]


def computed(node: Node, arrays: Sequence[Numbers], batch: int, real: type = np.float32) -> Numbers:
    """The value that one node puts out, floats as wide as `real` says: division makes float64 of whole numbers."""
    return _real(np.asarray(OPERATORS[node.operator].run(*arrays, **node.sized(batch))), real)


def _real(array: Numbers, real: type) -> Numbers:
    return array.astype(real, copy=False) if array.dtype.kind == "f" else array


def checked(network: Network, inputs: Sequence[Numbers]) -> list[Numbers]:
    """Inputs in their types. Raises ValueError for others than the network's."""
    if len(inputs) != len(network.inputs):
        raise ValueError(f"the network takes {len(network.inputs)} inputs, not {len(inputs)}")
    arrays: list[Numbers] = []
    for place, (given, wanted) in enumerate(zip(inputs, network.inputs, strict=True)):
        array = np.asarray(given)
        if wanted.type != "float" and array.dtype.kind == "f":
            raise ValueError(f"input {place} is made of floats, not of {wanted.type}")
        if array.ndim < 1 or math.prod(array.shape[1:]) != math.prod(wanted.shape):
            raise ValueError(
                f"input {place} has shape {array.shape}, expected (samples, {', '.join(map(str, wanted.shape))})"
            )
        arrays.append(array.astype(TYPES[wanted.type], copy=False).reshape(len(array), *wanted.shape))
    if len({len(samples) for samples in arrays}) > 1:
        raise ValueError("inputs have different numbers of samples")
    return arrays
