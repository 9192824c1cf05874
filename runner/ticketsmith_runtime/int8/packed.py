"""A layer's weights as its steps read them.

O: units.  I: inputs.  G: groups of units.  L: lanes of a group.  S: steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..network import Constant
from ..program import aligned
from .instructions import Instructions
from .schedule import Steps, schedule


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
    return [str(each.array.dtype) for each in constants[:2]] == ["int8", "float32"]


def whole(constants: Sequence[Constant]) -> Weights:
    """A layer of the constants that a node reads: weights, the steps of units, and the bias if there is one."""
    steps, scale_O, *bias = (each.array for each in constants)
    return Weights(steps_OI=steps, scale_O=scale_O, bias_O=bias[0] if bias else 0 * scale_O)


@dataclass(frozen=True, kw_only=True, eq=False)
class Packed:
    """Memory that `@layer` reads of a layer."""

    begins: NDArray[np.int32]
    """(G + 1): the first step of each group, and the end."""
    starts: NDArray[np.int32]
    """(S): where windows begin, in bytes."""
    slots: NDArray[np.uint8]
    """(S, 8 L): picks, then weights."""
    units: NDArray[np.int32]
    """(G, 3, L): the step of each unit, the sum of its weights, and its bias; the first and the last are floats."""

    @property
    def groups(self) -> int:
        return len(self.units)

    @property
    def width(self) -> int:
        """Floats of a row of outputs, whole groups."""
        return int(self.groups * self.units.shape[2])

    @property
    def bytes(self) -> int:
        return sum(each.nbytes for each in (self.begins, self.starts, self.slots, self.units))


def packed(weights: Weights, places_I: NDArray[np.int64], own: Instructions) -> Packed:
    """Steps for the weights that are not zero. `places_I`: where each input is, in bytes; ascending."""
    steps = schedule(weights.steps_OI != 0, places_I, own.lanes, own.window)
    return Packed(
        begins=steps.begins,
        starts=steps.starts_S,
        slots=_slots(weights.steps_OI, places_I, steps, own.lanes),
        units=_units(weights, own.lanes),
    )


def _slots(steps_OI: NDArray[np.int8], places_I: NDArray[np.int64], steps: Steps, lanes: int) -> NDArray[np.uint8]:
    count = len(steps.starts_S)
    slots = aligned(2 * lanes * count).view(np.uint8).reshape(count, 2, lanes, 4)
    step, lane, pick = np.nonzero(steps.inputs_SLP >= 0)
    inputs = steps.inputs_SLP[step, lane, pick]
    group_S = np.repeat(np.arange(len(steps.begins) - 1), np.diff(steps.begins))
    slots[step, 0, lane, pick] = places_I[inputs] - steps.starts_S[step]
    slots[step, 1, lane, pick] = steps_OI[group_S[step] * lanes + lane, inputs].view(np.uint8)
    return slots.reshape(count, 8 * lanes)


def _units(weights: Weights, lanes: int) -> NDArray[np.int32]:
    sums_O, count = weights.steps_OI.sum(1, dtype=np.int32), len(weights.scale_O)
    units = np.zeros((3, -(-count // lanes) * lanes), np.int32)
    bias_O = weights.bias_O.astype(np.float32) + np.float32(0)  # -0 becomes 0
    for row, given in zip(units, (weights.scale_O.astype(np.float32), sums_O, bias_O), strict=True):
        row[:count] = given.view(np.int32)
    return np.ascontiguousarray(units.reshape(3, -1, lanes).swapaxes(0, 1))
