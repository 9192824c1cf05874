"""Functions of floats whose every step has one order, by numpy: to the bit what the code of `ordered_code` puts out.

A sum has LANES partial sums: number n goes to the lane n % LANES, in its turn; then halves of the lanes are added until
one is left. No step is fused with another, so that no processor can differ from the next.

M: rows.  F: numbers of a row.  T: positions.  L: lanes.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
LANES = 16
LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4
"""Their sum is ln 2; a whole number of the first is exact."""
POWERS = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
"""exp(r) = 1 + r + r^2 times this polynomial, for r within half of ln 2 (Moshier, Cephes, expf)."""
LEAST, MOST = -104.0, 89.0
"""Powers that are 0 and infinity in float32."""
CUBE = 0.044715
TWICE = -2 * math.sqrt(2 / math.pi)


def exp(x: Floats) -> Floats:
    """Powers of e, float32, within two units of the last place. NaN stays NaN."""
    inside: Floats = np.clip(x, np.float32(LEAST), np.float32(MOST))
    turns: Floats = np.rint(inside * np.float32(LOG2_E))
    r: Floats = inside - turns * np.float32(LN2_HIGH)
    r = r - turns * np.float32(LN2_LOW)
    sums: Floats = np.full_like(r, POWERS[0])
    for coefficient in POWERS[1:]:
        sums = sums * r + np.float32(coefficient)
    sums = sums * (r * r) + r + np.float32(1)
    whole = np.where(np.isnan(turns), np.float32(0), turns).astype(np.int32)
    half = whole >> 1
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(sums * _doubled(half) * _doubled(whole - half), np.float32)


def _doubled(times: NDArray[np.int32]) -> NDArray[np.float32]:
    """Powers of two."""
    return ((times + 127) << 23).view(np.float32)


def total(x: Floats) -> Floats:
    """(..., F) -> (...): sums of the last axis."""
    count = x.shape[-1]
    wide = np.zeros((*x.shape[:-1], -(-count // LANES) * LANES), np.float32)
    wide[..., :count] = x
    lanes = in_turn(wide.reshape(*x.shape[:-1], -1, LANES))
    while lanes.shape[-1] > 1:
        half = lanes.shape[-1] // 2
        lanes = lanes[..., :half] + lanes[..., half:]
    return np.asarray(lanes[..., 0])


def in_turn(x: Floats) -> Floats:
    """(..., T, L) -> (..., L): rows added in their turn. Numpy does so where the last axis has several numbers."""
    return np.asarray(np.add.reduce(x, axis=-2, initial=np.float32(0)))


def gelu_tanh(x: Floats) -> Floats:
    """x / (1 + exp(-2 sqrt(2 / pi) (x + 0.044715 x^3))), which is GELU's approximation by tanh."""
    with np.errstate(over="ignore", invalid="ignore"):
        bent = x + x * x * x * np.float32(CUBE)
        return np.asarray(x / (np.float32(1) + exp(bent * np.float32(TWICE))))


def normed(x_MF: Floats, gain_F: Floats, shift_F: Floats, eps: float, centred: bool) -> Floats:
    """Rows of mean square 1 times a gain, plus a shift; `centred`: of mean 0 first."""
    share = np.float32(1 / x_MF.shape[-1])
    with np.errstate(over="ignore", invalid="ignore"):
        moved = x_MF - total(x_MF)[:, None] * share if centred else x_MF
        scale_M = np.float32(1) / np.sqrt(total(moved * moved) * share + np.float32(eps))
        return np.asarray(moved * scale_M[:, None] * gain_F + shift_F)


def attended(q: Floats, k: Floats, v: Floats, scale: float) -> Floats:
    """softmax(q k' scale) v for queries whose last sees all keys, the one before all but one, and so on.

    (..., n, F), (..., T, F), (..., T, D) -> (..., n, D).
    """
    y = np.empty((*q.shape[:-1], v.shape[-1]), np.float32)
    for n in range(q.shape[-2]):
        seen = k.shape[-2] - q.shape[-2] + n + 1
        y[..., n, :] = _looked_up(q[..., n, :], k[..., :seen, :], v[..., :seen, :], scale)
    return y


def _looked_up(q: Floats, k: Floats, v: Floats, scale: float) -> Floats:
    """One query, (..., F), that sees every key."""
    with np.errstate(over="ignore", invalid="ignore"):
        scores = total((q * np.float32(scale))[..., None, :] * k)
        shares = exp(scores - scores.max(-1, keepdims=True))
        wide = np.zeros((*v.shape[:-1], max(v.shape[-1], 2)), np.float32)
        wide[..., : v.shape[-1]] = v
        sums = in_turn(shares[..., None] * wide)[..., : v.shape[-1]]
        return np.asarray(sums / total(shares)[..., None])


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x))."""
    with np.errstate(over="ignore"):
        return np.asarray(np.float32(1) / (np.float32(1) + exp(-x)))


def silu(x: Floats) -> Floats:
    """x / (1 + exp(-x)) (Elfwing et al., arXiv 1702.03118)."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(x / (np.float32(1) + exp(-x)))
