"""A net as one function in memory: its code, its weights, and scratch memory for each thread that calls it.

B: samples.  F: features of one.  C: outputs.
"""

import ctypes
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from . import gelu, neighbours, planes, singles, tiles
from .chain import Layer, compact
from .graph import Conv, Graph
from .kernels import codegen, datadriven, pell, vectors
from .kernels._isa import AVX2, AVX512, Function, Isa
from .llvm import Code, Machine, assembly
from .shares import Floats

ALIGNED = 64
"""Bytes: a line of the cache, and a register of AVX-512."""
SMALL = 65_536
"""Bytes of inputs that are copied to where a call finds them."""
KNOWN = 16
"""Batch sizes that a thread remembers."""
LARGE = 1_000_000
"""Bytes of code that are worth more tiles per pass."""
INEXACT = ("pell19",)
"""Kernels whose weights are not those of the ticket: only for who measured them."""
FEW_TILES, MANY_TILES = 4, 16
"""Tiles of a pass: how often code is used once it was fetched, against how much of the cache the tiles take."""
GENERATORS = {"codegen": codegen.generate, "datadriven": datadriven.generate}
"""For batches."""


@dataclass(frozen=True)
class Single:
    """A kernel for one sample after the other."""

    arrange: Callable[[Sequence[Layer]], tuple[NDArray[np.int64], list[Layer]]]
    """Which inputs it reads, in its order, and the layers for that order."""
    generate: Callable[[str, Layer], Function]
    in_place: bool = False
    """Does it read a sample where it is? Otherwise a copy, with room behind it."""


SINGLES = {
    "pell": Single(pell.arrange, pell.generate),
    "pell19": Single(pell.arrange, partial(pell.generate, shared=True)),
    "vectors": Single(vectors.arrange, vectors.generate, in_place=True),
}


class Call(ctypes.Structure):
    """What a call hands over: one address instead of five numbers, which Python takes long to convert."""

    _fields_ = (
        ("x", ctypes.c_void_p),
        ("y", ctypes.c_void_p),
        ("n", ctypes.c_int64),
        ("work", ctypes.c_void_p),
        ("stream", ctypes.c_void_p),
    )


ENTRY = """define void @enter(ptr %call) {
  %yp = getelementptr i64, ptr %call, i64 1
  %np = getelementptr i64, ptr %call, i64 2
  %wp = getelementptr i64, ptr %call, i64 3
  %sp = getelementptr i64, ptr %call, i64 4
  %x = load ptr, ptr %call
  %y = load ptr, ptr %yp
  %n = load i64, ptr %np
  %work = load ptr, ptr %wp
  %stream = load ptr, ptr %sp
  call void @run(ptr %x, ptr %y, i64 %n, ptr %work, ptr %stream)
  ret void
}"""


@dataclass(frozen=True, eq=False)
class Bound:
    """A batch size in a thread: memory whose addresses are known, as asking for them takes longer than a small call."""

    inputs: Floats | None
    """Where they are copied to; of a large batch none: they stay where they are."""
    outputs: Floats
    call: Call
    address: int


class Program:
    """(B, F) -> (B, C), float32. May be called by any number of threads at once: the lock of Python is released.

    `sizes`: of each layer bytes of code, as estimated, and of the weights with what says where they belong.
    """

    def __init__(
        self,
        ir: Sequence[str],
        machine: Machine,
        functions: Sequence[Function],
        features: int,
        outputs: int,
        work: int,
        stream: Floats,
    ) -> None:
        self.sizes = [(function.code_bytes, function.stream.nbytes) for function in functions]
        self._code = Code([*ir, ENTRY], machine)
        self._features, self._outputs, self._work, self._stream = features, outputs, work, stream
        self._enter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._code.address("enter"))
        self._own = threading.local()

    def __call__(self, x_BF: Floats) -> Floats:
        """Inputs of another type or layout are converted first. Raises ValueError for another number of features."""
        try:
            bound = self._own.bound[x_BF.shape]
        except (AttributeError, KeyError):
            if not len(x_BF):  # the code's loops look for an end after the first sample
                return np.empty((0, self._outputs), np.float32)
            bound = self._bind(x_BF.shape)
        if bound.inputs is None:
            x_BF = np.ascontiguousarray(x_BF, np.float32)
            bound.call.x = x_BF.ctypes.data
        else:
            bound.inputs[...] = x_BF
        self._enter(bound.address)
        fresh: Floats = bound.outputs.copy()
        return fresh

    def _bind(self, shape: tuple[int, ...]) -> Bound:
        if len(shape) != 2 or shape[1] != self._features:
            raise ValueError(f"inputs have shape {shape}, expected (samples, {self._features})")
        own = self._own.__dict__
        work = own["work"] if "work" in own else own.setdefault("work", aligned(self._work))
        inputs = np.empty(shape, np.float32) if 4 * math.prod(shape) <= SMALL else None
        outputs = np.empty((shape[0], self._outputs), np.float32)
        addresses = [0 if each is None else each.ctypes.data for each in (inputs, outputs, work, self._stream)]
        call = Call(*addresses[:2], shape[0], *addresses[2:])
        every: dict[tuple[int, ...], Bound] = own.setdefault("bound", {})
        if len(every) >= KNOWN:
            every.clear()
        return every.setdefault(shape, Bound(inputs, outputs, call, ctypes.addressof(call)))


