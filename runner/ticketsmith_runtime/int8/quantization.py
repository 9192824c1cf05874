"""A network with whole numbers for weights: each product with constant weights becomes its like in int8."""

from dataclasses import replace

import numpy as np

from ..folding import Found, folded, numbered
from ..network import Constant, Network, Node
from ..sizes import LONGEST
from . import numerics

LIKE = {"linear": "linear8", "conv": "conv8"}
"""Operators, and what they are in int8."""


def quantized(network: Network) -> Network:
    """The network as it is executed, with each Linear and convolution of known weights in int8."""
    network = folded(network)
    found: Found = [*network.inputs, *network.constants, *network.nodes]
    made: dict[int, tuple[int, int]] = {}
    for value, each in enumerate(found[:]):
        if isinstance(each, Node) and (weight := _weight(network, each)) is not None:
            read = each.reads[1]
            if read not in made:
                made[read] = len(found), len(found) + 1
                found += _stepped(weight)
            found[value] = replace(
                each, operator=LIKE[each.operator], reads=[each.reads[0], *made[read], *each.reads[2:]]
            )
    return numbered(found, network.outputs, network.single)


def precision(network: Network) -> str:
    """The name of what its products are made of: float32, int8, or both."""
    names = {node.operator for node in network.nodes}
    whole, real = names & set(LIKE.values()), names & LIKE.keys()
    return "int8 and float32" if whole and real else "int8" if whole else "float32"


def _weight(network: Network, node: Node) -> Constant | None:
    weight = network.constant(node.reads[1]) if node.operator in LIKE else None
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
