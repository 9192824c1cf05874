"""A convolution in int8 as rows of bytes that overlap.

A sample lies in memory place by place, all channels of a place side by side, with a border of zero; what an output
reads is a row of bytes that begins at its place, so nothing is copied. Groups are units that read few channels.

C: channels.  O: units.  I: inputs of an output.  P: places of outputs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..graph import Unsuited
from ..sizes import places
from .packed import Weights

LARGEST = 1 << 31
"""Bytes of a sample in all its values, so that offsets fit into 32 bits."""
WIDEST = 1 << 28
"""Weights over all channels, and places: more takes more memory than it saves time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Kernel:
    """A convolution's weights and geometry."""

    weights: Weights
    """Of four axes: units, channels, rows, columns."""
    stride: Sequence[int]
    padding: Sequence[int]
    dilation: Sequence[int]
    groups: int


@dataclass(frozen=True, kw_only=True)
class Plane:
    """The shape of a sample."""

    channels: int
    height: int
    width: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Reach:
    """The bytes of a plane that outputs read."""

    weights: Weights
    """Over all channels, (O, I)."""
    places_I: NDArray[np.int64]
    """The byte at which each input is, from the first one of an output; ascending."""
    offsets_P: NDArray[np.int32]
    """The byte at which the inputs of an output begin."""
    outputs: tuple[int, int]
    """Rows and columns."""
    together: bool
    """Does every unit read all channels?"""


def reach(kernel: Kernel, plane: Plane, border: tuple[int, int], order_C: NDArray[np.int64] | None = None) -> Reach:
    """Bytes that a convolution reads of a plane, whose border may be wider than it needs.

    `order_C`: the channel that stands at each place among them. Raises Unsuited for more than memory holds.
    """
    c, line = plane.channels, (plane.width + 2 * border[1]) * plane.channels
    (down, right), (up, left), (deep, wide) = kernel.stride, kernel.padding, kernel.dilation
    taps = kernel.weights.steps_OI.shape[2:]
    far = tuple((count - 1) * apart + 1 for count, apart in zip(taps, kernel.dilation, strict=True))
    rows, columns = places((plane.height, plane.width), far, kernel.stride, kernel.padding)
    if max(len(kernel.weights.steps_OI) * math.prod(taps) * c, 16 * rows * columns) > WIDEST:
        raise Unsuited("it has more weights over all channels, or more places, than are worth their memory")
    row, column, channel = np.ix_(np.arange(taps[0]), np.arange(taps[1]), np.arange(c))
    corner = (border[0] - up) * line + (border[1] - left) * c
    offsets_P = corner + np.arange(rows)[:, None] * down * line + np.arange(columns) * right * c
    return Reach(
        weights=replace(kernel.weights, steps_OI=_whole(kernel, c, order_C)),
        places_I=(row * deep * line + column * wide * c + channel).reshape(-1),
        offsets_P=offsets_P.reshape(-1).astype(np.int32),
        outputs=(rows, columns),
        together=kernel.groups == 1,
    )


def _whole(kernel: Kernel, channels: int, order_C: NDArray[np.int64] | None) -> NDArray[np.int8]:
    """Weights over all channels, (O, I): zero for those of another group."""
    units, reads, *taps = kernel.weights.steps_OI.shape
    whole = np.zeros((units, *taps, channels), np.int8)
    first_O = np.arange(units) // (units // kernel.groups) * reads
    for unit, first in enumerate(first_O):
        whole[unit, ..., first : first + reads] = kernel.weights.steps_OI[unit].transpose(1, 2, 0)
    return (whole if order_C is None else whole[..., order_C]).reshape(units, -1)
