"""Places of a chain's weights in one sparse matrix, and how they come from dense tensors and go back.

The letters are those of `_csr`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._lanes import TURNED

NEAR = 128  # inputs: their lanes take 32 KB, as much as the first cache of most processors
LEAST = 4  # weights in a segment, on average


@dataclass(frozen=True)
class Layout:
    """The weights there are, and their order."""

    alive: dict[str, NDArray[np.bool_]]
    """Layer -> (fan-out, fan-in): the weights that exist."""
    live: int
    """F: how many inputs any weight reads."""
    windows: NDArray[np.int64]
    """The first of every TURNED inputs in a row that are read together."""
    places: NDArray[np.int64]
    """(inputs,): the unit of each input; F + R, which nothing reads, if no weight reads it."""
    layers: NDArray[np.int64]
    """(layers, 2): segments and rows up to the end of each layer."""
    segments: NDArray[np.int64]
    """(S + 1,): the weights of segment s are segments[s] to segments[s + 1]."""
    targets: NDArray[np.int64]
    """(S,): the row of each segment."""
    columns: NDArray[np.int32]
    """(P,): the unit that each weight reads."""
    spots: list[NDArray[np.int64]]
    """Places of each layer's weights in the dense tensor, row by row."""

    @classmethod
    def of(cls, alive: dict[str, NDArray[np.bool_]]) -> "Layout":
        masks = list(alive.values())
        heights, fans = [len(mask) for mask in masks], [mask.shape[1] for mask in masks]
        live, above, pixels = np.flatnonzero(masks[0].any(0)), np.cumsum([0, *heights]), max(fans[0], TURNED)
        read = [live, *(np.arange(fan) for fan in fans[1:])]  # the columns of each mask that are units
        first = [0, *(len(live) + above[:-2])]  # the unit of the first of them
        widths = [_width(len(live), masks[0].sum() / heights[0]), *fans[1:]]
        weights = [
            _Weights.of(mask[:, columns], width) for mask, columns, width in zip(masks, read, widths, strict=True)
        ]
        row = np.concatenate([layer.rows + shift for layer, shift in zip(weights, above[:-1], strict=True)])
        column = np.concatenate([layer.columns + shift for layer, shift in zip(weights, first, strict=True)])
        block = np.concatenate([layer.blocks for layer in weights])
        starts = np.flatnonzero(np.diff(row, prepend=-1) | np.diff(block, prepend=-1))
        ends = np.searchsorted(starts, np.cumsum([len(layer.rows) for layer in weights]))
        return cls(
            alive=alive,
            live=len(live),
            windows=_windows(live, pixels),
            places=_places(live, pixels, spare=len(live) + above[-1]),
            layers=np.stack([ends, above[1:]], axis=1),
            segments=np.append(starts, len(row)),
            targets=row[starts],
            columns=column.astype(np.int32),
            spots=[layer.rows * fan + of[layer.columns] for layer, fan, of in zip(weights, fans, read, strict=True)],
        )

    @property
    def compiled(self) -> tuple[int | NDArray[np.int64] | NDArray[np.int32], ...]:
        """The layout as the compiled step knows it."""
        return self.live, self.windows, self.places, self.layers, self.segments, self.targets, self.columns

    def pack(self, tensors: dict[str, Tensor]) -> NDArray[np.float32]:
        """Parameters by name to (P + R,): weights first, then biases."""
        weights = [
            tensors[f"{name}.weight"].numpy().ravel()[at] for name, at in zip(self.alive, self.spots, strict=True)
        ]
        return np.concatenate([*weights, *(tensors[f"{name}.bias"].numpy() for name in self.alive)]).astype(np.float32)

    def unpack(self, packed: NDArray[np.float32]) -> dict[str, Tensor]:
        """The inverse: dense tensors, zero where no weight exists."""
        tensors, at, shift = {}, 0, len(self.columns)
        for (name, mask), spots in zip(self.alive.items(), self.spots, strict=True):
            dense = np.zeros(mask.shape, np.float32)
            dense.ravel()[spots] = packed[at : (at := at + len(spots))]
            tensors[f"{name}.weight"] = torch.from_numpy(dense)
            tensors[f"{name}.bias"] = torch.from_numpy(packed[shift : (shift := shift + len(mask))].copy())
        return tensors


class _Weights(NamedTuple):
    """Weights of one layer: a block of columns at a time, row by row in it."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    blocks: NDArray[np.int64]

    @classmethod
    def of(cls, kept: NDArray[np.bool_], width: int) -> "_Weights":
        parts = [np.nonzero(kept[:, at : at + width]) for at in range(0, max(1, kept.shape[1]), width)]
        blocks = np.repeat(np.arange(len(parts)), [len(rows) for rows, _ in parts])
        rows, columns = (np.concatenate(indices) for indices in zip(*parts, strict=True))
        return cls(rows, columns + width * blocks, blocks)


def _windows(live: NDArray[np.int64], inputs: int) -> NDArray[np.int64]:
    """Beginnings of windows such that every live input is read; the last window ends with the inputs."""
    begins: list[int] = []
    for index in live.tolist():
        if not begins or index >= begins[-1] + TURNED:
            begins.append(min(index, inputs - TURNED))
    return np.array(begins, np.int64)


def _places(live: NDArray[np.int64], inputs: int, spare: int) -> NDArray[np.int64]:
    """The unit of each input: live ones in their order, `spare` for the others."""
    places = np.full(inputs, spare)
    places[live] = np.arange(len(live))
    return places


def _width(inputs: int, per_row: float) -> int:
    """Inputs that a segment spans: few, to keep them near, unless next to no weights would be left in it."""
    blocks = max(1, min(-(-inputs // NEAR), int(per_row / LEAST)))
    return max(1, -(-inputs // blocks))
