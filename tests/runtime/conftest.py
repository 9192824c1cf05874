"""Chains under masks, without torch: the runtime does not know it."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest

from ticketsmith_runtime.chain import Layer


def _chain(widths: Sequence[int], density: float, seed: int = 0) -> list[Layer]:
    rng = np.random.default_rng(seed)
    layers = []
    for n, (inputs, units) in enumerate(pairwise(widths)):
        alive_OI = rng.random((units, inputs)) < density
        weight_OI = rng.standard_normal((units, inputs)) / np.sqrt(max(1, inputs * density)) * alive_OI
        bias_O = rng.standard_normal(units).astype(np.float32)
        relu = n < len(widths) - 2
        layers.append(Layer(weight_OI=weight_OI.astype(np.float32), alive_OI=alive_OI, bias_O=bias_O, relu=relu))
    return layers


@pytest.fixture(scope="session")
def chain() -> Callable[..., list[Layer]]:
    return _chain
