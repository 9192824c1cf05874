"""Batch normalization inside the convolution before it: the same function with one step less. A package keeps both.

O: units.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from .network import Constant, Network, Node


def folded(network: Network) -> Network:
    """The network with gain and shift in the weights of each convolution that serves its normalization alone."""
    norms = dict(_norms(network))
    made = {conv: _made(network, network.nodes[conv], network.nodes[norm]) for norm, conv in norms.items()}
    constants, places = list(network.constants), dict[int, list[int]]()
    for conv, pair in made.items():
        if pair:
            places[conv] = [len(network.inputs) + len(constants) + n for n in range(2)]
            constants += pair
    order, nodes = {value: value for value in range(network.first)}, list[Node]()
    for n, node in enumerate(network.nodes):
        if norms.get(n) in places:
            order[network.first + n] = order[node.reads[0]]
            continue
        reads = [order[read] for read in node.reads]
        nodes.append(replace(node, reads=[reads[0], *places[n]] if n in places else reads))
        order[network.first + n] = len(network.inputs) + len(constants) + len(nodes) - 1
    return replace(network, constants=constants, nodes=nodes, outputs=[order[value] for value in network.outputs])


def _norms(network: Network) -> Iterator[tuple[int, int]]:
    """Normalizations, and the convolution before each, if it serves nothing else."""
    readers = Counter(read for node in network.nodes for read in {*node.reads}) + Counter(network.outputs)
    for n, node in enumerate(network.nodes):
        before = node.reads[0] - network.first if node.operator == "batch_norm" else -1
        if before >= 0 and readers[node.reads[0]] == 1 and network.nodes[before].operator == "conv":
            yield n, before


def _made(network: Network, conv: Node, norm: Node) -> tuple[Constant, Constant] | None:
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
    return Constant(array, weight.alive), Constant(moved_O.astype(np.float32))
