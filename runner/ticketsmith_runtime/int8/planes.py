"""A convolution in int8 within a network: rows that overlap.

A sample lies in memory place by place, all channels of a place side by side, with a border of zero; what an output
reads is a row of bytes that begins at its place, so nothing is copied. Groups are units that read few channels.

B: samples.  C: channels.  H, W: rows and columns of a plane.  O: units.  I: inputs of an output.  P: outputs' places.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..numerics import Numbers
from ..program import aligned
from ..shares import Pool
from .loop import Loop
from .numerics import Fixed
from .packed import Held, Packed, Weights, packed
from .rows import BEHIND

KNOWN = 8
"""Shapes of inputs that a layer remembers: each has steps of its own."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Kernel:
    """A convolution's weights and geometry."""

    weights: Weights
    """Of four axes: units, channels, rows, columns."""
    stride: Sequence[int]
    padding: Sequence[int]
    dilation: Sequence[int]
    groups: int
    fixed: Fixed = None


class Planes:
    """(B, C, H, W) -> (B, O, rows, columns), float32. May be called by any number of threads at once."""

    def __init__(self, kernel: Kernel, loop: Loop, after: str = "", pool: Pool | None = None) -> None:
        self._fixed = Held(kernel.fixed)
        self._kernel, self._loop, self._after, self._pool = kernel, loop, after, pool or Pool(1)
        self._plans: dict[tuple[int, ...], _Plan] = {}
        self._own = threading.local()

    @property
    def bytes(self) -> tuple[int, int]:
        """Bytes of code of its own, and of weights with what says where they belong, for the last shape of inputs."""
        return 0, [0, *(plan.packed.bytes for plan in self._plans.values())][-1]

    def __call__(self, x: Numbers) -> Numbers:
        """The outputs; in memory the channels of a place lie side by side, and nothing between places."""
        x_BHWC = np.ascontiguousarray(x.transpose(0, 2, 3, 1), np.float32)
        plan, units = self._planned(*x.shape[1:]), len(self._kernel.weights.scale_O)
        y = np.empty((len(x), len(plan.offsets_P), plan.packed.width), np.float32)
        (q, scales), fixed = self._scratch(plan), self._fixed.address
        for sample, out in zip(x_BHWC, y, strict=True):
            self._loop.plane(sample.ctypes.data, sample.size, q.ctypes.data, scales.ctypes.data, *plan.plane, fixed)
            self._loop.sums(plan.packed, self._after, q.ctypes.data, plan.offsets_P, scales, out, self._pool)
        y_BHWO = y.reshape(len(x), *plan.outputs, plan.packed.width)[..., :units]
        return np.ascontiguousarray(y_BHWO).transpose(0, 3, 1, 2)

    def _scratch(self, plan: "_Plan") -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """Memory of this thread: a plane as bytes, and its (step, zero)."""
        own: dict[str, Any] = self._own.__dict__
        if own.get("plan") is not plan:
            q = aligned((plan.plane[0] + BEHIND) // 4 + 1).view(np.uint8)
            own |= {"plan": plan, "q": q, "scales": np.zeros((1, 2), np.int32)}
        return own["q"], own["scales"]

    def _planned(self, *shape: int) -> "_Plan":
        if (plan := self._plans.get(shape)) is None:
            plan = _plan(self._kernel, self._loop, *shape)
            self._plans = {**(self._plans if len(self._plans) < KNOWN else {}), shape: plan}
        return plan


@dataclass(frozen=True, kw_only=True, eq=False)
class _Plan:
    """A shape of inputs: where everything is."""

    packed: Packed
    plane: tuple[int, ...]
    """Bytes of a plane with its border, and before its first line; lines, floats of a line, bytes to the next one."""
    offsets_P: NDArray[np.int32]
    """The byte at which the inputs of an output begin."""
    outputs: tuple[int, int]
    """Rows and columns."""


def _plan(kernel: Kernel, loop: Loop, c: int, h: int, w: int) -> _Plan:
    (down, right), (up, left), (deep, wide) = kernel.stride, kernel.padding, kernel.dilation
    high, line = h + 2 * up, (w + 2 * left) * c
    taps = kernel.weights.steps_OI.shape[2:]
    rows, columns = (
        (size - (tap - 1) * apart - 1) // step + 1
        for size, tap, apart, step in zip((high, w + 2 * left), taps, kernel.dilation, kernel.stride, strict=True)
    )
    row, column, channel = np.ix_(np.arange(taps[0]), np.arange(taps[1]), np.arange(c))
    places_I = (row * deep * line + column * wide * c + channel).reshape(-1)
    offsets_P = np.arange(rows)[:, None] * down * line + np.arange(columns) * right * c
    weights = replace(kernel.weights, steps_OI=_whole(kernel, c))
    return _Plan(
        packed=packed(weights, places_I, loop.own),
        plane=(high * line, up * line + left * c, h, w * c, line),
        offsets_P=offsets_P.reshape(-1).astype(np.int32),
        outputs=(rows, columns),
    )


def _whole(kernel: Kernel, channels: int) -> NDArray[np.int8]:
    """Weights over all channels, (O, I): zero for those of another group."""
    units, reads, *taps = kernel.weights.steps_OI.shape
    whole = np.zeros((units, *taps, channels), np.int8)
    first_O = np.arange(units) // (units // kernel.groups) * reads
    for unit, first in enumerate(first_O):
        whole[unit, ..., first : first + reads] = kernel.weights.steps_OI[unit].transpose(1, 2, 0)
    return whole.reshape(units, -1)
