"""Networks of tokens without torch: two that say what comes next, one fast and one slow, and one that cannot."""

import numpy as np

from ticketsmith_runtime.network import Constant, Input, Network, Node

LENGTH, WORDS, WIDTH = 9, 7, 16


def weight(rng: np.random.Generator, *shape: int) -> Constant:
    alive = rng.random(shape) < 0.4
    return Constant((rng.standard_normal(shape) * alive).astype(np.float32), alive)


def decoder(mix: str = "attention", words: int = WORDS, length: int = LENGTH) -> Network:
    """Tokens and places looked up, one way to mix positions, and a head; `mean` looks at later ones too."""
    rng = np.random.default_rng(0)
    constants = [weight(rng, words, WIDTH), weight(rng, length, WIDTH), weight(rng, words, WIDTH)]
    mixes = {
        "attention": [Node(operator="attention", reads=[5, 5, 5], attributes={"causal": True, "scale": 0.1})],
        "sum": [Node(operator="cumsum", reads=[5], attributes={"axis": 1})],
        "mean": [Node(operator="mean", reads=[5], attributes={"axes": [1], "keep": True})],
    }
    nodes = [  # 0 is the input, 1 to 3 are constants
        Node(operator="embedding", reads=[1, 0]),
        Node(operator="add", reads=[4, 2]),
        *mixes[mix],
        Node(operator="add", reads=[5, 6]),
        Node(operator="linear", reads=[7, 3]),
    ]
    return Network(inputs=[Input((length,), "int")], constants=constants, nodes=nodes, outputs=[8])