def instructions(machine: Machine) -> Isa | None:
    """The widest instruction set that the machine has, of those that code is written for."""
    return next((isa for isa in (AVX512, AVX2) if machine.has(*isa.features)), None)


def tiled(layers: Sequence[Layer], kernels: Sequence[str], isa: Isa, machine: Machine) -> Program:
    """For batches: tiles of samples through a kernel per layer, of GENERATORS."""
    functions = [
        GENERATORS[kernel](f"layer{n}", layer, isa)
        for n, (kernel, layer) in enumerate(zip(kernels, layers, strict=True))
    ]
    stream, begins = _joined([function.stream for function in functions])
    widths = [layers[0].weight_OI.shape[1], *(len(layer.bias_O) for layer in layers)]
    count = MANY_TILES if sum(function.code_bytes for function in functions) > LARGE else FEW_TILES
    names = [function.name for function in functions]
    ir = [
        *_declared(functions),
        "declare i64 @llvm.umin.i64(i64, i64)",
        *tiles.gather(isa.lanes, widths[0], widths[0]),
        *tiles.scatter(isa.lanes, widths[-1]),
        *_gelu(layers, isa.lanes),
        *tiles.passes("run", isa.lanes, count, widths[0], widths, names, begins, gelus=_bent(layers)),
    ]
    return Program(ir, machine, functions, widths[0], widths[-1], tiles.work_floats(isa.lanes, count, widths), stream)


def planar(graph: Graph, kernel: str | Sequence[str], isa: Isa, machine: Machine) -> Program:
    """For batches: convolutions as code, the layers at the end by a kernel of GENERATORS, or by one each.

    Raises planes.Unsuited.
    """
    arranged = planes.arrange(graph)
    head, functions = compact(arranged.head), []
    kernels = [kernel] * len(head) if isinstance(kernel, str) else list(kernel)[-len(head) :]
    if not arranged.body:
        return tiled(head, kernels, isa, machine)
    for n, node in enumerate(arranged.body):
        if isinstance(node, Conv):
            layer, reach = planes.reach(node, arranged.values[node.reads], isa.bytes)
            functions.append(codegen.generate(f"conv{n}", layer, isa, reach))
    body = len(functions)
    functions += [
        GENERATORS[kernel](f"layer{n}", layer, isa) for n, (kernel, layer) in enumerate(zip(kernels, head, strict=True))
    ]
    stream, begins = _joined([function.stream for function in functions])
    names = [function.name for function in functions]
    widths = [arranged.values[-1].rows, *(len(layer.bias_O) for layer in head)]
    ir = [
        *_declared(functions),
        "declare i64 @llvm.umin.i64(i64, i64)",
        *_gelu(graph.layers(), isa.lanes),
        f"declare <{isa.lanes} x float> @llvm.maximum.v{isa.lanes}f32(<{isa.lanes} x float>, <{isa.lanes} x float>)",
        *planes.code(arranged, isa.lanes, names[:body], begins[:body]),
        *tiles.scatter(isa.lanes, widths[-1]),
        *tiles.passes(
            "run", isa.lanes, FEW_TILES, graph.inputs.size, widths, names[body:], begins[body:], "body", _bent(head)
        ),
    ]
    work = tiles.work_floats(isa.lanes, FEW_TILES, widths) + isa.lanes * arranged.scratch
    return Program(ir, machine, functions, graph.inputs.size, widths[-1], work, stream)


def head(graph: Graph) -> int:
    """How many Linear layers are at its end."""
    try:
        return len(planes.cut(graph)[1])
    except planes.Unsuited:
        return 0


def suits(graph: Graph) -> tuple[bool, bool]:
    """Is `planar` written for it, and `flat`?"""
    return _arranges(planes.arrange, graph), _arranges(neighbours.arrange, graph)


def _arranges(arrange: Callable[[Graph], object], graph: Graph) -> bool:
    try:
        arrange(graph)
    except planes.Unsuited:
        return False
    return True


