"""Graphs of convolutions under random masks."""

import numpy as np

from ticketsmith_runtime.chain import Layer
from ticketsmith_runtime.graph import Conv, Graph, Plane, Pool


def layer(units: int, inputs: int, density: float, rng: np.random.Generator, relu: bool = True) -> Layer:
    alive_OI = rng.random((units, inputs)) < density
    weight_OI = np.where(alive_OI, rng.standard_normal((units, inputs)) / np.sqrt(inputs), 0).astype(np.float32)
    return Layer(
        weight_OI=weight_OI, alive_OI=alive_OI, bias_O=rng.standard_normal(units).astype(np.float32), relu=relu
    )


def ended(inputs: Plane, nodes: list[Conv | Pool], density: float, rng: np.random.Generator) -> Graph:
    """With two Linear over all that is left."""
    left = Graph(inputs, nodes).shapes()[-1]
    first = Conv(layer=layer(9, left.size, density, rng), kernel=(left.height, left.width), reads=len(nodes))
    last = Conv(layer=layer(4, 9, density, rng, relu=False), kernel=(1, 1), reads=len(nodes) + 1)
    return Graph(inputs, [*nodes, first, last])


def residual(density: float = 0.3) -> Graph:
    """A sum whose terms come over two nodes, over one that halves the plane, and is padded for the next."""
    rng = np.random.default_rng(0)
    nodes: list[Conv | Pool] = [
        Conv(layer=layer(5, 27, density, rng), kernel=(3, 3), padding=1, reads=0),
        Conv(layer=layer(35, 45, density, rng), kernel=(3, 3), padding=1, stride=2, reads=1),
        Conv(layer=layer(35, 5, density, rng, relu=False), kernel=(1, 1), stride=2, reads=1),
        Conv(layer=layer(35, 315, density, rng), kernel=(3, 3), padding=1, reads=2, adds=3),
        Conv(layer=layer(35, 315, density, rng), kernel=(3, 3), padding=1, reads=4, adds=4),
        Pool("mean", 4, 1, 5),
    ]
    return ended(Plane(3, 8, 8), nodes, density, rng)
