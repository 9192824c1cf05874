"""Nodes of a network that a part may have: convolutions in int8, and what is known to stand between them."""

import math
from collections.abc import Iterator, Sequence

from ..network import Network, Node
from ..sizes import Shape
from .packed import typed

ALIKE = ("relu", "gelu", "hardswish", "hardsigmoid", "add")
"""Operators on values of one shape;"""
WINDOWS = ("max_pool", "avg_pool", "mean")
"""on windows of planes."""


def candidates(network: Network, shapes: Sequence[Shape]) -> Iterator[range]:
    """Nodes that follow each other and that a part may have, with a convolution among them."""
    start = 0
    for n, node in enumerate([*network.nodes, None]):
        if node is not None and known(network, shapes, n, node):
            continue
        if any(candidate.operator == "conv8" for candidate in network.nodes[start:n]):
            yield range(start, n)
        start = n + 1


def shapes_of_samples(network: Network) -> Sequence[Shape] | None:
    """Shapes of all values for two samples; () for one that is no sample each, None if they depend on the number."""
    try:
        shapes, more = (network.shapes(1 if network.single else count) for count in (2, 3))
    except ValueError:
        return None
    three = 1 if network.single else 3
    return [a if (three, *a[1:]) == b else () for a, b in zip(shapes, more, strict=True)]


def known(network: Network, shapes: Sequence[Shape], n: int, node: Node) -> bool:
    """Tell whether a part may have this node: all that it reads are samples of floats, rows or planes."""
    constants = [constant for read in node.reads[1:] if (constant := network.constant(read)) is not None]
    values = [shapes[read] for read in node.reads if network.constant(read) is None]
    put = shapes[network.first + n]
    if any(len(shape) not in (2, 4) for shape in (*values, put)):
        return False
    if any(read < len(network.inputs) and network.inputs[read].type != "float" for read in node.reads):
        return False
    if node.operator in ("conv8", "linear8"):
        axes = 4 if node.operator == "conv8" else 2
        weighted = len(constants) == len(node.reads) - 1 and typed(constants)
        return weighted and [len(shape) for shape in values] == [axes]
    if len(values) < len(node.reads):
        return False
    if node.operator in WINDOWS:
        return len(values[0]) == 4 and {axis % 4 for axis in node.attributes.get("axes", (2, 3))} == {2, 3}
    if node.operator == "mul":
        whole, point = sorted(values, key=lambda shape: -math.prod(shape))
        return whole != point and (*whole[:2], 1, 1) == point
    return len(put) == 2 if node.operator == "view" else node.operator in ALIKE and len({*values}) == 1
