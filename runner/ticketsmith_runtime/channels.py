"""Exact compaction of a graph: channels that a mask made constant are folded into what reads them, unread ones removed.

C: channels of a value.  O, I: units of a convolution, and what one of them reads (`graph.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .chain import Layer
from .graph import Conv, Graph, Node, Plane

Kept = NDArray[np.bool_]


def compact(graph: Graph) -> Graph:
    """The same function with fewer channels, exact up to the order of summation. The input stays whole, as the output.

    A channel that is added to another one stays as long as either of them is read. Every value keeps one at least.
    """
    folded = _folded(graph)
    shapes = graph.shapes()
    kept = _read(folded, shapes)
    return Graph(graph.inputs, [_cut(node, shapes, kept, n) for n, node in enumerate(folded)])


@dataclass(frozen=True)
class _Value:
    """Facts about a value's channels."""

    constant_C: Kept
    """The same at every place of every sample?"""
    at_C: NDArray[np.float64]
    """Its value where it is."""


def _folded(graph: Graph) -> list[Node]:
    """Constants into the biases of what reads them. Front to back: a fold may leave another unit constant."""
    values = [_Value(np.zeros(graph.inputs.channels, bool), np.zeros(graph.inputs.channels))]
    nodes: list[Node] = []
    for node in graph.nodes:
        if isinstance(node, Conv):
            node = _without_constants(node, values[node.reads])
            values.append(_outputs(node, values))
        else:
            values.append(values[node.reads])
        nodes.append(node)
    return nodes


def _without_constants(node: Conv, x: _Value) -> Conv:
    """A padded convolution reads zeros beside a constant: only zero itself is the same everywhere then."""
    gone_C = x.constant_C & ((x.at_C == 0) | (node.padding == 0))
    gone_I = np.repeat(gone_C, node.kernel[0] * node.kernel[1])
    at_I = np.repeat(x.at_C, node.kernel[0] * node.kernel[1])
    layer = node.layer
    moved_O = layer.weight_OI[:, gone_I].astype(np.float64) @ at_I[gone_I]
    return replace(
        node,
        layer=replace(
            layer,
            weight_OI=np.where(gone_I, 0, layer.weight_OI).astype(layer.weight_OI.dtype),
            alive_OI=layer.alive_OI & ~gone_I,
            bias_O=(layer.bias_O + moved_O).astype(layer.bias_O.dtype),
        ),
    )


def _outputs(node: Conv, values: Sequence[_Value]) -> _Value:
    constant_O, at_O = np.asarray(~node.layer.alive_OI.any(1)), node.layer.bias_O.astype(np.float64)
    if node.adds is not None:
        constant_O, at_O = np.asarray(constant_O & values[node.adds].constant_C), at_O + values[node.adds].at_C
    return _Value(constant_O, node.layer.bend(at_O))


def _read(nodes: Sequence[Node], shapes: Sequence[Plane]) -> list[Kept]:
    """Channels of each value that lead to the output, and those that lie beside one in a sum."""
    kept = [np.zeros(shape.channels, bool) for shape in shapes]
    kept[0][:] = kept[-1][:] = True
    while True:
        before = [channels.copy() for channels in kept]
        for n, node in reversed(list(enumerate(nodes))):
            if not kept[n + 1].any():
                kept[n + 1][0] = True
            if isinstance(node, Conv):
                kept[node.reads] |= _channels(node.layer, shapes[node.reads], kept[n + 1])
            tied = (node.adds,) if isinstance(node, Conv) else (node.reads,)
            for other in (value for value in tied if value is not None):
                kept[other] |= kept[n + 1]
                kept[n + 1] |= kept[other]
        if all(np.array_equal(*pair) for pair in zip(before, kept, strict=True)):
            return kept


def _channels(layer: Layer, x: Plane, kept_O: Kept) -> Kept:
    """Channels of `x` that the units that are kept read."""
    reads_I = layer.alive_OI[kept_O].any(0)
    return np.asarray(reads_I.reshape(x.channels, -1).any(1))


def _cut(node: Node, shapes: Sequence[Plane], kept: Sequence[Kept], n: int) -> Node:
    if not isinstance(node, Conv):
        return node
    kept_I = np.repeat(kept[node.reads], node.kernel[0] * node.kernel[1])
    return replace(node, layer=node.layer.with_units(kept[n + 1]).with_inputs(kept_I))
