"""A network with whole numbers for weights: each product with constant weights becomes its like in int8.

Some stay in float32: those that are left there by name, as they cost too much, and those that int8 is not for. Tables
that tokens are looked up in become rows in steps, with a step each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..folding import Found, folded, numbered
from ..network import Constant, Network, Node, evaluate
from ..numerics import Numbers
from ..sizes import LONGEST
from . import numerics

LIKE = {"linear": "linear8", "conv": "conv8"}
"""Operators, and what they are in int8."""


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """A way to put a network in int8."""

    left: tuple[str, ...] = ()
    """Names of the layers that stay in float32."""
    ranges: tuple[tuple[float, float], ...] | None = None
    """The range of the inputs of each, in the order of `layers`. None: each row has its own."""


PLAIN = Scheme()
"""Everything in int8, each row with its own range."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A product with known weights, which may be in int8."""

    value: int
    """Its number in the folded network."""
    name: str
    """That of its weight where it is no other one's, else `linear 3`, by its place among products."""
    weights: int
    """How many of them are kept."""


def layers(network: Network) -> list[Layer]:
    """All of them, in the order in which they are computed."""
    return list(_layers(folded(network)))


def quantized(network: Network, scheme: Scheme = PLAIN) -> Network:
    """The network as it is executed, with each Linear and convolution of known weights in int8."""
    network = folded(network)
    values: Found = [*network.inputs, *network.constants, *network.nodes]
    made: dict[int, tuple[int, int]] = {}
    for place, layer in enumerate(_layers(network)):
        node = values[layer.value]
        assert isinstance(node, Node)
        if layer.name in scheme.left:
            continue
        read, fixed = node.reads[1], list(scheme.ranges[place]) if scheme.ranges else None
        if read not in made:
            made[read] = len(values), len(values) + 1
            weight = network.constant(read)
            assert weight
            values += _stepped(weight)
        values[layer.value] = replace(
            node,
            operator=LIKE[node.operator],
            reads=[node.reads[0], *made[read], *node.reads[2:]],
            attributes=node.attributes | {"fixed": fixed},
        )
    _look_up(network, values, made)
    return numbered(values, network.outputs, network.single)


def ranges(network: Network, batches: Sequence[Sequence[Numbers]]) -> tuple[tuple[float, float], ...]:
    """The lowest and the highest input of each layer over some batches, zero between them."""
    network = folded(network)
    read = [network.nodes[layer.value - network.first].reads[0] for layer in _layers(network)]
    watched, ends = replace(network, outputs=read), np.zeros((len(read), 2), np.float32)
    for batch in batches:
        for end, x in zip(ends, evaluate(watched, batch, np.float32), strict=True):
            known = x[np.isfinite(x)]
            end[:] = min(end[0], known.min(initial=0)), max(end[1], known.max(initial=0))
    return tuple((float(low), float(high)) for low, high in ends)


def _look_up(network: Network, values: Found, made: dict[int, tuple[int, int]]) -> None:
    """Tables in steps as well. One that is the weights of a product too is there once, as that product has it."""
    real = {node.reads[1] for node in values if isinstance(node, Node) and node.operator in LIKE}
    for value, node in enumerate(values[:]):
        if not isinstance(node, Node) or node.operator != "embedding" or (read := node.reads[0]) in real:
            continue
        table = network.constant(read)
        if table is None or table.array.ndim != 2 or table.array.dtype != np.float32:
            continue
        if read not in made:
            made[read] = len(values), len(values) + 1
            values += _stepped(table)
        values[value] = replace(node, operator="embedding8", reads=[node.reads[1], *made[read]])


def precision(network: Network) -> str:
    """The name of what its products are made of: float32, int8, or both."""
    names = {node.operator for node in network.nodes}
    whole, real = names & set(LIKE.values()), names & LIKE.keys()
    return "int8 and float32" if whole and real else "int8" if whole else "float32"


def notes(network: Network) -> Iterator[str]:
    """Say what in a network of int8 is not in int8, and where ranges are no row's own."""
    whole = [node for node in network.nodes if node.operator in LIKE.values()]
    if whole and (left := dict.fromkeys(layer.name for layer in _layers(network))):
        yield f"in float32 as before: {', '.join(left)}"
    if held := sum(node.attributes["fixed"] is not None for node in whole):
        yield f"inputs of {held} of {len(whole)} layers in int8 are held to a range that was found before"


def _layers(network: Network) -> Iterator[Layer]:
    products = [n for n, node in enumerate(network.nodes) if node.operator in {*LIKE, *LIKE.values()}]
    for place, n in enumerate(products):
        node = network.nodes[n]
        if node.operator in LIKE and (weight := _weight(network, node)) is not None:
            name = weight.name or f"{node.operator} {place}"
            yield Layer(value=network.first + n, name=name, weights=weight.kept)


def _weight(network: Network, node: Node) -> Constant | None:
    weight = network.constant(node.reads[1])
    bias = network.constant(node.reads[2]) if weight and len(node.reads) > 2 else weight
    if weight is None or bias is None or weight.array[:1].size > LONGEST:
        return None
    return weight


def _stepped(weight: Constant) -> list[Constant]:
    """Weights in steps, and the step of each unit: no parameters of the network that was trained, so without a name."""
    steps, scale_O = numerics.weights(weight.array)
    return [
        Constant(steps, weight.alive),
        Constant(np.asarray(scale_O)),
    ]
