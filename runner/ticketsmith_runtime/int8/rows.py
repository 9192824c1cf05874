"""A Linear in int8 within a network.

M: rows.  F: inputs of one.  O: units.
"""

import math
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..numerics import Numbers
from ..program import aligned
from ..shares import Pool
from .loop import Loop, alone
from .numerics import Fixed
from .packed import Held, Weights, packed
from .sums_code import AFTER, CALL

BEHIND = 64
"""Bytes behind the inputs of a row: a window may begin at the last one."""
NEAR = 1 << 18
"""Bytes of inputs that are made, and then read for each unit."""


class Rows:
    """(..., F) -> (..., O), float32. May be called by any number of threads at once."""

    def __init__(
        self, weights: Weights, loop: Loop, after: str = "", pool: Pool | None = None, fixed: Fixed = None
    ) -> None:
        self._fixed = Held(fixed)
        self._units, self._features = weights.steps_OI.shape
        self._packed = packed(weights, np.arange(self._features), loop.own)
        self._loop, self._after, self._pool = loop, after, pool or Pool(1)
        self.pitch = -(-self._features // BEHIND) * BEHIND + BEHIND
        self._most = max(BEHIND, NEAR // self.pitch)
        self._own = threading.local()
        self.address, self.width = loop.address, self._packed.width

    @property
    def bytes(self) -> tuple[int, int]:
        """Bytes of code of its own, and of weights with what says where they belong."""
        return 0, self._packed.bytes

    @property
    def alone(self) -> bool:
        """Tell whether one thread does a row."""
        return alone(self._packed, 1, self._pool)

    def __call__(self, x: Numbers) -> Numbers:
        """The outputs."""
        x_MF = np.ascontiguousarray(x, np.float32).reshape(math.prod(x.shape[:-1]), self._features)
        y = np.empty((len(x_MF), self._packed.width), np.float32)
        for start in range(0, len(x_MF), self._most):
            part = slice(start, start + self._most)
            self._sum(x_MF[part], y[part])
        return np.ascontiguousarray(y[:, : self._units]).reshape(*x.shape[:-1], self._units)

    def _sum(self, x_MF: NDArray[np.float32], y: NDArray[np.float32]) -> None:
        rows, own = len(x_MF), self._scratch(len(x_MF))
        if alone(self._packed, rows, self._pool):
            self._loop.linear(own.call.ctypes.data, x_MF.ctypes.data, y.ctypes.data, rows)
            return
        q, scales = own.q.ctypes.data, own.scales[:rows]
        put = (q, self.pitch, scales.ctypes.data, self._fixed.address)
        self._loop.quantize(x_MF.ctypes.data, self._features, rows, *put)
        self._loop.sums(self._packed, self._after, q, own.offsets[:rows], scales, y, self._pool)

    def _scratch(self, rows: int) -> "_Scratch":
        """Memory of this thread."""
        scratch: _Scratch | None = getattr(self._own, "scratch", None)
        if scratch is None or len(scratch.offsets) < rows:
            scratch = self._own.scratch = self._made(rows)
        return scratch

    def _made(self, rows: int) -> "_Scratch":
        q = aligned(rows * self.pitch // 4).view(np.uint8)
        offsets, scales = (np.arange(rows) * self.pitch).astype(np.int32), np.zeros((rows, 2), np.int32)
        places = (array.ctypes.data for array in (q, scales, offsets))
        return _Scratch(q, offsets, scales, np.array(self.words(*places), np.int64))

    def words(self, q: Any, scales: Any, offsets: Any) -> list[Any]:
        """A call of `@linear`, in the order of CALL, with memory for inputs as bytes and what goes with each row."""
        layer, places = self._packed, {"q": q, "scales": scales, "offsets": offsets}
        arrays = {name: getattr(layer, name) for name in ("begins", "starts", "slots", "units")}
        numbers = {"n": self._features, "pitch": self.pitch, "groups": layer.groups, "together": layer.together}
        numbers |= {"after": AFTER[self._after], "width": layer.width, "fixed": self._fixed.address}
        words = numbers | places | {name: array.ctypes.data for name, array in arrays.items()}
        return [words[name] for name in CALL]


@dataclass(frozen=True, eq=False)
class _Scratch:
    """Memory for inputs as bytes, the byte at which each row begins, its (step, zero), and a call with all of these."""

    q: NDArray[np.uint8]
    offsets: NDArray[np.int32]
    scales: NDArray[np.int32]
    call: NDArray[np.int64]
