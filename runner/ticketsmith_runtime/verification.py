"""Does every program give what the weights say? Held against the uncompacted net in float64."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .chain import Layer
from .model import Model

TOLERANCE = 1e-4
"""Of an output, as a share of the sample's largest one, or of 1: float32 rounds in proportion to what it sums."""
BATCHES = (1, 3, 16, 17, 64, 100)
"""Whole tiles, and tails."""


class Unequal(Exception):
    """A back-end's outputs are not those of the weights."""


def verify(model: Model) -> dict[str, float]:
    """The largest difference of each back-end that runs here, as a share of the largest output. Raises Unequal."""
    rng = np.random.default_rng(0)
    features = model.ticket.layers[0].weight_OI.shape[1]
    found: dict[str, float] = {}
    for backend in model.choices:
        inputs = [rng.standard_normal((size, features)).astype(np.float32) for size in BATCHES]
        differences = [_difference(model.run(backend)(x), reference(model.ticket.layers, x)) for x in inputs]
        found[backend] = float(np.max(differences))  # max() would pass over NaN
        if not found[backend] <= TOLERANCE:  # also NaN
            raise Unequal(f"{backend}: outputs differ by {found[backend]:.3g} of their scale, {TOLERANCE:g} is allowed")
    return found


def reference(layers: Sequence[Layer], x_BF: NDArray[np.floating]) -> NDArray[np.float64]:
    """(B, F) -> (B, C) in float64, every weight multiplied, the pruned ones too."""
    units = x_BF.astype(np.float64)
    for layer in layers:
        units = units @ layer.weight_OI.T.astype(np.float64) + layer.bias_O
        units = np.maximum(units, 0) if layer.relu else units
    return units


def _difference(outputs_BC: NDArray[np.float32], reference_BC: NDArray[np.float64]) -> float:
    scale_B1 = np.maximum(np.abs(reference_BC).max(1, keepdims=True), 1)
    return float((np.abs(outputs_BC - reference_BC) / scale_B1).max())
