"""Functions that a network writes out of their parts, found when it is loaded.

x * rsqrt(mean(x * x) + eps) is `rms_norm`, and 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) is `gelu_tanh`.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

from .network import Network, Node
from .ordered import CUBE

ROOTS = {"mul": "rsqrt", "div": "sqrt"}
"""By the operator that ends a norm, the one of its second operand."""


def named(network: Network) -> Network:
    """The network with the function in the place of the node that ends it; what led there may stay."""
    nodes = [_norm(network, node) or _gelu(network, node) or node for node in network.nodes]
    return replace(network, nodes=nodes)


def _norm(network: Network, node: Node) -> Node | None:
    for x, root in _orders(node) if node.operator in ROOTS else ():
        power = _read(network, root, ROOTS[node.operator])
        if power and (eps := _added(network, power.reads[0], x)) is not None:
            return Node(operator="rms_norm", reads=[x], attributes={"axes": 1, "eps": eps})
    return None


def _added(network: Network, total: int, x: int) -> float | None:
    """The eps that is added to the mean square of x, along its last axis; None where a value is something else."""
    for value, eps in _parts(network, total, "add"):
        mean = _read(network, value, "mean")
        if mean is None or mean.attributes != {"axes": [-1], "keep": True}:
            continue
        if (x, x) in _parts(network, mean.reads[0], "mul"):
            return _number(network, eps)
    return None


def _gelu(network: Network, node: Node) -> Node | None:
    for half, gate in _orders(node) if node.operator == "mul" else ():
        for x in _besides(network, half, "mul", 0.5):
            if any(_turned(network, value, x) for value in _besides(network, gate, "add", 1)):
                return Node(operator="gelu_tanh", reads=[x])
    return None


def _turned(network: Network, value: int, x: int) -> bool:
    """Tell whether a value is the tanh in GELU of x."""
    if (tanh := _read(network, value, "tanh")) is None:
        return False
    sums = _besides(network, tanh.reads[0], "mul", math.sqrt(2 / math.pi))
    cubes = [cube for total in sums for one, other in _parts(network, total, "add") if one == x
             for cube in _besides(network, other, "mul", CUBE)]  # fmt: skip
    return any(base == x for cube in cubes for base in _besides(network, cube, "pow", 3))


def _besides(network: Network, value: int, operator: str, number: float) -> list[int]:
    """The operand beside a number, where a value is that operator of both."""
    parts = _parts(network, value, operator)
    pairs = ((one, _number(network, other)) for one, other in parts)
    return [one for one, known in pairs if known is not None and math.isclose(known, number, rel_tol=1e-6)]


def _parts(network: Network, value: int, operator: str) -> list[tuple[int, int]]:
    """Both operands of the node that puts out a value, if it is of that operator, in each order that is the same."""
    node = _read(network, value, operator)
    return [*_orders(node)] if node else []


def _orders(node: Node) -> Iterator[tuple[int, int]]:
    one, other = node.reads
    yield one, other
    if node.operator in ("add", "mul"):
        yield other, one


def _read(network: Network, value: int, operator: str) -> Node | None:
    node = network.nodes[value - network.first] if value >= network.first else None
    return node if node is not None and node.operator == operator else None


def _number(network: Network, value: int) -> float | None:
    """The one number of a constant. One of several axes is none: it makes the values beside it wider."""
    constant = network.constant(value)
    known = constant is not None and constant.array.size == 1 and constant.array.ndim <= 1
    return float(constant.array.ravel()[0]) if constant is not None and known else None
