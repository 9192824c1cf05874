"""Steps of rows and of weights."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketsmith_runtime.int8 import numerics


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.floats(-20, 20), shift=st.floats(-3, 3))
def test_a_row_is_within_a_step_of_what_it_was(seed: int, size: float, shift: float) -> None:
    x = ((np.random.default_rng(seed).standard_normal((4, 50)) + shift) * 2.0**size).astype(np.float32)
    steps, scale, zero = numerics.rows(x, 1)
    assert steps.max() <= numerics.MOST
    again = (steps.astype(np.float64) - zero[:, None]) * scale[:, None]
    assert (np.abs(again - x) <= 1.001 * scale[:, None]).all()  # half a step, and half a step of zero's own


def test_zero_is_exact_whatever_else_is_in_a_row() -> None:
    x = np.random.default_rng(0).standard_normal((100, 9)).astype(np.float32)
    x[:, 4] = 0
    steps, _, zero = numerics.rows(x, 1)
    assert np.array_equal(steps[:, 4], zero)


def test_rows_do_not_depend_on_each_other() -> None:
    x = np.random.default_rng(0).standard_normal((5, 3, 4, 6)).astype(np.float32)
    whole = numerics.rows(x, 3)
    for n in range(5):
        for one, all_of_them in zip(numerics.rows(x[n : n + 1], 3), whole, strict=True):
            assert np.array_equal(one, all_of_them[n : n + 1])


def test_a_row_that_is_no_number_has_steps_of_nan() -> None:
    x = np.zeros((3, 4), np.float32)
    x[0, 1], x[1, 2] = np.nan, -np.inf
    steps, scale, zero = numerics.rows(x, 1)
    assert np.isnan(scale).tolist() == [True, True, False]
    assert not steps.any()
    assert not zero.any()


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.floats(-30, 30))
def test_weights_are_within_half_a_step(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    weight = (rng.standard_normal((5, 7, 2)) * (rng.random((5, 7, 2)) < 0.5) * 2.0**size).astype(np.float32)
    weight[3] = 0
    steps, scale_O = numerics.weights(weight)
    assert (np.abs(steps * scale_O[:, None, None] - weight) <= 0.5001 * scale_O[:, None, None]).all()
    assert not steps[weight == 0].any()
    assert (scale_O > 0).all()


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), low=st.floats(-1e3, 0, width=32), high=st.floats(0, 1e3, width=32))
def test_a_range_that_is_held_cuts_off_what_lies_outside(seed: int, low: float, high: float) -> None:
    x = (500 * np.random.default_rng(seed).standard_normal((4, 50))).astype(np.float32)
    (steps, scale, zero), (known, whole, _, _) = numerics.rows(x, 1, (low, high)), numerics.held((low, high))
    again = (steps.astype(np.float64) - zero[:, None]) * scale[:, None]
    assert (np.abs(again - np.clip(x, low, high)) <= 1.001 * scale[:, None] + float(numerics.TINY)).all()
    assert (scale.view(np.int32) == known).all()
    assert (zero == whole).all()


def test_a_range_that_is_a_rows_own_changes_nothing() -> None:
    x = np.random.default_rng(0).standard_normal((1, 50)).astype(np.float32)
    for own, held in zip(numerics.rows(x, 1), numerics.rows(x, 1, (x.min(), x.max())), strict=True):
        assert np.array_equal(own, held)
