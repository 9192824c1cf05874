"""The same function with fewer steps, found when a network is loaded: a package keeps everything as it was trained.

What depends on constants alone is computed once, masks with it; a normalization goes into the convolution before it,
functions that are written out are named, and views that change nothing left out.

O: units.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .network import Constant, Input, Network, Node, computed
from .operators import BATCH
from .written import named

SMALL = 1 << 16
"""Numbers of a constant that may be larger than what it is made of."""
MOVES = {"view", "permute", "slice", "select", "flip", "roll"}
"""Operators that keep every number of a weight what it is, so that its mask goes the same way."""

Found = list[Input | Constant | Node]


def folded(network: Network) -> Network:
    """The network as it is executed."""
    sources: Found = [*network.inputs, *network.constants, *network.nodes]
    for value, source in enumerate(sources):
        if isinstance(source, Node) and (made := _made(sources, source)) is not None:
            sources[value] = made
    return _normalized(named(_unmoved(numbered(sources, network.outputs, network.single))))


def numbered(values: Sequence[Input | Constant | Node], outputs: Sequence[int], single: bool) -> Network:
    """The network of values by their place, without what nothing needs. A node may read what stands behind it."""
    needed, ahead = set[int](), list(outputs)
    while ahead:
        if (value := ahead.pop()) not in needed:
            needed.add(value)
            ahead += source.reads if isinstance(source := values[value], Node) else []
    kept = [(value, source) for value, source in enumerate(values) if value in needed or isinstance(source, Input)]
    inputs = [(value, source) for value, source in kept if isinstance(source, Input)]
    constants = [(value, source) for value, source in kept if isinstance(source, Constant)]
    nodes = [(value, source) for value, source in kept if isinstance(source, Node)]
    order = {value: place for place, (value, _) in enumerate([*inputs, *constants, *nodes])}
    return Network(
        inputs=[source for _, source in inputs],
        constants=[source for _, source in constants],
        nodes=[replace(source, reads=[order[read] for read in source.reads]) for _, source in nodes],
        outputs=[order[value] for value in outputs],
        single=single,
    )


def by_batch(attribute: Any) -> bool:
    """Tell whether an attribute depends on the number of samples."""
    if isinstance(attribute, list):
        return any(map(by_batch, attribute))
    return isinstance(attribute, str) and BATCH.fullmatch(attribute) is not None


def _made(values: Found, node: Node) -> Constant | None:
    """The constant that a node puts out; None where it is none, or one that is better not kept."""
    read = [constant for value in node.reads if isinstance(constant := values[value], Constant)]
    if len(read) < len(node.reads) or by_batch(list(node.attributes.values())):
        return None
    array = computed(node, [constant.array for constant in read], 0)
    if array.size > max([SMALL, *(constant.array.size for constant in read)]):
        return None
    array = np.asarray(array, order="C")  # code reads rows
    if node.operator in MOVES and read[0].alive is not None:
        return Constant(array, computed(node, [read[0].alive], 0), read[0].name)
    return Constant(array)


def _unmoved(network: Network) -> Network:
    """The network without views of the shape that is there already."""
    shapes = [network.shapes(batch) for batch in ((1,) if network.single else (2, 3))]
    same: dict[int, int] = {}
    for value, node in enumerate(network.nodes, network.first):
        read = same.get(node.reads[0], node.reads[0]) if node.operator == "view" else value
        if read != value and all(sizes[read] == sizes[value] for sizes in shapes):
            same[value] = read
    return _instead(network, [*network.inputs, *network.constants, *network.nodes], same)


def _instead(network: Network, values: Found, others: Mapping[int, int]) -> Network:
    """The network of values, with others read in the place of some."""
    for value, source in enumerate(values):
        if isinstance(source, Node):
            values[value] = replace(source, reads=[others.get(read, read) for read in source.reads])
    return numbered(values, [others.get(value, value) for value in network.outputs], network.single)


def _normalized(network: Network) -> Network:
    """Gain and shift in the weights of each convolution that serves its normalization alone."""
    readers = Counter(read for node in network.nodes for read in {*node.reads}) + Counter(network.outputs)
    sources: Found = [*network.inputs, *network.constants, *network.nodes]
    moved: dict[int, int] = {}
    for n, node in enumerate(network.nodes):
        conv = sources[node.reads[0]] if node.operator == "batch_norm" else None
        if not isinstance(conv, Node) or conv.operator != "conv" or readers[node.reads[0]] > 1:
            continue
        if pair := _scaled(network, conv, node):
            sources[node.reads[0]] = replace(conv, reads=[conv.reads[0], len(sources), len(sources) + 1])
            sources += pair
            moved[network.first + n] = node.reads[0]
    return _instead(network, sources, moved)


def _scaled(network: Network, conv: Node, norm: Node) -> tuple[Constant, Constant] | None:
    """Weights and shifts, in float64 and rounded once; None where something of them is computed."""
    weight = network.constant(conv.reads[1])
    given = [network.constant(read) for read in norm.reads[1:]]
    bias = network.constant(conv.reads[2]) if len(conv.reads) > 2 else None
    if weight is None or None in given or (len(conv.reads) > 2 and bias is None):
        return None
    gain_O, shift_O, mean_O, variance_O = (
        constant.array.astype(np.float64) for constant in given if constant is not None
    )
    scale_O = gain_O / np.sqrt(variance_O + norm.attributes["eps"])
    moved_O = ((0.0 if bias is None else bias.array) - mean_O) * scale_O + shift_O
    array = (weight.array * scale_O.reshape(-1, 1, 1, 1)).astype(np.float32)
    return Constant(array, weight.alive, weight.name), Constant(moved_O.astype(np.float32))
