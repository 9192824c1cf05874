"""Opponents that run fastest on memory which they were given beforehand: one request per batch size.

A batch is copied into that memory, which costs less than to hand over another piece of memory with every call.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ticketsmith_runtime.chain import Layer

from . import Forward

Floats = NDArray[np.float32]
Bound = Callable[[], object]
"""Computes the outputs in their memory from the inputs in theirs."""


def bound(layers: Sequence[Layer], bind: Callable[[Floats, Floats], Bound]) -> Forward:
    """A forward pass over `bind`(inputs (B, features), outputs (B, classes)), which is called once per batch size B."""

    @cache
    def request(size: int) -> tuple[Floats, Bound, Floats]:
        inputs = np.empty((size, layers[0].weight_OI.shape[1]), np.float32)
        outputs = np.empty((size, len(layers[-1].bias_O)), np.float32)
        return inputs, bind(inputs, outputs), outputs

    def call(batch: Floats) -> Floats:
        inputs, run, outputs = request(len(batch))
        np.copyto(inputs, batch)
        run()
        return outputs.copy()

    return Forward(call, arrays=True)
