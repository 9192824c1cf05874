"""The dense network by the ticket runtime's own loops: a control that tells sparsity from little overhead."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ticketsmith_runtime.kernels._isa import AVX512
from ticketsmith_runtime.samples import FEW

from ..tracing import graph
from . import Forward, Kind
from ._ticket import instructions, single, tiled

KIND = Kind(dense=True, control=True)


def build(dense: nn.Module, masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """One sample by a dense product, batches by the loop that finds every weight there. Raises NotApplicable."""
    traced = graph(dense, {}, shape)
    batches = tiled(traced, "datadriven")
    if instructions() is not AVX512:
        return batches
    samples = single(traced, "vectors")

    def call(batch: NDArray[np.float32]) -> object:
        return (samples if len(batch) < FEW else batches).call(batch)

    return Forward(call, arrays=True)
