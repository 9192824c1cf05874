"""A part of a network in one call: no value between its nodes is seen by Python.

B: samples.
"""

import ctypes
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..llvm import Code, Machine
from ..numerics import Numbers
from ..program import KNOWN, SMALL, aligned
from .instructions import Instructions
from .part_code import code
from .part_plan import Plan
from .records_code import ARGUMENTS, CALL


class PartCode:
    """The code of all parts, in memory."""

    def __init__(self, own: Instructions, machine: Machine) -> None:
        self.own = own
        self._code = Code(code(own), machine)
        self.addresses = {name: self._code.address(name) for name in ARGUMENTS}
        self.run = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._code.address("run"))


@dataclass(frozen=True, eq=False)
class _Bound:
    """A number of samples in a thread: memory whose addresses are known."""

    inputs: Sequence[NDArray[np.float32] | None]
    outputs: Sequence[NDArray[np.float32] | None]
    words: NDArray[np.int64]
    address: int


class Part:
    """Nodes of a network. May be called by any number of threads at once."""

    def __init__(self, plan: Plan, made: PartCode) -> None:
        self._plan, self._code, shapes = plan, made, plan.shapes
        self.nodes, self.inputs, self.outputs = plan.nodes, plan.inputs, plan.outputs
        self._shapes = [shapes[value] for value in self.outputs]
        self._wide = [(value.plane.height, value.plane.width, value.plane.channels) for value in self._plan.put]
        self._rows = [
            len(shapes[value]) == 2 and put.places == 1 for value, put in zip(self.outputs, self._plan.put, strict=True)
        ]
        self._given_shapes = [shapes[value][1:] for value in self.inputs]
        self._features = [math.prod(shape) for shape in self._given_shapes]
        self._records = self._plan.records.words(made.addresses)
        self._own = threading.local()

    @property
    def bytes(self) -> tuple[int, int]:
        """Bytes of code of its own, and of weights with what says where they belong."""
        return 0, sum(layer.bytes for layer in self._plan.packed)

    def __call__(self, *inputs: Numbers) -> list[Numbers]:
        """The outputs, float32; in memory the channels of a place lie side by side, as convolutions leave them."""
        samples = len(inputs[0])
        bound = self._bound(samples)
        alive = [self._given(bound, n, x) for n, x in enumerate(inputs)]
        made = [self._taken(bound, n, samples) for n in range(len(self.outputs))]
        if samples:
            self._code.run(bound.address)
        del alive
        return [self._shaped(n, y.copy() if y is bound.outputs[n] else y) for n, y in enumerate(made)]

    def _given(self, bound: "_Bound", n: int, x: Numbers) -> Numbers:
        """Tell the call where an input is; what has to stay there is put out."""
        if (own := bound.inputs[n]) is not None:
            own[...] = x.reshape(own.shape)
            return own
        place = len(CALL) - 1 + 2 * n
        x = x.reshape(len(x), *self._given_shapes[n])
        last = x.ndim == 4 and x.dtype == np.float32 and x.transpose(0, 2, 3, 1).flags.c_contiguous
        x = x if last else np.ascontiguousarray(x, np.float32)
        bound.words[place : place + 2] = x.ctypes.data, last
        return x

    def _taken(self, bound: "_Bound", n: int, samples: int) -> NDArray[np.float32]:
        """Memory for an output."""
        if (own := bound.outputs[n]) is not None:
            return own
        y = np.empty((samples, *self._wide[n]), np.float32)
        bound.words[len(CALL) - 1 + 2 * len(self.inputs) + n] = y.ctypes.data
        return y

    def _shaped(self, n: int, y_BHWC: NDArray[np.float32]) -> Numbers:
        """An output as numpy would have it, in memory too where its sums might depend on that."""
        if self._rows[n]:
            return y_BHWC.reshape(len(y_BHWC), y_BHWC.shape[-1])
        y, shape = y_BHWC.transpose(0, 3, 1, 2), self._shapes[n]
        if len(shape) == 4 and self._plan.put[n].ordered:
            return y
        return np.ascontiguousarray(y).reshape(len(y), *shape[1:])

    def _bound(self, samples: int) -> "_Bound":
        own: dict[str, Any] = self._own.__dict__
        every: dict[int, _Bound] = own.setdefault("bound", {})
        if (bound := every.get(samples)) is None:
            if len(every) >= KNOWN:
                every.clear()
            work = own["work"] if "work" in own else own.setdefault("work", self._work())
            bound = every[samples] = self._made(samples, work)
        return bound

    def _work(self) -> NDArray[np.float32]:
        return aligned(self._plan.size * self._plan.together // 4)

    def _made(self, samples: int, work: NDArray[np.float32]) -> "_Bound":
        inputs = [_small(samples, features) for features in self._features]
        outputs = [_small(samples, *wide) for wide in self._wide]
        words = np.zeros(len(CALL) - 1 + 2 * len(inputs) + len(outputs), np.int64)
        plan, records = self._plan, self._records
        numbers = {"samples": samples, "work": work.ctypes.data, "records": records.ctypes.data}
        numbers |= {"count": len(records), "together": plan.together, "size": plan.size}
        words[: len(CALL) - 1] = [numbers[name] for name in CALL[:-1]]
        for place, array in [
            *((2 * n, x) for n, x in enumerate(inputs)),
            *((2 * len(inputs) + n, y) for n, y in enumerate(outputs)),
        ]:
            words[len(CALL) - 1 + place] = 0 if array is None else array.ctypes.data
        return _Bound(inputs, outputs, words, words.ctypes.data)


def _small(*shape: int) -> NDArray[np.float32] | None:
    """Memory for an array that is copied; None for what stays where it is."""
    return np.zeros(shape, np.float32) if 4 * math.prod(shape) <= SMALL else None
