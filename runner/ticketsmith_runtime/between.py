"""Code for what stands between layers: norms, GELU by tanh, attention of a sequence. To the bit as `ordered` has it.

M: rows.  F: numbers of a row.  T: positions.
"""

import ctypes
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from . import ordered_code, tape_code
from .llvm import Code, Machine
from .network import Constant
from .numerics import Numbers
from .ordered_code import BENDS

KINDS = {"p": ctypes.c_void_p, "n": ctypes.c_int64, "f": ctypes.c_float}


class Between:
    """The functions of `ordered_code` and `tape_code`, for one machine."""

    def __init__(self, machine: Machine) -> None:
        self._code = Code([*ordered_code.code(), *tape_code.code()], machine)
        self.address = self._code.address
        self.normed = self._function("normed", "ppnnppffn")
        self.bends = {operator: self._function(name, "ppn") for operator, name in BENDS.items()}
        self._attended = self._function("attended", "ppppnnnnnnfp")

    def _function(self, name: str, kinds: str) -> Callable[..., None]:
        return ctypes.CFUNCTYPE(None, *(KINDS[kind] for kind in kinds))(self.address(name))

    def attended(self, q: Numbers, k: Numbers, v: Numbers, scale: float) -> Numbers:
        """`ordered.attended`, where keys and values are the first positions of rooms that lie in one piece."""
        heads, (queries, f), (keys, d) = math.prod(q.shape[:-2]), q.shape[-2:], v.shape[-2:]
        q, y, work = np.ascontiguousarray(q), np.empty((*q.shape[:-1], d), np.float32), np.empty(f + keys, np.float32)
        room = k.strides[-3] // k.strides[-2] if q.ndim > 2 else keys
        places = (array.ctypes.data for array in (q, k, v, y))
        self._attended(*places, heads, queries, keys, room, f, d, scale, work.ctypes.data)
        return y


class Norm:
    """`layer_norm` or `rms_norm` of the last axes."""

    def __init__(self, between: Between, gains: Sequence[Constant], axes: int, eps: float, centred: bool) -> None:
        self._between, self.axes, self.eps, self.centred = between, axes, eps, centred
        self._gains = [np.ascontiguousarray(gain.array, np.float32).ravel() for gain in gains]

    @property
    def bytes(self) -> tuple[int, int]:
        """Bytes of code of its own, and of gains."""
        return 0, sum(gain.nbytes for gain in self._gains)

    def __call__(self, x: Numbers) -> Numbers:
        """The outputs, float32."""
        x, n = np.ascontiguousarray(x, np.float32), math.prod(x.shape[x.ndim - self.axes :])
        gain, shift = self.gains(n)
        y = np.empty_like(x)
        given = (x.ctypes.data, y.ctypes.data, x.size // max(n, 1), n, gain.ctypes.data, shift.ctypes.data)
        self._between.normed(*given, 1 / max(n, 1), self.eps, int(self.centred))
        return y

    def gains(self, n: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The gain and the shift of n numbers: 1 and 0 where there are none."""
        gain, shift = [*self._gains, *(np.full(n, number, np.float32) for number in (1, 0)[len(self._gains) :])]
        return gain, shift


class Bent:
    """An operator of BENDS, number by number."""

    bytes = (0, 0)

    def __init__(self, between: Between, operator: str) -> None:
        self._run = between.bends[operator]

    def __call__(self, x: Numbers) -> Numbers:
        """The outputs, float32, in memory as the inputs are."""
        y = np.array(x, np.float32)  # compact, whatever x is: an expanded one has its numbers in memory once
        self._run(y.ctypes.data, y.ctypes.data, y.size)
        return y
