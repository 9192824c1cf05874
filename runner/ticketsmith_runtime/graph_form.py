"""A graph of convolutions in a package: written from one, and checked word for word before anything is made of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .archive import MANIFEST, BadPackage, bad
from .chain import Layer
from .graph import Conv, Graph, Node, Plane, Pool
from .manifest import LARGEST, entries_of, fields, whole, whole_numbers
from .tensors import masked, unmasked

FORMAT = "ticketsmith-ticket/1"
CONV = {"type", "units", "inputs", "kept", "relu", "gelu", "kernel", "stride", "padding", "reads", "adds"}
POOL = {"type", "kind", "size", "stride", "reads"}
WIDEST = 1 << 24
"""Numbers in all values of one sample, borders included."""


def described(graph: Graph) -> dict[str, Any]:
    """`inputs` and `nodes`. A Linear is a convolution whose kernel is the plane."""
    return {"inputs": list(graph.inputs), "nodes": [_described(node) for node in graph.nodes]}


def _described(node: Node) -> dict[str, Any]:
    if isinstance(node, Pool):
        return {"type": "pool", **vars(node)}
    units, inputs = node.layer.weight_OI.shape
    sizes = {
        "units": units,
        "inputs": inputs,
        "kept": node.layer.kept,
        "relu": node.layer.relu,
        "gelu": node.layer.gelu,
    }
    place = {"kernel": list(node.kernel), "stride": node.stride, "padding": node.padding}
    return {"type": "conv", **sizes, **place, "reads": node.reads, "adds": node.adds}


def tensors(graph: Graph) -> dict[str, NDArray[Any]]:
    """Kept values, masks as bits and biases of the convolutions."""
    arrays: dict[str, NDArray[Any]] = {}
    for n, layer in _layers(graph).items():
        arrays |= masked(str(n), layer.weight_OI, layer.alive_OI)
        arrays[f"{n}.bias"] = np.ascontiguousarray(layer.bias_O, np.float32)
    return arrays


def skeleton(manifest: Mapping[str, Any]) -> tuple[Graph, dict[str, tuple[int, type]]]:
    """The graph with zeros that take no memory for weights; and the sizes of its tensors, by name."""
    inputs = whole_numbers(manifest, "inputs", 3, least=1)
    entries = entries_of(manifest, "nodes")
    graph = Graph(Plane(*inputs), [_node(entry) for entry in entries])
    try:
        shapes = graph.shapes()
    except ValueError as error:
        raise BadPackage(f"{MANIFEST}: {error}") from None
    weights = sum(layer.weight_OI.size for layer in graph.layers())
    if weights > LARGEST:
        bad(MANIFEST, f"{weights:,} weights are more than {LARGEST:,}")
    if sum(shape.size for shape in shapes) + sum(_padded(node, shapes[node.reads]) for node in graph.nodes) > WIDEST:
        bad(MANIFEST, f"its values have more than {WIDEST:,} numbers")
    expected: dict[str, tuple[int, type]] = {}
    for n, layer in _layers(graph).items():
        expected[f"{n}.values"] = (entries[n]["kept"], np.float32)
        expected[f"{n}.mask"] = (-(-layer.weight_OI.size // 8), np.uint8)
        expected[f"{n}.bias"] = (len(layer.bias_O), np.float32)
    return graph, expected


def filled(empty: Graph, tensors: Mapping[str, NDArray[Any]]) -> Graph:
    """The graph with its weights. Raises BadPackage if a mask does not fit its values."""
    nodes = [
        replace(node, layer=_layer(node.layer, n, tensors)) if isinstance(node, Conv) else node
        for n, node in enumerate(empty.nodes)
    ]
    return Graph(empty.inputs, nodes)


def _layer(empty: Layer, n: int, tensors: Mapping[str, NDArray[Any]]) -> Layer:
    weight_OI, alive_OI = unmasked(str(n), empty.weight_OI.shape, tensors)
    return replace(empty, weight_OI=weight_OI, alive_OI=alive_OI, bias_O=tensors[f"{n}.bias"])


def _padded(node: Node, x: Plane) -> int:
    """Size of what a convolution reads, its border included."""
    if isinstance(node, Pool):
        return 0
    return x.channels * (x.height + 2 * node.padding) * (x.width + 2 * node.padding)


def _node(entry: Any) -> Node:
    kind = entry.get("type") if isinstance(entry, dict) else None
    if kind == "conv":
        return _convolution(entry)
    if kind == "pool":
        return _pooling(entry)
    return bad(MANIFEST, "a node is neither a conv nor a pool")


def _convolution(entry: Mapping[str, Any]) -> Conv:
    fields(entry, CONV, "a conv")
    units, inputs, stride = (whole(entry, key, 1) for key in ("units", "inputs", "stride"))
    kept, padding, reads = (whole(entry, key, 0) for key in ("kept", "padding", "reads"))
    kernel = whole_numbers(entry, "kernel", 2, least=1)
    if type(entry["relu"]) is not bool or type(entry["gelu"]) is not bool or (entry["relu"] and entry["gelu"]):
        bad(MANIFEST, "relu and gelu are not true or false, or both true")
    if kept > units * inputs:
        bad(MANIFEST, f"a layer of {inputs} x {units} keeps {kept} weights")
    if padding >= max(kernel):
        bad(MANIFEST, "a kernel reads nothing but its padding")
    adds = None if entry["adds"] is None else whole(entry, "adds", 0)
    nothing = np.broadcast_to(np.float32(0), (units, inputs))
    bias = np.broadcast_to(np.float32(0), units)
    bent = {"relu": entry["relu"], "gelu": entry["gelu"]}
    layer = Layer(weight_OI=nothing, alive_OI=np.broadcast_to(np.False_, nothing.shape), bias_O=bias, **bent)
    return Conv(layer=layer, kernel=(kernel[0], kernel[1]), stride=stride, padding=padding, reads=reads, adds=adds)


def _pooling(entry: Mapping[str, Any]) -> Pool:
    fields(entry, POOL, "a pool")
    if entry["kind"] not in ("max", "mean"):
        bad(MANIFEST, "a pool is of another kind than max and mean")
    return Pool(entry["kind"], whole(entry, "size", 1), whole(entry, "stride", 1), whole(entry, "reads", 0))


def _layers(graph: Graph) -> dict[int, Layer]:
    """By node."""
    return {n: node.layer for n, node in enumerate(graph.nodes) if isinstance(node, Conv)}
