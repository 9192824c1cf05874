"""A chain of Linear, ReLU and GELU under masks, and the exact passes: what a mask cut off goes, constants are folded.

O: units of a layer.  I: its inputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .gelu import gelu

Kept = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """One Linear, and the ReLU or GELU after it if there is one."""

    weight_OI: NDArray[np.floating]
    """Zero outside the mask."""
    alive_OI: NDArray[np.bool_]
    """Weights that the mask keeps. Values decide nothing: a survivor may be zero."""
    bias_O: NDArray[np.floating]
    relu: bool
    gelu: bool = False

    @property
    def bent(self) -> bool:
        """Tell whether anything comes after the sum."""
        return self.relu or self.gelu

    @property
    def kept(self) -> int:
        """Weights that the mask keeps."""
        return int(self.alive_OI.sum())

    @property
    def kept_weights(self) -> NDArray[np.float32]:
        """Weights that the mask keeps, unit by unit: (K,)."""
        return self.weight_OI.take(np.flatnonzero(self.alive_OI)).astype(np.float32, copy=False)

    def constants_O(self) -> NDArray[np.floating]:
        """Outputs of units that read nothing."""
        return self.bend(self.bias_O)

    def bend(self, sums: NDArray[Any]) -> NDArray[Any]:
        """The function after the sum, in its type."""
        if self.gelu:
            return gelu(sums)
        return np.maximum(sums, 0) if self.relu else sums

    def with_units(self, kept_O: Kept | NDArray[np.int64]) -> "Layer":
        """The same with some units, or with units in another order."""
        return replace(
            self, weight_OI=self.weight_OI[kept_O], alive_OI=self.alive_OI[kept_O], bias_O=self.bias_O[kept_O]
        )

    def with_inputs(self, kept_I: Kept | NDArray[np.int64]) -> "Layer":
        """The same with some inputs, or with inputs in another order. Rows stay rows in memory."""
        at_I = np.flatnonzero(kept_I) if kept_I.dtype == bool else kept_I
        return replace(self, weight_OI=self.weight_OI.take(at_I, 1), alive_OI=self.alive_OI.take(at_I, 1))


def compact(layers: Sequence[Layer]) -> list[Layer]:
    """The same function with fewer units, exact up to the order of summation. Inputs stay, also those nobody reads.

    Where no path leads from input to output, one layer is left that reads nothing.
    """
    left = _without_unread(_without_constants(layers))
    if left[0].alive_OI.any():
        return left
    first, last = layers[0], left[-1]
    shape = (len(last.bias_O), first.weight_OI.shape[1])
    nothing = np.zeros(shape, first.weight_OI.dtype)
    return [Layer(weight_OI=nothing, alive_OI=nothing.astype(bool), bias_O=last.bias_O, relu=last.relu, gelu=last.gelu)]


def reads(layer: Layer) -> Kept:
    """Tell which inputs any unit reads, (I,)."""
    return cast(Kept, layer.alive_OI.any(0))


def _without_constants(layers: Sequence[Layer]) -> list[Layer]:
    """Fold hidden units that read nothing into the next bias. Front to back: a fold may starve the next layer."""
    done = [layers[0]]
    for after in layers[1:]:
        layer = done.pop()
        reads_O = cast(Kept, layer.alive_OI.any(1))
        folded_O = after.weight_OI[:, ~reads_O].astype(np.float64) @ layer.constants_O()[~reads_O]
        bias_O = (after.bias_O + folded_O).astype(after.bias_O.dtype)
        done += [layer.with_units(reads_O), replace(after, bias_O=bias_O).with_inputs(reads_O)]
    return done


def _without_unread(layers: Sequence[Layer]) -> list[Layer]:
    """Drop hidden units that nothing reads. Back to front: a drop may leave the layer before unread.

    No unit starves by it, since only units are dropped that fed nobody: with this the fix point is reached.
    """
    done = [layers[-1]]
    for layer in reversed(layers[:-1]):
        read_I = reads(done[0])
        done[:1] = [layer.with_units(read_I), done[0].with_inputs(read_I)]
    return done
