"""Every program held against the network in float64, uncompacted: it must give what the weights say.

Whole numbers leave no room: what is in int8 is held against numpy, step by step the same, and must equal it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import graph, network
from .int8.quantization import precision
from .model import Model
from .network_model import NetworkModel

TOLERANCE = 1e-4
"""Tolerance of an output, as a share of the sample's largest one, or of 1: float32 rounds in proportion to its sums."""
STEPPED = 0.05
"""The same where some products are in int8 and others are not."""
BATCHES = (1, 3, 16, 17, 64, 100)
"""Whole tiles, and tails."""
FEW = (1, 3)
"""For networks of any operators, whose samples may be large; no code of theirs depends on more."""

Reference = Callable[..., Sequence[NDArray[Any]]]


class Unequal(Exception):
    """A back-end's outputs are not those of the weights."""


def verify(model: Model | NetworkModel) -> dict[str, float]:
    """The largest difference of each back-end that runs here, as a share of the largest output. Raises Unequal."""
    shares: dict[str, float] = {}
    allowed = _allowed(model)
    trials = list(_trials(model)) if model.programs else []
    for backend in model.programs:
        run = model.run(backend)
        differences = [_largest(_listed(run(*inputs)), expected) for inputs, expected in trials]
        shares[backend] = float(np.max(differences))  # max() would pass over NaN
        if not shares[backend] <= allowed:  # also NaN
            raise Unequal(f"{backend}: outputs differ by {shares[backend]:.3g} of their scale, {allowed:g} is allowed")
    return shares


def _allowed(model: Model | NetworkModel) -> float:
    """Nothing for int8 alone; with sums in float32 before it, whose last place may move an input to the next step."""
    name = precision(model.network) if isinstance(model, NetworkModel) else "float32"
    return {"float32": TOLERANCE, "int8": 0.0}.get(name, STEPPED)


def _trials(model: Model | NetworkModel) -> Iterator[tuple[list[Any], Sequence[NDArray[Any]]]]:
    """Inputs, and what the weights make of them in float64."""
    rng = np.random.default_rng(0)
    if isinstance(model, NetworkModel):
        real = np.float64 if _allowed(model) == TOLERANCE else np.float32
        for size in FEW:
            inputs = [_drawn(rng, model.network, (size, *array.shape), array.type) for array in model.network.inputs]
            yield inputs, network.evaluate(model.network, inputs, real)
        return
    traced = model.ticket.graph
    assert isinstance(traced, graph.Graph)
    for size in BATCHES:
        x = rng.standard_normal((size, traced.inputs.size)).astype(np.float32)
        yield [x], [graph.evaluate(traced, x)]


def _drawn(rng: np.random.Generator, net: network.Network, shape: tuple[int, ...], kind: str) -> NDArray[Any]:
    """Numbers that a network takes: whole ones are rows of the smallest table that it looks into."""
    if kind == "float":
        return rng.standard_normal(shape).astype(np.float32)
    return rng.integers(0, 2 if kind == "bool" else min(net.tables(), default=2), shape)


def _listed(answer: Any) -> list[NDArray[Any]]:
    return answer if isinstance(answer, list) else [answer]


def _largest(outputs: Sequence[NDArray[Any]], expected: Sequence[NDArray[Any]]) -> float:
    return float(np.max([_difference(*pair) for pair in zip(outputs, expected, strict=True)]))


def _difference(outputs: NDArray[Any], reference: NDArray[Any]) -> float:
    ours, theirs = (np.asarray(array, np.float64).reshape(len(array), -1) for array in (outputs, reference))
    scale_B1 = np.maximum(np.abs(theirs).max(1, keepdims=True), 1)
    return float((np.abs(ours - theirs) / scale_B1).max())
