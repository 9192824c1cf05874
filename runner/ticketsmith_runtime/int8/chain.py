"""Linears that follow each other, in one call: no value between them is seen by Python.

Hidden units are put in the order of their weights' number, so that the lanes of a group have about as much to do.

B: samples.  F: features of one.  O: units.  I: inputs.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..folding import folded
from ..graph import Unsuited
from ..kernels._isa import Function
from ..llvm import Machine
from ..network import Network, checked
from ..numerics import Numbers
from ..program import Program, joined
from .instructions import best
from .numerics import Fixed, held
from .packed import Packed, Weights, packed, typed, weights_of
from .rows import BEHIND
from .sums_code import AFTER, program

TOGETHER = 1 << 18
"""Bytes of the widest layer's values for all samples that go through the layers at a time."""
FEWEST, MOST = 16, 256
"""Samples that do, whatever their size."""
ALIGNED = 16
"""Floats of a line of the cache."""


@dataclass(frozen=True)
class Link:
    """A Linear, and what is done after it: a name of `sums_code.AFTER`."""

    weights: Weights
    after: str = ""
    fixed: Fixed = None


def links(network: Network) -> list[Link]:
    """The Linears of a network that has nothing else. Raises Unsuited."""
    if len(network.inputs) != 1 or network.inputs[0].type != "float" or network.single:
        raise Unsuited("it has other inputs than samples of floats")
    linears: list[Link] = []
    for n, node in enumerate(network.nodes):
        constants = [constant for read in node.reads[1:] if (constant := network.constant(read)) is not None]
        if node.reads[:1] != [network.first + n - 1 if n else 0] or len(constants) + 1 < len(node.reads):
            raise Unsuited(f"node {n} ({node.operator}) reads something else than the one before it")
        if node.operator == "linear8" and typed(constants):
            linears.append(Link(weights_of(constants), **node.attributes))
        elif node.operator in AFTER and linears and not linears[-1].after:
            linears[-1] = replace(linears[-1], after=node.operator)
        elif node.operator != "view" or linears:
            raise Unsuited(f"node {n} ({node.operator}) is no Linear, and nothing that follows one")
    last = network.first + len(network.nodes) - 1
    if not linears or [*network.outputs] != [last] or len(network.shapes(2)[last]) != 2:
        raise Unsuited("it puts out something else than a row of its last Linear for each sample")
    return linears


class Chain:
    """A network of such Linears alone, ready to answer. Raises Unsuited."""

    def __init__(self, network: Network, machine: Machine) -> None:
        self._network, self._program = network, chained(links(folded(network)), machine)
        self._features = math.prod(network.inputs[0].shape)

    def __call__(self, *inputs: Numbers) -> list[Numbers]:
        """The outputs, float32. Raises ValueError for wrong inputs."""
        if len(inputs) != 1 or not inputs[0].ndim or inputs[0].size != len(inputs[0]) * self._features:
            checked(self._network, inputs)  # says what is wrong; for what is right it takes longer than a sample
        (x,) = inputs
        return [self._program(x.reshape(len(x), self._features))]


