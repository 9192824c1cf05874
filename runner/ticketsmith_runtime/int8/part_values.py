"""Values of a sample on its way through a part of a network: where they lie, and how their bytes and windows are made.

C: channels.  H, W: rows and columns of a plane.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import sizes
from ..graph import Unsuited
from .bytes_code import PIECE
from .fields_code import SPAN
from .instructions import Instructions
from .numerics import Fixed, held
from .part_memory import LINE, Argument, Records, Room
from .planes import LARGEST, Plane

Border = tuple[int, int]
"""Rows above and below a plane, and columns at its sides."""


@dataclass(eq=False)
class Value:
    """Floats of a sample, place by place."""

    plane: Plane
    pitch: int
    """Floats from a place to the next."""
    room: Room
    span: Room
    """Its range."""
    scales: Room
    """Its step, and its number for zero."""
    ordered: bool
    """Do numpy's channels come last as well? Its sums depend on the order."""
    known: bool = False
    """Is the range there already?"""
    positive: bool = False
    """Is nothing negative, not even zero?"""
    clean: bool = True
    """Is zero what is no channel?"""
    flat: bool = False
    """Is it a row for whoever reads it?"""
    order_C: NDArray[np.int64] | None = None
    """The channel that stands at each place among them; None: they are in order."""
    steps: Room | None = None
    """The same as bytes,"""
    border: Border = (0, 0)
    """with a border,"""
    fixed: Fixed = None
    """in this range."""

    @property
    def places(self) -> int:
        return self.plane.height * self.plane.width

    @property
    def floats(self) -> int:
        return self.places * self.pitch

    def fits(self, other: "Value") -> bool:
        """Tell whether the two lie in memory in the same way, so that they can be added."""
        return (self.plane, self.pitch, self.flat) == (other.plane, other.pitch, other.flat)


def value(plane: Plane, own: Instructions, *, ordered: bool = True, tight: bool = False) -> Value:
    """Room for a value. Places are whole registers, unless it is `tight`, which only bytes are made of."""
    pitch = plane.channels if tight else _up(plane.channels, own.lanes)
    room = Room(4 * plane.height * plane.width * pitch + 2 * LINE)
    return Value(plane, pitch, room, Room(SPAN * own.bytes), Room(LINE), ordered)


def bordered(x: Value, border: Border, fixed: Fixed, records: Records, own: Instructions) -> Room:
    """The bytes of a value, made once for all that read them in one range after the other. Raises Unsuited."""
    if x.steps is not None and x.fixed == fixed and x.border[0] >= border[0] and x.border[1] >= border[1]:
        return x.steps
    if not x.clean and x.pitch != x.plane.channels:
        raise Unsuited("the range of a value has something in it that is no channel")
    c, h, w = x.plane.channels, x.plane.height, x.plane.width
    line, side, tight = (w + 2 * border[1]) * c, border[1] * c, x.pitch == c
    before, units = border[0] * line + side, 1 if tight else w
    size = (h + 2 * border[0]) * line + side + 3 * PIECE + 4 * own.lanes
    if size >= LARGEST:
        raise Unsuited("a border takes more memory than offsets of 32 bits reach")
    x.steps, x.scales = Room(size), Room(LINE)  # a view that has the bytes of before keeps its own
    x.border, x.fixed = border, fixed
    rows: dict[str, Argument] = {"lines": h, "between": 2 * side, "line": w * c}
    rows |= {"before": before, "behind": max(0, before - 2 * side)}
    places: dict[str, Argument] = {"units": units, "width": _up(w * c // units, own.lanes)}
    places |= {"apart": w * c if tight else x.pitch, "step": c}
    source: dict[str, Argument] = {"x": x.room, "span": x.span, "known": int(x.known)}
    source["fixed"] = 0 if fixed is None else held(fixed)
    records.add("bytes", **source, **rows, **places, floats=_up(x.floats, own.lanes), q=x.steps, scales=x.scales)
    return x.steps


@dataclass(frozen=True, kw_only=True)
class Window:
    """A pool's geometry, rows and columns each."""

    kernel: Sequence[int]
    stride: Sequence[int]
    padding: Sequence[int]
    ceil: bool
    dilation: Sequence[int] = (1, 1)


def places(window: Window, plane: Plane) -> tuple[int, int]:
    """Rows and columns of the windows of a plane."""
    reach = tuple((taps - 1) * apart + 1 for taps, apart in zip(window.kernel, window.dilation, strict=True))
    counts = sizes.places((plane.height, plane.width), reach, window.stride, window.padding, window.ceil)
    return counts[0], counts[1]


def pooled(function: str, x: Value, y: Value, window: Window, counts: NDArray[np.float32], records: Records) -> None:
    """The largest of each window, or its sum over `counts`."""
    taps: list[NDArray[np.int32]] = []
    extents, moves = (x.plane.height, x.plane.width), (4 * x.pitch * x.plane.width, 4 * x.pitch)
    for axis, count in enumerate((y.plane.height, y.plane.width)):
        taps += _taps(extents[axis], count, axis, window, moves[axis])
    lists = dict(zip(("line_begins", "line_taps", "begins", "taps"), taps, strict=True))
    counted = {"lines": y.plane.height, "columns": y.plane.width, "pitch": x.pitch}
    records.add(function, x=x.room, y=y.room, **counted, **lists, counts=counts)


def _taps(size: int, count: int, axis: int, window: Window, step: int) -> list[NDArray[np.int32]]:
    """Taps of all windows along an axis that are inside, in bytes, and before them where those of each window begin."""
    first = np.arange(count)[:, None] * window.stride[axis] - window.padding[axis]
    at = first + np.arange(window.kernel[axis]) * window.dilation[axis]
    inside = (at >= 0) & (at < size)
    begins = np.append(0, np.cumsum(inside.sum(1)))
    return [begins.astype(np.int32), (at[inside] * step).astype(np.int32)]


def _up(size: int, whole: int) -> int:
    return -(-size // whole) * whole
