"""Weights that a mask keeps, unit by unit: a compressed sparse row matrix without its values.

O: units.  I: inputs.  K: kept weights.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Rows:
    """Kept weights in the order of units, and of inputs within one."""

    begins_O: NDArray[np.int64]
    """The first weight of each unit, and the number of all: (O + 1,)."""
    inputs_K: NDArray[np.int32]

    @property
    def lengths_O(self) -> NDArray[np.int64]:
        return np.diff(self.begins_O)

    @property
    def units_K(self) -> NDArray[np.int64]:
        """The unit of each weight."""
        return np.repeat(np.arange(len(self.begins_O) - 1), self.lengths_O)

    def groups(self, lanes: int) -> int:
        """Groups of so many units, the last of which may be short."""
        return -(-(len(self.begins_O) - 1) // lanes)

    def some(self, kept_K: NDArray[np.bool_]) -> "Rows":
        """The same without some weights."""
        return Rows(np.append(0, np.cumsum(kept_K))[self.begins_O], self.inputs_K[kept_K])

    def parts(self, edges: NDArray[np.int64]) -> NDArray[np.int64]:
        """Weights of each unit from each of `edges`, ascending inputs, to the next: (O, len(edges) - 1)."""
        part_I = np.searchsorted(edges, np.arange(edges[-1]), side="right") - 1
        units, count = len(self.begins_O) - 1, len(edges) - 1
        counts = np.bincount(self.units_K * count + part_I[self.inputs_K], minlength=units * count)
        return counts.reshape(units, count)


def rows(alive_OI: NDArray[np.bool_]) -> Rows:
    """The weights of a mask."""
    units, inputs = alive_OI.shape
    at_K = np.flatnonzero(alive_OI)
    begins_O = np.searchsorted(at_K, inputs * np.arange(units + 1))
    return Rows(begins_O, (at_K - np.repeat(inputs * np.arange(units), np.diff(begins_O))).astype(np.int32))
