"""The dense network by the ticket runtime's own loops: a control that tells sparsity from little overhead."""

import numpy as np
from numpy.typing import NDArray

from ticketsmith_runtime.kernels._isa import AVX512

from ..subject import Subject
from . import Forward, Kind
from .ticket import flat, instructions, single, tiled

KIND = Kind(dense=True, control=True)


def build(subject: Subject) -> Forward:
    """One sample by a dense product, batches by the loop that finds every weight there. Raises NotApplicable."""
    batches, isa = tiled(subject.dense_graph, "datadriven"), instructions()
    samples = single(subject.dense_graph, "vectors" if isa is AVX512 else "windows")

    def call(batch: NDArray[np.float32]) -> object:
        return (samples if len(batch) < isa.few else batches).call(batch)

    return Forward(call, flat)
