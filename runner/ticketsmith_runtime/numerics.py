"""Computations of operators, by numpy, in the type of what they read: float32 to answer, float64 to be held against.

B: batch.  C: channels.  H, W: rows and columns of a plane.
"""

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import ordered, sizes

Numbers = NDArray[Any]


BLOCK = 1 << 15
"""Numbers that a computation of several passes takes at once: they stay in the cache."""


def in_blocks(run: Callable[..., Numbers]) -> Callable[..., Numbers]:
    """The same function of each number, block by block in the order of memory."""

    def blocked(x: Numbers, **attributes: Any) -> Numbers:
        if x.size <= BLOCK:
            return run(x, **attributes)
        y = np.empty_like(x)
        given, put = x.ravel(order="K"), y.ravel(order="K")  # y is compact, so that this is no copy
        for start in range(0, x.size, BLOCK):
            put[start : start + BLOCK] = run(given[start : start + BLOCK], **attributes)
        return y

    return blocked


def by_rows(run: Callable[..., Numbers]) -> Callable[..., Numbers]:
    """The same function of the last axes, some rows of them at a time."""

    def blocked(x: Numbers, *gains: Numbers, axes: int, **attributes: Any) -> Numbers:
        width = math.prod(x.shape[x.ndim - axes :])
        if x.size <= BLOCK or not width:
            return run(x, *gains, axes=axes, **attributes)
        given = np.ascontiguousarray(x).reshape(-1, *x.shape[x.ndim - axes :])
        y = np.empty_like(given)
        rows = max(1, BLOCK // width)
        for start in range(0, len(given), rows):
            y[start : start + rows] = run(given[start : start + rows], *gains, axes=axes, **attributes)
        return y.reshape(x.shape)

    return blocked


def sigmoid(x: Numbers) -> Numbers:
    """1 / (1 + exp(-x)), without overflow."""
    if x.dtype == np.float32:
        return ordered.sigmoid(x)
    return np.asarray(0.5 * np.tanh(0.5 * x) + 0.5)


def silu(x: Numbers) -> Numbers:
    """x times its sigmoid."""
    return ordered.silu(x) if x.dtype == np.float32 else np.asarray(x * sigmoid(x))


def softmax(x: Numbers, axis: int) -> Numbers:
    """Shares that sum to one along an axis; NaN where all are -inf, as in torch."""
    with np.errstate(invalid="ignore"):
        powers = np.exp(x - x.max(axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis, keepdims=True))


def log_softmax(x: Numbers, axis: int) -> Numbers:
    """Logarithms of `softmax`."""
    less = x - x.max(axis, keepdims=True)
    return np.asarray(less - np.log(np.exp(less).sum(axis, keepdims=True)))


def gelu_tanh(x: Numbers) -> Numbers:
    """GELU's approximation by tanh (Hendrycks & Gimpel, arXiv 1606.08415)."""
    if x.dtype == np.float32:
        return ordered.gelu_tanh(x)
    return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))))


def softplus(x: Numbers, beta: float, threshold: float) -> Numbers:
    """log(1 + exp(beta x)) / beta; x itself above the threshold."""
    scaled = beta * x
    return np.where(scaled > threshold, x, np.logaddexp(0, np.minimum(scaled, threshold)) / beta).astype(x.dtype)