def chained(sequence: Sequence[Link], machine: Machine) -> Program:
    """(B, F) -> (B, C). Raises Unsuited if the processor has none of the instructions."""
    if (own := best(machine)) is None:
        raise Unsuited(f"{machine.cpu} has no AVX2, which its code is made of")
    widths = [link.weights.steps_OI.shape[1] for link in sequence]
    layers = [packed(weights, np.arange(width), own) for weights, width in zip(_ordered(sequence), widths, strict=True)]
    widths[1:] = [layer.width for layer in layers[:-1]]  # what fills a group is zero
    pitches = [-(-width // BEHIND) * BEHIND + BEHIND for width in widths]
    rows = min(MOST, max(FEWEST, TOGETHER // max(pitches) // 8 * 8))
    parts = [
        part
        for layer, link, pitch in zip(layers, sequence, pitches, strict=True)
        for part in _parts(layer, link.fixed, pitch, rows)
    ]
    stream, begins = joined(parts)
    shape = _Shape(
        widths=widths,
        pitches=pitches,
        rows=rows,
        outputs=len(sequence[-1].weights.scale_O),
        wide=max(layer.width for layer in layers),
    )
    calls = [
        _Call(layer=layer, after=AFTER[link.after], fixed=bool(link.fixed), begins=begins[PARTS * n : PARTS * (n + 1)])
        for n, (layer, link) in enumerate(zip(layers, sequence, strict=True))
    ]
    functions = [Function("layer", [], np.zeros(layer.bytes // 4, np.float32), 0) for layer in layers]
    code = [*program(own), *_run(shape, calls)]
    return Program(code, machine, functions, widths[0], shape.outputs, shape.work, stream)


def _ordered(sequence: Sequence[Link]) -> Iterator[Weights]:
    """Weights with the hidden units in another order, those with most inputs first."""
    inputs: Any = slice(None)
    for n, link in enumerate(sequence):
        given = link.weights
        count_O = (given.steps_OI != 0).sum(1)
        units: Any = np.argsort(-count_O, kind="stable") if n + 1 < len(sequence) else slice(None)
        yield Weights(
            steps_OI=given.steps_OI[:, inputs][units], scale_O=given.scale_O[units], bias_O=given.bias_O[units]
        )
        inputs = units


PARTS = 6
"""Pieces of memory for each layer."""


def _parts(layer: Packed, fixed: Fixed, pitch: int, rows: int) -> list[NDArray[np.float32]]:
    """Offsets of the rows, all that a layer reads, and the range of its inputs, as words of 32 bits."""
    offsets = (np.arange(rows) * pitch).astype(np.int32)
    parts = (offsets, layer.begins, layer.starts, layer.slots, layer.units, held(fixed or (0, 0)))
    return [np.ascontiguousarray(part).view(np.float32).ravel() for part in parts]


@dataclass(frozen=True, kw_only=True)
class _Shape:
    """Sizes that the code has to know."""

    widths: Sequence[int]
    """Floats of a row of each layer's inputs."""
    pitches: Sequence[int]
    """Bytes from a row of it to the next."""
    rows: int
    outputs: int
    wide: int
    """Floats of the widest row of outputs."""

    @property
    def scales(self) -> int:
        """Place of the rows' steps in the memory of a call, in floats; bytes of inputs come first."""
        return -(-(self.rows * max(self.pitches)) // (4 * ALIGNED)) * ALIGNED

    @property
    def sums(self) -> int:
        """Place of the outputs."""
        return self.scales + -(-2 * self.rows // ALIGNED) * ALIGNED

    @property
    def work(self) -> int:
        return self.sums + self.rows * self.wide


@dataclass(frozen=True, kw_only=True)
class _Call:
    """A layer in the code: where its parts begin in the stream, in bytes."""

    layer: Packed
    after: int
    fixed: bool
    begins: Sequence[int]


def _run(shape: _Shape, calls: Sequence[_Call]) -> Iterator[str]:
    """`@run`(x, y, n, work, stream): some samples at a time through all layers."""
    yield "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)\ndeclare i64 @llvm.umin.i64(i64, i64)"
    yield "define void @run(ptr %x, ptr %y, i64 %n, ptr %work, ptr %stream) {\nentry:"
    yield f"  %scales = getelementptr float, ptr %work, i64 {shape.scales}"
    yield f"  %sums = getelementptr float, ptr %work, i64 {shape.sums}"
    for k, call in enumerate(calls):
        for part, begin in enumerate(call.begins):
            yield f"  %p{k}.{part} = getelementptr i8, ptr %stream, i64 {begin}"
    yield "  br label %some\nsome:\n  %at = phi i64 [0, %entry], [%next, %copied]"
    yield f"  %left = sub i64 %n, %at\n  %rows = call i64 @llvm.umin.i64(i64 %left, i64 {shape.rows})"
    yield f"  %xo = mul i64 %at, {shape.widths[0]}\n  %xs = getelementptr float, ptr %x, i64 %xo"
    for k, call in enumerate(calls):
        source, pitch, layer = "%sums" if k else "%xs", shape.pitches[k], call.layer
        yield f"  call void @quantize(ptr {source}, i64 {shape.widths[k]}, i64 %rows,"
        yield f"    ptr %work, i64 {pitch}, ptr %scales, ptr {f'%p{k}.{PARTS - 1}' if call.fixed else 'null'})"
        read = ", ".join(f"ptr %p{k}.{part}" for part in range(1, PARTS - 1))
        yield f"  call void @layer({read}, i64 {layer.groups}, i64 {layer.together}, i64 {call.after}, ptr %work,"
        yield f"    ptr %p{k}.0, ptr %scales, i64 8, ptr %sums, i64 {layer.width}, i64 %rows)"
    yield f"  %yo = mul i64 %at, {shape.outputs}\n  %ys = getelementptr float, ptr %y, i64 %yo\n  br label %copy"
    yield f"copy:\n  %m = phi i64 [0, %some], [%mnext, %copy]\n  %fo = mul i64 %m, {calls[-1].layer.width}"
    yield f"  %from = getelementptr float, ptr %sums, i64 %fo\n  %to = mul i64 %m, {shape.outputs}"
    yield "  %put = getelementptr float, ptr %ys, i64 %to"
    yield f"  call void @llvm.memcpy.p0.p0.i64(ptr %put, ptr %from, i64 {4 * shape.outputs}, i1 false)"
    yield "  %mnext = add i64 %m, 1\n  %more = icmp ult i64 %mnext, %rows\n  br i1 %more, label %copy, label %copied"
    yield "copied:\n  %next = add i64 %at, %rows\n  %again = icmp ult i64 %next, %n"
    yield "  br i1 %again, label %some, label %exit\nexit:\n  ret void\n}"
