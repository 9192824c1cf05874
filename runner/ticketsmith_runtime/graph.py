"""A network of convolutions, pooling and additions under masks. A Linear is a convolution whose kernel is the plane.

O: units of a layer (channels it puts out).  I: what one unit reads at one place, channel by channel, row by row.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .chain import Layer

Numbers = NDArray[Any]
"""float32 or float64."""


class Plane(NamedTuple):
    """Shape of a value: of one sample."""

    channels: int
    height: int
    width: int

    @property
    def size(self) -> int:
        return self.channels * self.height * self.width

    def __str__(self) -> str:
        """A vector is its length."""
        return str(self.size) if max(self) == self.size else f"{self.channels} x {self.height} x {self.width}"


class Unsuited(ValueError):
    """A graph that some code is not written for. The message says why."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Conv:
    """The same units at each place of a plane, then what it adds, then the ReLU or GELU."""

    layer: Layer
    """(O, I) with I = channels x kernel rows x kernel columns."""
    kernel: tuple[int, int]
    stride: int = 1
    padding: int = 0
    reads: int
    """Number of the value: 0 is the network's input, n what node n - 1 puts out."""
    adds: int | None = None
    """A value of the shape that it puts out."""

    def shape(self, x: Plane) -> Plane:
        height, width = (
            (size + 2 * self.padding - k) // self.stride + 1 for size, k in zip(x[1:], self.kernel, strict=True)
        )
        return Plane(len(self.layer.bias_O), height, width)

    def whole(self, n: int, x: Plane) -> bool:
        """As node n, is it a Linear over all of `x`, the value before it?"""
        alone = self.adds is None and self.reads == n and not self.padding
        return alone and self.kernel == (x.height, x.width)


@dataclass(frozen=True)
class Pool:
    """The largest value, or the mean, of each square of a plane."""

    kind: Literal["max", "mean"]
    size: int
    stride: int
    reads: int

    def shape(self, x: Plane) -> Plane:
        return Plane(x.channels, *((size - self.size) // self.stride + 1 for size in x[1:]))


Node = Conv | Pool


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in the order in which they are computed; the last one's value is the output."""

    inputs: Plane
    nodes: Sequence[Node]

    @classmethod
    def chain(cls, layers: Sequence[Layer]) -> "Graph":
        """Linear after Linear, over samples of one axis."""
        features = layers[0].weight_OI.shape[1]
        nodes = [Conv(layer=layer, kernel=(1, 1 if n else features), reads=n) for n, layer in enumerate(layers)]
        return cls(Plane(1, 1, features), nodes)

    def layers(self) -> list[Layer]:
        """Layers of all convolutions, Linear ones included."""
        return [node.layer for node in self.nodes if isinstance(node, Conv)]

    def shapes(self) -> list[Plane]:
        """Shapes of all values. Raises ValueError if nodes do not fit each other."""
        shapes = [self.inputs]
        for n, node in enumerate(self.nodes):
            adds = node.adds if isinstance(node, Conv) else None
            if not 0 <= node.reads <= n or (adds is not None and not 0 <= adds <= n):
                raise ValueError(f"node {n} reads a value that is not there yet")
            shape = node.shape(shapes[node.reads])
            if min(shape) < 1 or (adds is not None and shapes[adds] != shape):
                raise ValueError(f"node {n} does not fit what it reads")
            inputs = shapes[node.reads].channels * math.prod(node.kernel) if isinstance(node, Conv) else 0
            if isinstance(node, Conv) and node.layer.weight_OI.shape[1] != inputs:
                raise ValueError(f"node {n} has weights for other inputs")
            shapes.append(shape)
        return shapes


def evaluate(graph: Graph, x_BF: NDArray[np.floating]) -> NDArray[np.float64]:
    """(B, F) -> (B, C) in float64, every weight multiplied, the pruned ones too: what programs are held against."""
    return dense(graph, np.float64)(x_BF.astype(np.float64))


def dense(graph: Graph, kind: type = np.float32) -> Callable[[Numbers], Numbers]:
    """(B, F) -> (B, C) by numpy's dense products, which every machine has. Raises ValueError for other features."""
    weights: dict[int, tuple[Numbers, Numbers]] = {
        n: (node.layer.weight_OI.T.astype(kind), node.layer.bias_O.astype(kind))
        for n, node in enumerate(graph.nodes)
        if isinstance(node, Conv)
    }

    outputs = graph.shapes()[-1].size

    def run(x_BF: Numbers) -> Numbers:
        if x_BF.ndim != 2 or x_BF.shape[1] != graph.inputs.size:
            raise ValueError(f"inputs have shape {x_BF.shape}, expected (samples, {graph.inputs.size})")
        values: list[Numbers] = [x_BF.astype(kind, copy=False).reshape(-1, *graph.inputs)]
        for n, node in enumerate(graph.nodes):
            if isinstance(node, Conv):
                values.append(_convolved(node, *weights[n], values))
            else:
                values.append(_pooled(node, values[node.reads]))
        return values[-1].reshape(len(x_BF), outputs)

    return run


def _convolved(node: Conv, weight_IO: Numbers, bias_O: Numbers, values: Sequence[Numbers]) -> Numbers:
    edge = (node.padding, node.padding)
    x_BCHW = np.pad(values[node.reads], ((0, 0), (0, 0), edge, edge)) if node.padding else values[node.reads]
    windows = _windows(x_BCHW, node.kernel, node.stride).transpose(0, 2, 3, 1, 4, 5)
    sums = windows.reshape(*windows.shape[:3], len(weight_IO)) @ weight_IO + bias_O
    y_BOHW = sums.transpose(0, 3, 1, 2)
    if node.adds is not None:
        y_BOHW = y_BOHW + values[node.adds]
    return node.layer.bend(y_BOHW)


def _pooled(node: Pool, x_BCHW: Numbers) -> Numbers:
    windows = _windows(x_BCHW, (node.size, node.size), node.stride)
    pooled: Numbers = windows.max((4, 5)) if node.kind == "max" else windows.mean((4, 5))
    return pooled


def _windows(x_BCHW: Numbers, kernel: tuple[int, int], stride: int) -> Numbers:
    """(B, C, rows, columns, kernel rows, kernel columns)."""
    return np.lib.stride_tricks.sliding_window_view(x_BCHW, kernel, axis=(2, 3))[:, :, ::stride, ::stride]
