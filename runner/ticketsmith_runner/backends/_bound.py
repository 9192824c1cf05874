"""Opponents that run fastest on memory which they were given beforehand: one request per batch size.

A batch is copied into that memory, which costs less than to hand over another piece of memory with every call.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ticketsmith_runtime.graph import Graph

from . import Forward

Floats = NDArray[np.float32]
Bound = Callable[[], object]
"""Computes the outputs in their memory from the inputs in theirs."""


def bound(graph: Graph, bind: Callable[[Floats, Floats], Bound]) -> Forward:
    """A forward pass over `bind`(inputs (B, features), outputs (B, classes)), which is called once per batch size B."""

    @cache
    def request(size: int) -> tuple[Floats, Bound, Floats]:
        inputs, outputs = (np.empty((size, values.size), np.float32) for values in (graph.inputs, graph.shapes()[-1]))
        return inputs, bind(inputs, outputs), outputs

    def call(batch: Floats) -> Floats:
        inputs, run, outputs = request(len(batch))
        np.copyto(inputs, batch)
        run()
        return outputs.copy()

    return Forward(call, arrays=True)
