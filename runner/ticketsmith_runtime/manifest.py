"""A graph in manifest.json: written from one, and checked word for word before anything is made of it."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from .archive import MANIFEST, BadPackage, bad
from .chain import Layer
from .graph import Conv, Graph, Node, Plane, Pool

FORMAT = "ticketsmith-ticket/1"
CONV = {"type", "units", "inputs", "kept", "relu", "gelu", "kernel", "stride", "padding", "reads", "adds"}
POOL = {"type", "kind", "size", "stride", "reads"}
MOST = 1000
"""Nodes, rows of measurements."""
LARGEST = 1 << 28
"""Weights of a net, pruned ones included: 1 GiB."""
WIDEST = 1 << 24
"""Numbers in all values of one sample, borders included."""
HUGE = 1e300
"""Beyond any measurement; infinity and NaN are not below it."""


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


def parsed(content: bytes) -> dict[str, Any]:
    """Raises BadPackage unless it is a manifest of this format."""
    try:
        manifest = json.loads(content, parse_constant=lambda word: bad(MANIFEST, f"holds {word}"))
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, BadPackage) else BadPackage(f"{MANIFEST}: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        bad(MANIFEST, f"its format is not {FORMAT}")
    return manifest


def skeleton(manifest: Mapping[str, Any]) -> tuple[Graph, dict[int, int]]:
    """The graph with zeros that take no memory for weights; and how many weights each convolution keeps, by node."""
    inputs = _whole_numbers(manifest, "inputs", 3, least=1)
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
    return graph, {n: entry["kept"] for n, entry in enumerate(entries) if entry["type"] == "conv"}


def _padded(node: Node, x: Plane) -> int:
    """Size of what a convolution reads, its border included."""
    if isinstance(node, Pool):
        return 0
    return x.channels * (x.height + 2 * node.padding) * (x.width + 2 * node.padding)


def entries_of(manifest: Mapping[str, Any], key: str, least: int = 1) -> list[Any]:
    found = manifest.get(key)
    if not isinstance(found, list) or not least <= len(found) <= MOST:
        bad(MANIFEST, f"{key} is no list of {least} to {MOST}")
    return found


def mapping(manifest: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = manifest.get(key)
    return found if isinstance(found, dict) else bad(MANIFEST, f"{key} is no object")


def positive(number: Any) -> bool:
    return type(number) in (int, float) and 0 < number < HUGE


def _node(entry: Any) -> Node:
    kind = entry.get("type") if isinstance(entry, dict) else None
    if kind == "conv":
        return _convolution(entry)
    if kind == "pool":
        return _pooling(entry)
    return bad(MANIFEST, "a node is neither a conv nor a pool")


def _convolution(entry: Mapping[str, Any]) -> Conv:
    _fields(entry, CONV)
    units, inputs, stride = (_whole(entry, key, 1) for key in ("units", "inputs", "stride"))
    kept, padding, reads = (_whole(entry, key, 0) for key in ("kept", "padding", "reads"))
    kernel = _whole_numbers(entry, "kernel", 2, least=1)
    if type(entry["relu"]) is not bool or type(entry["gelu"]) is not bool or (entry["relu"] and entry["gelu"]):
        bad(MANIFEST, "relu and gelu are not true or false, or both true")
    if kept > units * inputs:
        bad(MANIFEST, f"a layer of {inputs} x {units} keeps {kept} weights")
    if padding >= max(kernel):
        bad(MANIFEST, "a kernel reads nothing but its padding")
    adds = None if entry["adds"] is None else _whole(entry, "adds", 0)
    nothing = np.broadcast_to(np.float32(0), (units, inputs))
    bias = np.broadcast_to(np.float32(0), units)
    bent = {"relu": entry["relu"], "gelu": entry["gelu"]}
    layer = Layer(weight_OI=nothing, alive_OI=np.broadcast_to(np.False_, nothing.shape), bias_O=bias, **bent)
    return Conv(layer=layer, kernel=(kernel[0], kernel[1]), stride=stride, padding=padding, reads=reads, adds=adds)


def _pooling(entry: Mapping[str, Any]) -> Pool:
    _fields(entry, POOL)
    if entry["kind"] not in ("max", "mean"):
        bad(MANIFEST, "a pool is of another kind than max and mean")
    return Pool(entry["kind"], _whole(entry, "size", 1), _whole(entry, "stride", 1), _whole(entry, "reads", 0))


def _fields(entry: Mapping[str, Any], names: set[str]) -> None:
    if entry.keys() != names:
        bad(MANIFEST, f"a {entry['type']} has other fields than {', '.join(sorted(names))}")


def _whole(entry: Mapping[str, Any], key: str, least: int) -> int:
    number = entry[key]
    if type(number) is not int or not least <= number <= LARGEST:
        bad(MANIFEST, f"{key} is no whole number from {least} to {LARGEST:,}")
    return number


def _whole_numbers(entry: Mapping[str, Any], key: str, count: int, least: int) -> list[int]:
    found = entry.get(key)
    if not isinstance(found, list) or len(found) != count:
        bad(MANIFEST, f"{key} is no list of {count}")
    return [_whole({key: number}, key, least) for number in found]
