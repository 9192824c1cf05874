"""Numbers of int8 tickets by numpy, to the bit: what every kernel has to put out.

Floats take part in one order: a row's range, its inverse, one product and one sum for each input; then for each output
the whole sum times (scale of the row times scale of the unit), plus the bias. Nothing is fused.

O: units.  M: rows.  F: inputs of a row.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import numerics

Numbers = NDArray[Any]
Fixed = Sequence[float] | None
"""The lowest and the highest input, zero between them, that hold for all rows. None: each row has its own."""
MOST = 127
"""Largest input, and largest weight: two products of bytes fit into 16 bits, as `vpmaddubsw` adds them."""
TINY = np.float32(1e-30)
"""Range below which a row counts as zeros: its inverse would be no number."""


def weights(weight: Numbers) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Weights in whole steps, and the step of each unit: the first axis. Zeros stay zeros."""
    largest_O = np.abs(weight).reshape(len(weight), -1).max(1, initial=0).astype(np.float32)
    scale_O = np.where(largest_O > TINY, largest_O / np.float32(MOST), np.float32(1))
    steps = np.rint(weight / scale_O.reshape(-1, *[1] * (weight.ndim - 1)))
    return np.clip(steps, -MOST, MOST).astype(np.int8), scale_O


def rows(
    x: Numbers, axes: int, fixed: Fixed = None
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int32]]:
    """Inputs in steps of 0 to 127; the step of each row, and its number for zero. A row is what the last axes hold.

    The range is the row's own, or that of all rows: what lies outside is cut off. A row with an input that is not
    finite has steps of NaN, so that every output is NaN.
    """
    x, last = np.asarray(x, np.float32), tuple(range(-axes, 0))
    with np.errstate(over="ignore", invalid="ignore"):
        if fixed is None:
            low, high = np.minimum(x.min(last, initial=0), 0), np.maximum(x.max(last, initial=0), 0)
        else:
            low, high = (np.full(x.shape[: x.ndim - axes], end, np.float32) for end in fixed)
        span = np.where(np.isfinite(x).all(last), high - low, np.float32(np.nan))
        inverse, zero = _stepped(low, span)
        wide = (..., *[None] * axes)
        steps = np.clip(x * inverse[wide] + zero[wide], 0, MOST)
    return (
        np.rint(np.nan_to_num(steps)).astype(np.uint8),
        (span / np.float32(MOST)).astype(np.float32),
        zero.astype(np.int32),
    )


def held(fixed: Sequence[float]) -> NDArray[np.int32]:
    """Words that code reads of a range for all rows: step, zero, inverse of the step, and zero as a float."""
    low, high = np.asarray(fixed, np.float32)
    inverse, zero = _stepped(low, high - low)
    words = np.array([(high - low) / np.float32(MOST), 0, inverse, zero], np.float32).view(np.int32)
    words[1] = zero
    return words


def _stepped(low: Numbers, span: Numbers) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The inverse of the step of a range, and the number for zero."""
    inverse = np.where(span > TINY, MOST / np.where(span > TINY, span, 1), 0).astype(np.float32)
    zero = np.where(inverse > 0, np.rint(np.clip(-low * inverse, 0, MOST)), 0).astype(np.float32)
    return inverse, zero


def embedding(indices: Numbers, steps: Numbers, scale: Numbers) -> Numbers:
    """A row of a table for each index: its steps, times the step of the row. (...) -> (..., F), float32."""
    return np.asarray(steps[indices] * np.asarray(scale, np.float32)[indices][..., None], np.float32)


def linear(x: Numbers, weight: Numbers, scale_O: Numbers, *bias: Numbers, fixed: Fixed = None) -> Numbers:
    """(..., F) -> (..., O), float32."""
    steps, scale, zero = rows(x, 1, fixed)
    whole = (steps - zero[..., None].astype(np.float64)) @ weight.T.astype(np.float64)  # exact: below 2**53
    return _finished(whole, scale[..., None] * np.asarray(scale_O, np.float32), *bias)


def conv(
    x: Numbers, weight: Numbers, scale_O: Numbers, *bias: Numbers, fixed: Fixed = None, **geometry: Any
) -> Numbers:
    """(B, C, H, W) -> (B, O, rows, columns), float32; a row is a sample.

    In memory the channels of a place lie side by side, as code leaves them: numpy's sums depend on the order.
    """
    steps, scale, zero = rows(x, 3, fixed)
    centred = steps - zero[:, None, None, None].astype(np.float64)
    whole = numerics.conv(centred, weight.astype(np.float64), **geometry)
    step_BO = scale[:, None] * np.asarray(scale_O, np.float32)
    y = _finished(np.rint(whole), step_BO[..., None, None], *(shift[:, None, None] for shift in bias))
    return np.ascontiguousarray(y.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def _finished(whole: Numbers, step: Numbers, *bias: Numbers) -> Numbers:
    """Sums of steps as floats; a bias of -0 is 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        shift = np.asarray(bias[0] if bias else 0, np.float32) + np.float32(0)
        return np.asarray(whole.astype(np.float32) * step + shift, np.float32)
