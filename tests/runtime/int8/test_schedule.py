"""Steps hold the mask: each weight once, each inside its window, each with the byte that it multiplies."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ticketsmith_runtime.int8.instructions import KNOWN, Instructions
from ticketsmith_runtime.int8.packed import PICKS, Packed, Weights, packed


def drawn(rng: np.random.Generator, units: int, inputs: int, density: float) -> Weights:
    steps_OI = rng.integers(-127, 128, (units, inputs), np.int8)
    steps_OI[rng.random((units, inputs)) >= density] = 0
    return Weights(steps_OI=steps_OI, scale_O=np.ones(units, np.float32), bias_O=np.zeros(units, np.float32))


def unpacked(found: Packed, own: Instructions, places_I: NDArray[np.int64]) -> NDArray[np.int64]:
    """Weights by unit and input, as the steps have them; a place that is none is an error."""
    inputs = {int(place): each for each, place in enumerate(places_I)}
    weight_OI = np.zeros((found.groups * own.lanes, len(places_I)), np.int64)
    slots = found.slots.reshape(-1, 2, own.lanes, PICKS)
    for group, (begin, end) in enumerate(zip(found.begins[:-1], found.begins[1:], strict=True)):
        for step in range(begin, end):
            picks, values = slots[step, 0], slots[step, 1].view(np.int8)
            for lane, pick in zip(*np.nonzero(values), strict=True):
                assert picks[lane, pick] < own.window
                unit = group * own.lanes + lane
                place = inputs[int(found.starts[step]) + int(picks[lane, pick])]
                assert not weight_OI[unit, place]
                weight_OI[unit, place] = values[lane, pick]
    return weight_OI


@settings(max_examples=60, deadline=None)
@given(
    units=st.integers(1, 40),
    inputs=st.integers(1, 90),
    density=st.sampled_from([0.0, 0.05, 0.2, 0.5, 1.0]),
    own=st.sampled_from(KNOWN),
    apart=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_each_weight_is_there_once(
    units: int, inputs: int, density: float, own: Instructions, apart: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    weights, places_I = drawn(rng, units, inputs, density), np.cumsum(rng.integers(1, apart + 1, inputs))
    found = unpacked(packed(weights, places_I, own), own, places_I)
    assert np.array_equal(found[:units], weights.steps_OI)
    assert not found[units:].any()


def fill(weights: Weights, own: Instructions) -> float:
    """Share of the picks that carry a weight."""
    found = packed(weights, np.arange(weights.steps_OI.shape[1]), own)
    return np.count_nonzero(weights.steps_OI) / (len(found.starts) * own.lanes * PICKS)


@pytest.mark.parametrize("own", KNOWN, ids=[each.name for each in KNOWN])
def test_a_full_layer_fills_every_pick(own: Instructions) -> None:
    weights = drawn(np.random.default_rng(0), own.lanes, 32, 1.0)
    assert fill(replace(weights, steps_OI=np.ones_like(weights.steps_OI)), own) == 1.0


def test_a_window_of_64_is_nearly_full_at_80_percent() -> None:
    weights = drawn(np.random.default_rng(0), 256, 784, 0.2)
    assert fill(weights, KNOWN[0]) > 0.8 > fill(weights, KNOWN[1]) > 0.5