def elu(x: Numbers, alpha: float) -> Numbers:
    """x, and alpha (exp(x) - 1) below zero."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))).astype(x.dtype)


@by_rows
def layer_norm(x: Numbers, *gains: Numbers, axes: int, eps: float) -> Numbers:
    """Mean 0 and variance 1 over the last axes (Ba et al., arXiv 1607.06450); then the gain and the shift."""
    if x.dtype == np.float32:
        return _in_order(x, gains, axes, eps, centred=True)
    last = tuple(range(-axes, 0))
    centred = x - x.mean(last, keepdims=True)
    variance = np.square(centred).mean(last, keepdims=True)
    return _scaled(centred / np.sqrt(variance + eps), gains)


@by_rows
def rms_norm(x: Numbers, *gains: Numbers, axes: int, eps: float) -> Numbers:
    """Mean square 1 over the last axes (Zhang & Sennrich, arXiv 1910.07467); then the gain."""
    if x.dtype == np.float32:
        return _in_order(x, gains, axes, eps, centred=False)
    return _scaled(x / np.sqrt(np.square(x).mean(tuple(range(-axes, 0)), keepdims=True) + eps), gains)


def _in_order(x: Numbers, gains: Sequence[Numbers], axes: int, eps: float, centred: bool) -> Numbers:
    rows = x.reshape(-1, max(math.prod(x.shape[x.ndim - axes :]), 1))
    given = [array.ravel() for array in gains]
    gain, shift = [*given, *(np.full(rows.shape[1], n, np.float32) for n in (1, 0)[len(given) :])][:2]
    return ordered.normed(rows, gain, shift, eps, centred).reshape(x.shape)


def batch_norm(x: Numbers, gain: Numbers, shift: Numbers, mean: Numbers, variance: Numbers, eps: float) -> Numbers:
    """Channels by the mean and variance that training found (Ioffe & Szegedy, arXiv 1502.03167)."""
    scale = gain.astype(np.float64) / np.sqrt(variance.astype(np.float64) + eps)
    wide = (-1, *(1,) * (x.ndim - 2))
    return np.asarray(
        x * scale.astype(x.dtype).reshape(wide) + (shift - mean * scale).astype(x.dtype).reshape(wide), x.dtype
    )


def group_norm(x: Numbers, *gains: Numbers, groups: int, eps: float) -> Numbers:
    """Mean 0 and variance 1 over each group of channels (Wu & He, arXiv 1803.08494); then the gain and the shift."""
    flat = x.reshape(len(x), groups, -1)
    centred = flat - flat.mean(-1, keepdims=True)
    normed = (centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + eps)).reshape(x.shape)
    return _scaled(normed, [gain.reshape(-1, *(1,) * (x.ndim - 2)) for gain in gains])


def _scaled(x: Numbers, gains: Sequence[Numbers]) -> Numbers:
    for gain, change in zip(gains, (np.multiply, np.add), strict=False):
        x = change(x, gain)
    return x


def attention(q: Numbers, k: Numbers, v: Numbers, *mask: Numbers, causal: bool, scale: float) -> Numbers:
    """softmax(q k' scale + mask) v (Vaswani et al., arXiv 1706.03762). `causal`: a query sees no later key.

    A mask of bool says who is seen; a query that sees nobody gets zeros, as in torch. One sample after the other: the
    scores of one stay in the cache.
    """
    if q.ndim < 4 or not q.shape[:-3] == k.shape[:-3] == v.shape[:-3] or 0 in q.shape:
        return _attended(q, k, v, *mask, causal=causal, scale=scale)
    wide = [np.broadcast_to(array, (*q.shape[:-3], *array.shape[-3:])) for array in mask]
    y = np.empty((*q.shape[:-1], v.shape[-1]), v.dtype)
    for place in np.ndindex(*q.shape[:-3]):
        y[place] = _attended(q[place], k[place], v[place], *(m[place] for m in wide), causal=causal, scale=scale)
    return y


def _attended(q: Numbers, k: Numbers, v: Numbers, *mask: Numbers, causal: bool, scale: float) -> Numbers:
    scores = (q * q.dtype.type(scale)) @ np.swapaxes(k, -1, -2)
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=np.bool_), scores, -np.inf)
    for array in mask:
        scores = np.where(array, scores, -np.inf) if array.dtype == bool else scores + array
    with np.errstate(invalid="ignore"):
        highest = scores.max(-1, keepdims=True)
        shares = np.exp(scores - np.where(np.isneginf(highest), 0, highest))
        total = shares.sum(-1, keepdims=True)
        return np.asarray((shares / np.where(total == 0, 1, total)).astype(v.dtype) @ v)


def conv(
    x: Numbers,
    weight: Numbers,
    *bias: Numbers,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Numbers:
    """Dense: every weight multiplied, tap by tap. (B, C, H, W) -> (B, O, rows, columns)."""
    x = np.pad(x, ((0, 0), (0, 0), *((border, border) for border in padding)))
    units, reads, *kernel = weight.shape
    rows, columns = (
        (size - step * (taps - 1) - 1) // move + 1
        for size, taps, step, move in zip(x.shape[2:], kernel, dilation, stride, strict=True)
    )
    x_BGCHW = x.reshape(len(x), groups, reads, *x.shape[2:])
    weight_GOCKL = weight.reshape(groups, units // groups, reads, *kernel)
    sums = np.zeros((len(x), groups, units // groups, rows * columns), x.dtype)
    for i, j in np.ndindex(*kernel):
        below, right = i * dilation[0], j * dilation[1]
        taken = x_BGCHW[
            ...,
            below : below + (rows - 1) * stride[0] + 1 : stride[0],
            right : right + (columns - 1) * stride[1] + 1 : stride[1],
        ]
        sums += weight_GOCKL[..., i, j] @ taken.reshape(len(x), groups, reads, rows * columns)
    y = sums.reshape(len(x), units, rows, columns)
    return y + bias[0][:, None, None] if bias else y


def max_pool(
    x: Numbers,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil: bool,
) -> Numbers:
    """The largest of each window of the last two axes; NaN wins."""
    reach = [(taps - 1) * step + 1 for taps, step in zip(kernel, dilation, strict=True)]
    count = sizes.places(x.shape[-2:], (reach[0], reach[1]), stride, padding, ceil)
    return _windows(x, count, kernel, stride, padding, dilation, -np.inf, np.maximum)


def avg_pool(
    x: Numbers, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], ceil: bool, border: bool
) -> Numbers:
    """The mean of each window of the last two axes. `border`: the border's zeros count."""
    count = sizes.places(x.shape[-2:], (kernel[0], kernel[1]), stride, padding, ceil)
    sums = _windows(x, count, kernel, stride, padding, (1, 1), 0, np.add)
    return np.asarray(sums / taps_of_means(x.shape[-2:], kernel, stride, padding, ceil, border).astype(x.dtype))


def taps_of_means(
    plane: sizes.Shape,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil: bool,
    border: bool,
) -> Numbers:
    """Numbers that each mean of `avg_pool` is of."""
    inside = np.ones(plane)
    counted = np.pad(inside, [(low, low) for low in padding], constant_values=1) if border else inside
    count = sizes.places(plane, (kernel[0], kernel[1]), stride, padding, ceil)
    return _windows(counted, count, kernel, stride, (0, 0) if border else padding, (1, 1), 0, np.add)


def _windows(
    x: Numbers,
    count: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    empty: float,
    join: Callable[[Numbers, Numbers], Numbers],
) -> Numbers:
    """All taps of `count` windows joined, tap by tap; beyond the border stands `empty`."""
    spans = [(windows - 1) * move + 1 for windows, move in zip(count, stride, strict=True)]
    reach = [(taps - 1) * step for taps, step in zip(kernel, dilation, strict=True)]
    needed = [span + far for span, far in zip(spans, reach, strict=True)]
    edges = [(low, max(0, need - low - size)) for low, need, size in zip(padding, needed, x.shape[-2:], strict=True)]
    if any(map(any, edges)):
        x = _bordered(x, edges, empty)
    taps = (
        x[..., below : below + spans[0] : stride[0], right : right + spans[1] : stride[1]]
        for below in range(0, reach[0] + 1, dilation[0])
        for right in range(0, reach[1] + 1, dilation[1])
    )
    return reduce(join, taps)


def _bordered(x: Numbers, edges: Sequence[tuple[int, int]], value: float) -> Numbers:
    """`np.pad` of the last two axes, which keeps the order of axes in memory: channels may come last."""
    rows, columns = (size + sum(edge) for size, edge in zip(x.shape[-2:], edges, strict=True))
    y = np.full_like(x, value, shape=(*x.shape[:-2], rows, columns))
    (up, _), (left, _) = edges
    y[..., up : up + x.shape[-2], left : left + x.shape[-1]] = x
    return y


def adaptive_avg_pool(x: Numbers, size: Sequence[int]) -> Numbers:
    """Means of windows that share the last two axes out as evenly as whole numbers can."""
    for axis, count in zip((-2, -1), size, strict=True):
        full = x.shape[axis]
        edges = [(place * full // count, -(-(place + 1) * full // count)) for place in range(count)]
        parts = [np.take(x, range(low, high), axis).mean(axis, keepdims=True) for low, high in edges]
        x = np.concatenate(parts, axis)
    return x


def nearest(x: Numbers, size: Sequence[int]) -> Numbers:
    """The last axes at another size, each place the number that is nearest to it."""
    for axis, count in zip(range(-len(size), 0), size, strict=True):
        x = np.take(x, np.arange(count) * x.shape[axis] // count, axis)
    return x


def bilinear(x: Numbers, size: Sequence[int], corners: bool) -> Numbers:
    """The last two axes at another size, between neighbours in proportion. `corners`: those stay where they are."""
    for axis, count in zip((-2, -1), size, strict=True):
        full = x.shape[axis]
        if corners:
            at = np.arange(count) * ((full - 1) / max(count - 1, 1))
        else:
            at = np.clip((np.arange(count) + 0.5) * (full / count) - 0.5, 0, None)
        low = np.minimum(at.astype(np.int64), full - 1)
        share = (at - low).astype(x.dtype).reshape(-1, *(1,) * (-1 - axis))
        x = np.take(x, low, axis) * (1 - share) + np.take(x, np.minimum(low + 1, full - 1), axis) * share
    return x


def stuffed(x: Numbers, stride: Sequence[int]) -> Numbers:
    """Zeros between the places of the last axes: what a transposed convolution reads."""
    plane = [(size - 1) * step + 1 for size, step in zip(x.shape[-len(stride) :], stride, strict=True)]
    wide = np.zeros((*x.shape[: -len(stride)], *plane), x.dtype)
    places: Any = (..., *(slice(None, None, step) for step in stride))
    wide[places] = x
    return wide


def pad(x: Numbers, before: Sequence[int], after: Sequence[int], value: float) -> Numbers:
    """A border around; less than none cuts."""
    wide = np.pad(
        x, [(max(low, 0), max(high, 0)) for low, high in zip(before, after, strict=True)], constant_values=value
    )
    return wide[
        tuple(
            slice(max(-low, 0), size - max(-high, 0)) for low, high, size in zip(before, after, wide.shape, strict=True)
        )
    ]


def scattered(x: Numbers, part: Numbers, axis: int, start: int, stop: int, step: int) -> Numbers:
    """The first, with a part of an axis replaced."""
    changed = x.copy()
    changed[along(x, axis, slice(start, stop, step))] = part
    return changed


def along(x: Numbers, axis: int, what: Any) -> tuple[Any, ...]:
    """The index that takes something of one axis and all of the others."""
    return (*(slice(None),) * (axis % x.ndim), what)


def index(x: Numbers, *indices: Numbers, axes: Sequence[int]) -> Numbers:
    """Numpy's indexing by arrays at some axes."""
    places: list[Any] = [slice(None)] * x.ndim
    for axis, chosen in zip(axes, indices, strict=True):
        places[axis] = chosen
    return np.asarray(x[tuple(places)])


def erf(x: Numbers) -> Numbers:
    """The error function, number by number: slow, and rare."""
    return np.asarray(np.vectorize(math.erf, otypes=[x.dtype])(x), x.dtype)
