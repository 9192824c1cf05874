"""Convolutions under a mask, any stride, padding, dilation and groups: neighbouring places in a register's lanes.

A plane with its border lies in memory as one line, and so do those of all samples, channel after channel. A weight then
is one number for a whole register, and what it reads lies a fixed distance from the place: offset and weight are data,
and one small loop serves all layers. With a stride, the places of each remainder have a plane of their own.

B: samples.  C: channels.  O: units.  H, W: rows and columns.  K: weights that the mask keeps.
"""

import ctypes
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .kernels._isa import Isa
from .llvm import Code, Machine
from .numerics import Numbers

BLOCKS = (8, 4, 2, 1)
"""Registers of places that are summed side by side, for as long as so many are left."""
KNOWN = 8
"""Shapes of inputs that a layer remembers: each has the offsets of all weights."""
TOGETHER = 4096
"""Places of all samples, up to which they are one line."""
PASSED = "ptr %x, ptr %y, ptr %bias, ptr %begins, ptr %stream, i64 %units, i64 %pitch, float %floor"


class Loop:
    """The code, for every layer of a network."""

    def __init__(self, isa: Isa, machine: Machine) -> None:
        self.lanes = isa.lanes
        self._code = Code(_program(isa.lanes), machine)
        pointers, numbers = [ctypes.c_void_p] * 5, [ctypes.c_int64] * 3
        self.run = ctypes.CFUNCTYPE(None, *pointers, *numbers, ctypes.c_float)(self._code.address("places"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Convolution:
    """A convolution, and the weights that a mask left of it."""

    weight_OCHW: NDArray[np.float32]
    alive_OCHW: NDArray[np.bool_]
    bias_O: NDArray[np.float32]
    stride: Sequence[int]
    padding: Sequence[int]
    dilation: Sequence[int]
    groups: int


class Places:
    """(B, C, H, W) -> (B, O, rows, columns), float32. May be called by any number of threads at once."""

    def __init__(self, layer: Convolution, loop: Loop, relu: bool = False) -> None:
        self._layer, self._loop = layer, loop
        self._floor = 0.0 if relu else -np.inf
        self._unit_K, self._channel_K, self._row_K, self._column_K = np.nonzero(layer.alive_OCHW)
        self._weight_K = layer.weight_OCHW[layer.alive_OCHW].astype(np.float32)
        units, reads = layer.weight_OCHW.shape[:2]
        self._channel_K = self._channel_K + self._unit_K // (units // layer.groups) * reads
        self._begins = np.searchsorted(self._unit_K, np.arange(units + 1)).astype(np.int32)
        self._bias = np.ascontiguousarray(layer.bias_O, np.float32)
        self._plans: dict[tuple[int, ...], _Plan] = {}
        self._own = threading.local()

    @property
    def bytes(self) -> tuple[int, int]:
        """Bytes of code of its own, and of offsets and weights for one shape of inputs."""
        return 0, 8 * len(self._weight_K)

    def __call__(self, x: Numbers) -> Numbers:
        """The outputs, as a view of memory of their own. Samples that are large go one by one: a cache holds them."""
        b, *shape = x.shape
        together = b if b * x.shape[2] * x.shape[3] <= TOGETHER else 1
        plan = self._planned(together, *shape)
        units, pitch, (rows, columns) = len(self._bias), plan.pitch + self._loop.lanes, plan.outputs
        y = np.empty((-(-b // max(together, 1)), units, pitch), np.float32)
        source = self._source(plan, shape[0])
        for n, out in enumerate(y):
            self._fill(source, x[n * together : (n + 1) * together], plan)
            addresses = (array.ctypes.data for array in (source, out, self._bias, self._begins, plan.stream))
            self._loop.run(*addresses, units, pitch, plan.places, self._floor)
        y_NOBHW = y[:, :, : plan.pitch].reshape(len(y), units, together, *plan.plane)
        order = (0, 2, 1, 3, 4) if together == 1 else (2, 0, 1, 3, 4)  # one of the first two axes has one entry
        return y_NOBHW[..., :rows, :columns].transpose(order).reshape(b, units, rows, columns)

    def _source(self, plan: "_Plan", channels: int) -> NDArray[np.float32]:
        """Memory of this thread for the planes with their borders, in which what is no place of the input is zero."""
        own: dict[str, Any] = self._own.__dict__
        if own.get("plan") is not plan:
            size = len(plan.remainders) * channels * plan.pitch
            own |= {"plan": plan, "planes": np.zeros(size + (1 + BLOCKS[0]) * self._loop.lanes, np.float32)}
        planes: NDArray[np.float32] = own["planes"]
        return planes

    def _fill(self, source: NDArray[np.float32], x: Numbers, plan: "_Plan") -> None:
        size = len(plan.remainders) * x.shape[1] * plan.pitch
        planes = source[:size].reshape(len(plan.remainders), x.shape[1], len(x), *plan.plane)
        for plane, (rows, columns) in zip(planes, plan.remainders, strict=True):
            plane[:, :, rows.put, columns.put] = x[:, :, rows.taken, columns.taken].transpose(1, 0, 2, 3)

    def _planned(self, *shape: int) -> "_Plan":
        if (plan := self._plans.get(shape)) is None:
            plan = self._plan(*shape)
            self._plans = {**(self._plans if len(self._plans) < KNOWN else {}), shape: plan}
        return plan

    def _plan(self, b: int, c: int, h: int, w: int) -> "_Plan":
        layer, kernel = self._layer, self._layer.weight_OCHW.shape[2:]
        padded = [size + 2 * border for size, border in zip((h, w), layer.padding, strict=True)]
        plane = tuple(-(-size // step) for size, step in zip(padded, layer.stride, strict=True))
        outputs = tuple(
            (size - (taps - 1) * dilated - 1) // step + 1
            for size, taps, dilated, step in zip(padded, kernel, layer.dilation, layer.stride, strict=True)
        )
        far = (self._row_K * layer.dilation[0], self._column_K * layer.dilation[1])
        remainder_K = far[0] % layer.stride[0] * layer.stride[1] + far[1] % layer.stride[1]
        used, which_K = np.unique(remainder_K, return_inverse=True)
        pitch = b * plane[0] * plane[1]
        within_K = far[0] // layer.stride[0] * plane[1] + far[1] // layer.stride[1]
        offset_K = (which_K * c + self._channel_K) * pitch + within_K
        stream = np.stack([offset_K.astype(np.int32), self._weight_K.view(np.int32)], 1)
        remainders = [
            tuple(
                _Part.of(int(rest), step, border, size)
                for rest, step, border, size in zip(
                    divmod(remainder, layer.stride[1]), layer.stride, layer.padding, (h, w), strict=True
                )
            )
            for remainder in used
        ]
        places = ((b - 1) * plane[0] + outputs[0] - 1) * plane[1] + outputs[1]
        return _Plan(
            stream=np.ascontiguousarray(stream),
            remainders=remainders,
            plane=plane,
            outputs=outputs,
            pitch=pitch,
            places=places,
        )


@dataclass(frozen=True)
class _Part:
    """The places of one remainder along an axis: where they are in the input, and where they go."""

    taken: slice
    put: slice

    @classmethod
    def of(cls, rest: int, step: int, border: int, size: int) -> "_Part":
        first = max(0, -(-(border - rest) // step))
        start = rest + step * first - border
        count = max(0, -(-(size - start) // step))
        return cls(slice(start, None, step), slice(first, first + count))


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """A shape of inputs: where everything is."""

    stream: NDArray[np.int32]
    """(K, 2): offset of what a weight reads, in numbers, and the weight."""
    remainders: Sequence[Any]
    """(rows, columns) of each plane that any weight reads."""
    plane: tuple[int, ...]
    outputs: tuple[int, ...]
    """Rows and columns that are put out; the others of a plane are never read."""
    pitch: int
    """Numbers from a channel to the next."""
    places: int
    """Up to the last one that is put out."""


def _program(lanes: int) -> Iterator[str]:
    """`@places`(..., places, floor): blocks of registers, the widest first."""
    vector = f"<{lanes} x float>"
    yield f"declare {vector} @llvm.fma.v{lanes}f32({vector}, {vector}, {vector})"
    yield f"declare {vector} @llvm.maximum.v{lanes}f32({vector}, {vector})"
    for block in BLOCKS:
        yield from _block(lanes, block)
    passed = PASSED.replace("float %floor", "i64 %places, float %floor")
    yield f"define void @places({passed}) {{\nentry:\n  br label %head0"
    before = "%entry"
    for n, block in enumerate(BLOCKS):
        after = f"head{n + 1}" if n + 1 < len(BLOCKS) else "end"
        start = "0" if n == 0 else f"%at{n - 1}"
        yield f"head{n}:\n  %at{n} = phi i64 [{start}, {before}], [%next{n}, %body{n}]"
        least = (block - 1) * lanes  # a register that is not full reads and writes what nobody needs
        yield f"  %left{n} = sub i64 %places, %at{n}\n  %on{n} = icmp sgt i64 %left{n}, {least}"
        yield f"  br i1 %on{n}, label %body{n}, label %{after}\nbody{n}:"
        yield f"  %x{n} = getelementptr float, ptr %x, i64 %at{n}\n  %y{n} = getelementptr float, ptr %y, i64 %at{n}"
        passed = PASSED.replace("%x,", f"%x{n},").replace("%y,", f"%y{n},")
        yield f"  call void @block{block}({passed})\n  %next{n} = add i64 %at{n}, {block * lanes}\n  br label %head{n}"
        before = f"%head{n}"
    yield "end:\n  ret void\n}"


def _block(lanes: int, block: int) -> Iterator[str]:
    """`@block`: for each unit the bias, every weight times the places that it reads, and the floor."""
    vector, registers = f"<{lanes} x float>", range(block)
    yield f"define internal void @block{block}({PASSED}) {{\nentry:"
    yield from _splat("low", "%floor", lanes)
    yield "  br label %unit\nunit:\n  %o = phi i64 [0, %entry], [%onext, %done]"
    yield "  %bp = getelementptr float, ptr %bias, i64 %o\n  %b = load float, ptr %bp"
    yield from _splat("bs", "%b", lanes)
    yield "  %fp = getelementptr i32, ptr %begins, i64 %o\n  %f = load i32, ptr %fp\n  %first = zext i32 %f to i64"
    yield "  %onext = add i64 %o, 1\n  %lp = getelementptr i32, ptr %begins, i64 %onext\n  %l = load i32, ptr %lp"
    yield "  %last = zext i32 %l to i64\n  %some = icmp ult i64 %first, %last"
    yield "  br i1 %some, label %weight, label %done"
    yield "weight:\n  %k = phi i64 [%first, %unit], [%knext, %weight]"
    for u in registers:
        yield f"  %s{u} = phi {vector} [%bs, %unit], [%t{u}, %weight]"
    yield "  %sp = getelementptr {i32, float}, ptr %stream, i64 %k\n  %op = load i32, ptr %sp"
    yield "  %wp = getelementptr {i32, float}, ptr %stream, i64 %k, i32 1\n  %w = load float, ptr %wp"
    yield from _splat("ws", "%w", lanes)
    yield "  %off = zext i32 %op to i64\n  %at = getelementptr float, ptr %x, i64 %off"
    for u in registers:
        yield f"  %p{u} = getelementptr float, ptr %at, i64 {u * lanes}\n  %v{u} = load {vector}, ptr %p{u}, align 4"
        operands = f"{vector} %v{u}, {vector} %ws, {vector} %s{u}"
        yield f"  %t{u} = call {vector} @llvm.fma.v{lanes}f32({operands})"
    yield "  %knext = add i64 %k, 1\n  %more = icmp ult i64 %knext, %last"
    yield "  br i1 %more, label %weight, label %done\ndone:"
    for u in registers:
        yield f"  %r{u} = phi {vector} [%bs, %unit], [%t{u}, %weight]"
    yield "  %rowat = mul i64 %o, %pitch\n  %row = getelementptr float, ptr %y, i64 %rowat"
    for u in registers:
        yield f"  %c{u} = call {vector} @llvm.maximum.v{lanes}f32({vector} %r{u}, {vector} %low)"
        yield f"  %q{u} = getelementptr float, ptr %row, i64 {u * lanes}\n  store {vector} %c{u}, ptr %q{u}, align 4"
    yield "  %again = icmp ult i64 %onext, %units\n  br i1 %again, label %unit, label %exit\nexit:\n  ret void\n}"


def _splat(name: str, number: str, lanes: int) -> Iterator[str]:
    vector = f"<{lanes} x float>"
    yield f"  %{name}0 = insertelement {vector} poison, float {number}, i64 0"
    yield f"  %{name} = shufflevector {vector} %{name}0, {vector} poison, <{lanes} x i32> zeroinitializer"
