"""Steps hold the mask: each weight once, each inside its window."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketsmith_runtime.int8.schedule import PICKS, schedule


@settings(max_examples=60, deadline=None)
@given(
    units=st.integers(1, 40),
    inputs=st.integers(1, 90),
    density=st.sampled_from([0.0, 0.05, 0.2, 0.5, 1.0]),
    form=st.sampled_from([(8, 16), (16, 16), (16, 64)]),
    apart=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_each_weight_is_there_once(
    units: int, inputs: int, density: float, form: tuple[int, int], apart: int, seed: int
) -> None:
    (lanes, window), rng = form, np.random.default_rng(seed)
    alive_OI = rng.random((units, inputs)) < density
    places_I = np.cumsum(rng.integers(1, apart + 1, inputs))
    steps = schedule(alive_OI, places_I, lanes, window)
    seen_OI = np.zeros((-(-units // lanes) * lanes, inputs), int)
    for group, (begin, end) in enumerate(zip(steps.begins[:-1], steps.begins[1:], strict=True)):
        for step in range(begin, end):
            for lane, picks in enumerate(steps.inputs_SLP[step]):
                for chosen in picks[picks >= 0]:
                    assert 0 <= places_I[chosen] - steps.starts_S[step] < window
                    seen_OI[group * lanes + lane, chosen] += 1
    assert np.array_equal(seen_OI[:units], alive_OI)
    assert not seen_OI[units:].any()


@pytest.mark.parametrize(("lanes", "window"), [(8, 16), (16, 64)])
def test_a_full_row_fills_every_pick(lanes: int, window: int) -> None:
    steps = schedule(np.ones((lanes, 8 * PICKS), bool), np.arange(8 * PICKS), lanes, window)
    assert steps.fill == 1.0
    assert steps.begins.tolist() == [0, 8]


def test_a_window_of_64_is_nearly_full_at_80_percent() -> None:
    alive_OI = np.random.default_rng(0).random((256, 784)) < 0.2
    narrow, wide = (schedule(alive_OI, np.arange(784), 16, window).fill for window in (16, 64))
    assert wide > 0.8 > narrow
