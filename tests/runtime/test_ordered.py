"""Functions in one order: what code puts out is numpy's to the bit, and what numpy puts out is right."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from ticketsmith_runtime import numerics, ordered
from ticketsmith_runtime.between import Bent, Between, Norm
from ticketsmith_runtime.network import Constant
from ticketsmith_runtime.operators import OPERATORS

from .machines import HOST, WITH_AVX2

CODES = {"host": HOST, "AVX2": WITH_AVX2}
each_code = pytest.mark.parametrize("between", [Between(each) for each in CODES.values()], ids=list(CODES))
LINE = np.linspace(-120, 100, 20_001).astype(np.float32)
ODD = np.array([np.nan, -np.inf, np.inf, 0, -0.0, 1e-40, 3e38, -3e38], np.float32)


def rows(*shape: int) -> NDArray[np.float32]:
    """Rows of several sizes, one of zeros, and two that are no numbers."""
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32) * 10 + 3
    x[1] *= 1e-3
    x[2].flat[-1], x[3].flat[0], x[4] = np.nan, np.inf, 0
    return x


def test_powers_are_right_to_two_units_of_the_last_place() -> None:
    inside = LINE[(LINE > -87) & (LINE < 88)]
    exact = np.exp(inside.astype(np.float64))
    assert np.max(np.abs(ordered.exp(inside) - exact) / exact) < 2 * 2.0**-23
    assert ordered.exp(np.array([-np.inf, -104, 0, 89, np.inf], np.float32)).tolist() == [0, 0, 1, np.inf, np.inf]
    assert np.isnan(ordered.exp(np.full(1, np.nan, np.float32)))[0]


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 100])
def test_a_sum_goes_lane_by_lane(count: int) -> None:
    x = np.random.default_rng(count).standard_normal(count).astype(np.float32)
    lanes = [np.float32(0)] * ordered.LANES
    for n, each in enumerate(x):
        lanes[n % ordered.LANES] += each
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = [a + b for a, b in zip(lanes[:half], lanes[half:], strict=True)]
    assert ordered.total(x) == lanes[0]


@pytest.mark.parametrize("shape", [(300, 2), (3, 1000, 16), (2, 5, 70, 64)])
def test_numpy_adds_rows_one_after_the_other(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    sums = np.zeros((*shape[:-2], shape[-1]), np.float32)
    for t in range(shape[-2]):
        sums = sums + x[..., t, :]
    assert np.array_equal(ordered.in_turn(x), sums)


@each_code
@pytest.mark.parametrize("width", [1, 5, 16, 17, 384, 771])
@pytest.mark.parametrize("gains", [0, 1, 2])
def test_norms_are_the_same_in_code(between: Between, width: int, gains: int) -> None:
    x = rows(6, width)
    given = [Constant(np.random.default_rng(n).standard_normal(width).astype(np.float32)) for n in range(gains)]
    arrays = [each.array for each in given]
    for run, centred in ((numerics.layer_norm, True), (numerics.rms_norm, False)):
        expected = run(x, *arrays, axes=1, eps=1e-5)
        assert np.array_equal(Norm(between, given, 1, 1e-5, centred)(x), expected, equal_nan=True)
        wide = run(x[[0, 1, 5]].astype(np.float64), *arrays, axes=1, eps=1e-5)
        np.testing.assert_allclose(expected[[0, 1, 5]], wide, rtol=1e-4, atol=2e-5)
        assert np.isnan(expected[2:4]).any(1).all()


@each_code
def test_a_norm_may_be_over_several_axes(between: Between) -> None:
    x, gain = rows(6, 3, 5), np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
    expected = numerics.layer_norm(x, gain, axes=2, eps=1e-3)
    assert np.array_equal(Norm(between, [Constant(gain)], 2, 1e-3, True)(x), expected, equal_nan=True)


@each_code
def test_gelu_by_tanh_is_the_same_in_code(between: Between) -> None:
    x = np.concatenate([LINE, ODD])
    expected = numerics.gelu_tanh(x)
    assert np.array_equal(Bent(between, "gelu_tanh")(x), expected, equal_nan=True)
    strided = x[: 2 * (len(x) // 2)].reshape(2, -1).T
    assert np.array_equal(Bent(between, "gelu_tanh")(strided), numerics.gelu_tanh(strided), equal_nan=True)
    wide = LINE.astype(np.float64)
    exact = 0.5 * wide * (1 + np.tanh(math.sqrt(2 / math.pi) * (wide + 0.044715 * wide**3)))
    np.testing.assert_allclose(numerics.gelu_tanh(LINE), exact, rtol=1e-6, atol=1e-6)


@each_code
@pytest.mark.parametrize("operator", ["silu", "sigmoid"])
def test_gates_are_the_same_in_code(between: Between, operator: str) -> None:
    run, x = OPERATORS[operator].run, np.concatenate([LINE, ODD])
    assert np.array_equal(Bent(between, operator)(x), run(x), equal_nan=True)
    np.testing.assert_allclose(run(LINE), run(LINE.astype(np.float64)), rtol=1e-6, atol=1e-6)


@each_code
@pytest.mark.parametrize(
    "sizes",
    [
        (1, 1, 5, 64, 64),
        (1, 200, 256, 64, 64),
        (7, 20, 20, 64, 80),
        (3, 33, 40, 7, 5),
        (2, 9, 9, 16, 1),
        (4, 70, 90, 80, 8),
    ],
    ids=str,
)
def test_attention_is_the_same_in_code(between: Between, sizes: tuple[int, int, int, int, int]) -> None:
    queries, keys, room, f, d = sizes
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((2, 3, *each)).astype(np.float32) for each in ((queries, f), (room, f), (room, d)))
    k[1, 2, 0, 0] = np.nan
    expected = ordered.attended(q, k[:, :, :keys], v[:, :, :keys], 0.3)
    assert np.array_equal(between.attended(q, k[:, :, :keys], v[:, :, :keys], 0.3), expected, equal_nan=True)
    assert np.isnan(expected[1, 2]).all()
    seen = np.tri(queries, keys, keys - queries, dtype=np.bool_)
    wide = [each.astype(np.float64) for each in (q, k[:, :, :keys], v[:, :, :keys])]
    whole = numerics.attention(*wide, seen, causal=False, scale=0.3)
    np.testing.assert_allclose(expected[0], whole[0], rtol=1e-4, atol=1e-5)


def test_positions_that_come_later_change_no_bit() -> None:
    rng = np.random.default_rng(0)
    q, k, v = rng.standard_normal((3, 2, 30, 20)).astype(np.float32)
    whole = ordered.attended(q, k, v, 0.2)
    for start, stop in ((0, 1), (5, 9), (29, 30)):
        assert np.array_equal(ordered.attended(q[:, start:stop], k[:, :stop], v[:, :stop], 0.2), whole[:, start:stop])
