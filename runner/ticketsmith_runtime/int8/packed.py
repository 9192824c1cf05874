"""A layer's weights as its steps read them.

A step has a window of consecutive bytes; each unit, in a lane of its group, picks its next few inputs from it. A lane
that needs none multiplies by zero.

O: units.  I: inputs.  G: groups of units.  L: lanes of a group.  S: steps.  K: weights that are not zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kernels._greedy import Steps, steps
from ..kernels._rows import Rows, rows
from ..network import Constant
from ..program import aligned
from .instructions import Instructions
from .numerics import Fixed, held

NEAR = 1 << 17
"""Bytes of weights that do."""
PICKS = 4
"""Bytes that a lane of 32 bits takes in a step."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """A layer in whole numbers."""

    steps_OI: NDArray[np.int8]
    """Inputs may have several axes."""
    scale_O: NDArray[np.float32]
    """The step of each unit."""
    bias_O: NDArray[np.float32]


def typed(constants: Sequence[Constant]) -> bool:
    """Tell whether these are weights in steps, then the step of each unit: a package may hold other things."""
    return [str(constant.array.dtype) for constant in constants[:2]] == ["int8", "float32"]


def weights_of(constants: Sequence[Constant]) -> Weights:
    """A layer of the constants that a node reads: weights, the steps of units, and the bias if there is one."""
    steps, scale_O, *bias = (constant.array for constant in constants)
    return Weights(steps_OI=steps, scale_O=scale_O, bias_O=bias[0] if bias else 0 * scale_O)


class Held:
    """A range that holds for all rows, in memory; nothing if each has its own."""

    def __init__(self, fixed: Fixed) -> None:
        self._words = None if fixed is None else held(fixed)

    @property
    def address(self) -> int:
        """As code takes it: 0 for nothing."""
        return 0 if self._words is None else self._words.ctypes.data


@dataclass(frozen=True, kw_only=True, eq=False)
class Packed:
    """Memory that `@layer` reads of a layer."""

    begins: NDArray[np.int32]
    """(G + 1): the first step of each group, and the end."""
    starts: NDArray[np.int32]
    """(S): where windows begin, in bytes."""
    slots: NDArray[np.uint8]
    """(S, 8 L): picks, then weights. Where a window has several uses there are so many rows of each."""
    units: NDArray[np.int32]
    """(G, 3, L): the step of each unit, the sum of its weights, and its bias; the first and the last are floats."""

    @property
    def groups(self) -> int:
        return len(self.units)

    @property
    def together(self) -> int:
        """Groups whose weights stay in a cache beside the inputs of all rows."""
        return max(1, self.groups * NEAR // max(1, self.slots.nbytes))

    @property
    def width(self) -> int:
        """Floats of a row of outputs, whole groups."""
        return int(self.groups * self.units.shape[2])

    @property
    def bytes(self) -> int:
        return sum(array.nbytes for array in (self.begins, self.starts, self.slots, self.units))


def packed(weights: Weights, places_I: NDArray[np.int64], own: Instructions, uses: int = 1) -> Packed:
    """Steps for the weights that are not zero. `places_I`: where each input is, in bytes; ascending.

    `uses`: steps that pick from one window, one after the other.
    """
    kept = rows(weights.steps_OI != 0)
    placed = Rows(kept.begins_O, places_I[kept.inputs_K].astype(np.int32))
    schedule = steps(placed, own.lanes, own.window, PICKS * uses)
    return Packed(
        begins=np.append(0, np.cumsum(schedule.lengths_G)).astype(np.int32),
        starts=schedule.starts_S,
        slots=_slots(weights.steps_OI[kept.units_K, kept.inputs_K], placed, schedule, own.lanes, uses),
        units=_units(weights, own.lanes),
    )


def _slots(values_K: NDArray[np.int8], placed: Rows, steps: Steps, lanes: int, uses: int) -> NDArray[np.uint8]:
    """Each weight at its place, and its input's; `steps` has the uses of a lane's window one after the other."""
    count, size = len(steps.starts_S) * uses, PICKS * lanes
    slots = aligned(2 * size * count // 4).view(np.uint8)
    window_K, pick_K = steps.slots_K >> (size * uses).bit_length() - 1, steps.slots_K & PICKS - 1  # powers of two
    use_K, lane_K = steps.slots_K // PICKS & uses - 1, steps.slots_K // (PICKS * uses) & lanes - 1
    at_K = ((window_K * uses + use_K) * 2 * lanes + lane_K) * PICKS + pick_K
    slots[at_K] = placed.inputs_K - steps.starts_S[window_K]
    slots[at_K + size] = values_K.view(np.uint8)
    return slots.reshape(count, 2 * size)


def _units(weights: Weights, lanes: int) -> NDArray[np.int32]:
    sums_O, count = weights.steps_OI.sum(1, dtype=np.int32), len(weights.scale_O)
    units = np.zeros((3, -(-count // lanes) * lanes), np.int32)
    bias_O = weights.bias_O.astype(np.float32) + np.float32(0)  # -0 becomes 0
    for row, given in zip(units, (weights.scale_O.astype(np.float32), sums_O, bias_O), strict=True):
        row[:count] = given.view(np.int32)
    return np.ascontiguousarray(units.reshape(3, -1, lanes).swapaxes(0, 1))
