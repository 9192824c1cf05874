"""A net as one function in memory: its code, its weights, and scratch memory for each thread that calls it.

B: samples.  F: features of one.  C: outputs.
"""

import ctypes
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from .chain import Layer
from .graph import Unsuited
from .kernels._isa import Function, Isa
from .llvm import Code, Machine, assembly
from .shares import Floats

ALIGNED = 64
"""Bytes: a line of the cache, and a register of AVX-512."""
SMALL = 65_536
"""Bytes of inputs, or outputs, that are copied to and from where a call finds them."""
KNOWN = 16
"""Batch sizes that a thread remembers."""
LARGEST_CODE = 16 << 20
"""Bytes of a net."""


class Call(ctypes.Structure):
    """The content of a call: one address instead of five numbers, which Python takes long to convert."""

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
    """A batch size in a thread: memory whose addresses are known, as asking for them takes longer than a small call.

    What is large stays where it is instead, and is fresh each time.
    """

    inputs: Floats | None
    outputs: Floats | None
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
        self._features, self._outputs, self.work, self.stream = features, outputs, work, stream
        self.address = self._code.address("enter")
        """Of a function of a `Call`."""
        self._enter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.address)
        self._own = threading.local()

    def __call__(self, x_BF: Floats) -> Floats:
        """Inputs of another type or layout are converted first. Raises ValueError for another number of features."""
        try:
            bound = self._own.bound[x_BF.shape]
        except (AttributeError, KeyError):
            bound = self._bind(x_BF.shape)
        if bound.inputs is None:
            x_BF = np.ascontiguousarray(x_BF, np.float32)
            bound.call.x = x_BF.ctypes.data
        else:
            bound.inputs[...] = x_BF
        if bound.outputs is None:
            fresh = np.empty((len(x_BF), self._outputs), np.float32)
            bound.call.y = fresh.ctypes.data
            self._enter(bound.address)
            return fresh
        if len(x_BF):  # the code's loops look for an end after the first sample
            self._enter(bound.address)
        copied: Floats = bound.outputs.copy()
        return copied

    def _bind(self, shape: tuple[int, ...]) -> Bound:
        if len(shape) != 2 or shape[1] != self._features:
            raise ValueError(f"inputs have shape {shape}, expected (samples, {self._features})")
        own = self._own.__dict__
        work = own["work"] if "work" in own else own.setdefault("work", aligned(self.work))
        inputs, outputs = (_small((shape[0], width)) for width in (self._features, self._outputs))
        addresses = [0 if array is None else array.ctypes.data for array in (inputs, outputs, work, self.stream)]
        call = Call(*addresses[:2], shape[0], *addresses[2:])
        every: dict[tuple[int, ...], Bound] = own.setdefault("bound", {})
        if len(every) >= KNOWN:
            every.clear()
        return every.setdefault(shape, Bound(inputs, outputs, call, ctypes.addressof(call)))


def _small(shape: tuple[int, int]) -> Floats | None:
    return np.empty(shape, np.float32) if 4 * math.prod(shape) <= SMALL else None


def bounded(layers: Sequence[Layer], isa: Isa) -> None:
    """Raises Unsuited if the code of so many weights is too much."""
    if (size := isa.weight_bytes * sum(layer.kept for layer in layers)) > LARGEST_CODE:
        raise Unsuited(f"its code would take {size >> 20} MiB, which no cache holds and a compiler takes long for")


def aligned(count: int) -> Floats:
    """Zeros that begin at a line of the cache."""
    raw = np.zeros(4 * count + ALIGNED, np.uint8)
    begin = -raw.ctypes.data % ALIGNED
    return raw[begin : begin + 4 * count].view(np.float32)


def joined(parts: Sequence[Floats]) -> tuple[Floats, list[int]]:
    """All in one piece of memory, each at a line of the cache; and where each begins, in bytes."""
    lengths = [-(-len(part) // 16) * 16 for part in parts]
    begins = [0, *accumulate(lengths)]
    joined = aligned(begins[-1])
    for part, begin in zip(parts, begins, strict=False):
        joined[begin : begin + len(part)].view(np.uint32)[:] = part.view(np.uint32)  # bits that are no numbers as well
    return joined, [4 * begin for begin in begins[:-1]]


def declared(functions: Sequence[Function]) -> list[str]:
    """The layers' code, called as on Linux on every system."""
    text = assembly(line for function in functions for line in function.lines)
    return [text, *(f"declare x86_64_sysvcc void @{function.name}(ptr, ptr, ptr, i64, i64)" for function in functions)]