def flat(graph: Graph, machine: Machine, kernel: str = "pell") -> Program:
    """For one sample at a time: convolutions as code, the layers at the end by a kernel of SINGLES. Needs AVX-512.

    Raises planes.Unsuited.
    """
    arranged = neighbours.arrange(graph)
    head, nodes, functions = compact(arranged.head), [], []
    if not arranged.body:
        return single(head, machine, kernel)
    for n, layer, reach in neighbours.layers(arranged):
        nodes.append(n)
        functions.append(codegen.generate(f"conv{n}", layer, AVX512, reach))

    def body(streams: Sequence[int]) -> Iterator[str]:
        names = {n: function.name for n, function in zip(nodes, functions, strict=True)}
        yield "declare float @llvm.maximum.f32(float, float)"
        yield from (f"declare <{n} x float> @llvm.maximum.v{n}f32(<{n} x float>, <{n} x float>)" for n in range(1, 17))
        yield from neighbours.code(arranged, names, dict(zip(nodes, streams, strict=True)))

    return _singles(
        head, machine, kernel, graph.layers(), functions, body, graph.inputs.size, arranged.inputs_I, arranged.floats
    )


def single(layers: Sequence[Layer], machine: Machine, kernel: str = "pell") -> Program:
    """For one sample at a time, with a kernel of SINGLES. Needs AVX-512."""
    features = layers[0].weight_OI.shape[1]
    return _singles(layers, machine, kernel, [], [], lambda _: iter(()), features, np.arange(features), 0)


def _singles(
    layers: Sequence[Layer],
    machine: Machine,
    kernel: str,
    of: Sequence[Layer],
    before: Sequence[Function],
    body: Callable[[Sequence[int]], Iterator[str]],
    features: int,
    inputs_I: NDArray[np.int64],
    scratch: int,
) -> Program:
    """`of`, `before`, `body`: convolutions, their code and what calls it.  `inputs_I`: where the layers' inputs are."""
    own = SINGLES[kernel]
    order, arranged = own.arrange(layers)
    functions = [*before, *(own.generate(f"layer{n}", layer) for n, layer in enumerate(arranged))]
    indices = np.zeros(-(-len(order) // singles.UNROLLED) * singles.UNROLLED, np.int32)
    indices[: len(order)] = inputs_I[order]
    stream, (_, *begins) = _joined([indices.view(np.float32), *(function.stream for function in functions)])
    sizes = [pell.padded(width) for width in (len(order), *(len(layer.bias_O) for layer in layers))]
    buffers = [0, *accumulate(sizes)]
    direct = own.in_place and not scratch
    names, outputs = [function.name for function in functions[len(before) :]], len(layers[-1].bias_O)
    ir = [
        *_declared(functions),
        "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)",
        *_gelu([*of, *layers], singles.ROW),
        *body(begins[: len(before)]),
        *singles.loop(
            "run",
            features,
            len(order),
            outputs,
            names,
            begins[len(before) :],
            buffers,
            scratch > 0,
            direct,
            _bent(layers),
        ),
    ]
    return Program(ir, machine, functions, features, outputs, buffers[-1] + scratch, stream)


def _bent(layers: Sequence[Layer]) -> list[int]:
    return [n for n, layer in enumerate(layers) if layer.gelu]


def _gelu(layers: Sequence[Layer], lanes: int) -> Iterator[str]:
    """Its code, if any layer needs it."""
    return gelu.code(lanes) if _bent(layers) else iter(())


def aligned(count: int) -> Floats:
    """Zeros that begin at a line of the cache."""
    raw = np.zeros(4 * count + ALIGNED, np.uint8)
    begin = -raw.ctypes.data % ALIGNED
    return raw[begin : begin + 4 * count].view(np.float32)


def _joined(parts: Sequence[Floats]) -> tuple[Floats, list[int]]:
    """All in one piece of memory, each at a line of the cache; and where each begins, in bytes."""
    lengths = [-(-len(part) // 16) * 16 for part in parts]
    begins = [0, *accumulate(lengths)]
    joined = aligned(begins[-1])
    for part, begin in zip(parts, begins, strict=False):
        joined[begin : begin + len(part)].view(np.uint32)[:] = part.view(np.uint32)  # bits that are no numbers as well
    return joined, [4 * begin for begin in begins[:-1]]


def _declared(functions: Sequence[Function]) -> list[str]:
    """The layers' code, called as on Linux on every system."""
    text = assembly(line for function in functions for line in function.lines)
    return [text, *(f"declare x86_64_sysvcc void @{function.name}(ptr, ptr, ptr, i64, i64)" for function in functions)]
