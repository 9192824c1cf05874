"""The same function with fewer steps, found when a network is loaded: a package keeps everything as it was trained.

What depends on constants alone is computed once, masks with it; a normalization goes into the convolution before it.

O: units.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .network import Constant, Input, Network, Node, computed
from .operators import BATCH

SMALL = 1 << 16
"""Numbers of a constant that may be larger than what it is made of."""
MOVES = {"view", "permute", "slice", "select", "flip", "roll"}
"""Operators that keep every number of a weight what it is, so that its mask goes the same way."""

Found = list[Input | Constant | Node]


def folded(network: Network) -> Network:
    """The network as it is executed."""
    found: Found = [*network.inputs, *network.constants, *network.nodes]
    for value, each in enumerate(found):
        if isinstance(each, Node) and (made := _made(found, each)) is not None:
            found[value] = made
    return _normalized(numbered(found, network.outputs, network.single))


def numbered(found: Sequence[Input | Constant | Node], outputs: Sequence[int], single: bool) -> Network:
    """The network of values by their place, without what nothing needs. A node may read what stands behind it."""
    needed, ahead = set[int](), list(outputs)
    while ahead:
        if (value := ahead.pop()) not in needed:
            needed.add(value)
            ahead += each.reads if isinstance(each := found[value], Node) else []
    kept = [(value, each) for value, each in enumerate(found) if value in needed or isinstance(each, Input)]
    inputs = [(value, each) for value, each in kept if isinstance(each, Input)]
    constants = [(value, each) for value, each in kept if isinstance(each, Constant)]
    nodes = [(value, each) for value, each in kept if isinstance(each, Node)]
    order = {value: place for place, (value, _) in enumerate([*inputs, *constants, *nodes])}
    return Network(
        inputs=[each for _, each in inputs],
        constants=[each for _, each in constants],
        nodes=[replace(each, reads=[order[read] for read in each.reads]) for _, each in nodes],
        outputs=[order[value] for value in outputs],
        single=single,
    )


def by_batch(found: Any) -> bool:
    """Tell whether an attribute depends on the number of samples."""
    if isinstance(found, list):
        return any(map(by_batch, found))
    return isinstance(found, str) and BATCH.fullmatch(found) is not None


def _made(found: Found, node: Node) -> Constant | None:
    """The constant that a node puts out; None where it is none, or one that is better not kept."""
    read = [each for value in node.reads if isinstance(each := found[value], Constant)]
    if len(read) < len(node.reads) or by_batch(list(node.attributes.values())):
        return None
    array = computed(node, [each.array for each in read], 0)
    if array.size > max([SMALL, *(each.array.size for each in read)]):
        return None
    if node.operator in MOVES and read[0].alive is not None:
        return Constant(array, computed(node, [read[0].alive], 0), read[0].name)
    return Constant(array)


def _normalized(network: Network) -> Network:
    """Gain and shift in the weights of each convolution that serves its normalization alone."""
    readers = Counter(read for node in network.nodes for read in {*node.reads}) + Counter(network.outputs)
    found: Found = [*network.inputs, *network.constants, *network.nodes]
    moved: dict[int, int] = {}
    for n, node in enumerate(network.nodes):
        conv = found[node.reads[0]] if node.operator == "batch_norm" else None
        if not isinstance(conv, Node) or conv.operator != "conv" or readers[node.reads[0]] > 1:
            continue
        if pair := _scaled(network, conv, node):
            found[node.reads[0]] = replace(conv, reads=[conv.reads[0], len(found), len(found) + 1])
            found += pair
            moved[network.first + n] = node.reads[0]
    for value, each in enumerate(found):
        if isinstance(each, Node):
            found[value] = replace(each, reads=[moved.get(read, read) for read in each.reads])
    return numbered(found, [moved.get(value, value) for value in network.outputs], network.single)


def _scaled(network: Network, conv: Node, norm: Node) -> tuple[Constant, Constant] | None:
    """Weights and shifts, in float64 and rounded once; None where something of them is computed."""
    weight = network.constant(conv.reads[1])
    given = [network.constant(read) for read in norm.reads[1:]]
    bias = network.constant(conv.reads[2]) if len(conv.reads) > 2 else None
    if weight is None or None in given or (len(conv.reads) > 2 and bias is None):
        return None
    gain_O, shift_O, mean_O, variance_O = (each.array.astype(np.float64) for each in given if each is not None)
    scale_O = gain_O / np.sqrt(variance_O + norm.attributes["eps"])
    moved_O = ((0.0 if bias is None else bias.array) - mean_O) * scale_O + shift_O
    array = (weight.array * scale_O.reshape(-1, 1, 1, 1)).astype(np.float32)
    return Constant(array, weight.alive, weight.name), Constant(moved_O.astype(np.float32))
