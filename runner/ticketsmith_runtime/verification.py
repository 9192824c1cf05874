"""Every program held against the uncompacted net in float64: it must give what the weights say."""

import numpy as np
from numpy.typing import NDArray

from .graph import evaluate
from .model import Model

TOLERANCE = 1e-4
"""Tolerance of an output, as a share of the sample's largest one, or of 1: float32 rounds in proportion to its sums."""
BATCHES = (1, 3, 16, 17, 64, 100)
"""Whole tiles, and tails."""


class Unequal(Exception):
    """A back-end's outputs are not those of the weights."""


def verify(model: Model) -> dict[str, float]:
    """The largest difference of each back-end that runs here, as a share of the largest output. Raises Unequal."""
    rng = np.random.default_rng(0)
    graph = model.ticket.graph
    found: dict[str, float] = {}
    for backend in model.programs:
        inputs = [rng.standard_normal((size, graph.inputs.size)).astype(np.float32) for size in BATCHES]
        differences = [_difference(model.run(backend)(x), evaluate(graph, x)) for x in inputs]
        found[backend] = float(np.max(differences))  # max() would pass over NaN
        if not found[backend] <= TOLERANCE:  # also NaN
            raise Unequal(f"{backend}: outputs differ by {found[backend]:.3g} of their scale, {TOLERANCE:g} is allowed")
    return found


def _difference(outputs_BC: NDArray[np.float32], reference_BC: NDArray[np.float64]) -> float:
    scale_B1 = np.maximum(np.abs(reference_BC).max(1, keepdims=True), 1)
    return float((np.abs(outputs_BC - reference_BC) / scale_B1).max())
