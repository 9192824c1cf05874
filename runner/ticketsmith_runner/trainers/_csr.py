"""The sparse step, compiled by numba: weights outside the mask are not stored, read, or multiplied.

A chain of layers is one sparse matrix. A *unit* is an input or a neuron; inputs come first, then the neurons layer by
layer, so that a row (the weights into one neuron) only reads units before its own.

F: input units.  R: rows, one for each neuron.  H: hidden ones, before the others.  first: rows that read inputs.
P: weights that exist.  L: examples side by side, what the inner loops run over.  U: updates.  B: batch.

`a * b + c` may be contracted to one rounding, and only the two sums over lanes may be reordered: the same bytes on one
kind of processor. Comparisons are written to let NaN through: divergence must be seen.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

L = 64
_NEAR = 16  # examples gathered at a time: their rows stay in the cache
_ZERO = np.float32(0)

Compile = Callable[[Callable[..., Any]], Callable[..., Any]]
compiled: Compile = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
reordered: Compile = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc"})


@compiled
def train(inputs, labels, orders, rates, roots, decay, adam, shape, live, rows, columns, values, biases, slots):
    """Updates of `values` (P,), `biases` (R,) and `slots` (2, P + R), in place.

    inputs (N, pixels), of which the network reads `live` (F,); labels (N,); orders (U, B): the examples of each update;
    rates, roots (U,): see `_adam` and `_sgd`.
    """
    F, H, first = shape
    R = len(rows) - 1
    units, slopes = np.zeros((F + R, L), np.float32), np.zeros((R, L), np.float32)
    P = len(values)
    gradient = np.zeros(P + R, np.float32)
    for u in range(len(orders)):
        gradient[:] = 0
        for begin in range(0, orders.shape[1], L):
            chosen = orders[u, begin : begin + L]
            _gather(inputs, chosen, live, units)
            _forward(rows, columns, values, biases, F, H, units)
            _loss(units[F + H :], labels, chosen, orders.shape[1], slopes[H:])
            _backward(rows, columns, values, F, H, first, units, slopes, gradient[:P], gradient[P:])
        if adam:
            _adam(values, gradient[:P], slots[0, :P], slots[1, :P], rates[u], roots[u])
            _adam(biases, gradient[P:], slots[0, P:], slots[1, P:], rates[u], roots[u])
        else:
            _sgd(values, gradient[:P], slots[0, :P], rates[u], decay)
            _sgd(biases, gradient[P:], slots[0, P:], rates[u], decay)


@compiled
def predict(inputs, shape, live, rows, columns, values, biases):
    """inputs (n, pixels) to logits (n, C)."""
    F, H, _ = shape
    R, n = len(rows) - 1, len(inputs)
    units, logits = np.zeros((F + R, L), np.float32), np.empty((n, R - H), np.float32)
    every = np.arange(n)
    for begin in range(0, n, L):
        chosen = every[begin : begin + L]
        _gather(inputs, chosen, live, units)
        _forward(rows, columns, values, biases, F, H, units)
        logits[begin : begin + L] = units[F + H :, : len(chosen)].T
    return logits


@compiled
def _gather(inputs, chosen, live, units):
    """Examples into lanes; lanes without one repeat the last."""
    for q in range(0, L, _NEAR):
        for f in range(len(live)):
            for lane in range(q, q + _NEAR):
                units[f, lane] = inputs[chosen[min(lane, len(chosen) - 1)], live[f]]


@compiled
def _forward(rows, columns, values, biases, F, H, units):
    """Every neuron's value, hidden ones through ReLU. Four weights a pass: one load and store of the sum."""
    total = np.empty(L, np.float32)
    for r in range(len(biases)):
        for q in range(L):
            total[q] = biases[r]
        p, end = rows[r], rows[r + 1]
        while p + 4 <= end:
            a, b, c, d = values[p], values[p + 1], values[p + 2], values[p + 3]
            i, j, k, m = columns[p], columns[p + 1], columns[p + 2], columns[p + 3]
            for q in range(L):
                total[q] = total[q] + a * units[i, q] + b * units[j, q] + c * units[k, q] + d * units[m, q]
            p += 4
        while p < end:
            a, i = values[p], columns[p]
            for q in range(L):
                total[q] += a * units[i, q]
            p += 1
        for q in range(L):
            units[F + r, q] = _ZERO if r < H and total[q] <= _ZERO else total[q]


@compiled
def _loss(logits, labels, chosen, B, slopes):
    """Slopes of the mean cross-entropy over a batch of B, (C, L); zero in lanes without an example."""
    C = len(logits)
    for q in range(L):
        top, total = logits[0, q], _ZERO
        for c in range(1, C):
            top = max(top, logits[c, q])
        for c in range(C):
            slopes[c, q] = np.exp(logits[c, q] - top)
            total += slopes[c, q]
        for c in range(C):
            slopes[c, q] = slopes[c, q] / (total * np.float32(B)) if q < len(chosen) else _ZERO
        if q < len(chosen):
            slopes[labels[chosen[q]], q] -= np.float32(1) / np.float32(B)


@compiled
def _backward(rows, columns, values, F, H, first, units, slopes, gradient, shift):
    """Add the gradients of values (P,) and biases (R,). Rows that read inputs alone pass nothing further down."""
    slopes[:H] = 0
    for r in range(len(rows) - 2, -1, -1):
        slope = slopes[r]
        if r < H:
            for q in range(L):
                if units[F + r, q] <= _ZERO:
                    slope[q] = _ZERO
        shift[r] += _sum(slope)
        for p in range(rows[r], rows[r + 1]):
            gradient[p] += _dot(slope, units[columns[p]])
        if r >= first:
            for p in range(rows[r], rows[r + 1]):
                below, value = slopes[columns[p] - F], values[p]
                for q in range(L):
                    below[q] += value * slope[q]


@reordered
def _sum(lanes):
    total = _ZERO
    for q in range(L):
        total += lanes[q]
    return total


@reordered
def _dot(a, b):
    total = _ZERO
    for q in range(L):
        total += a[q] * b[q]
    return total


@compiled
def _adam(values, gradient, mean, square, rate, root):
    """Kingma & Ba, arXiv 1412.6980, algorithm 1. rate: learning rate / (1 - beta1^t); root: sqrt(1 - beta2^t)."""
    one = np.float32(1)
    beta1, beta2, epsilon = np.float32(0.9), np.float32(0.999), np.float32(1e-8)
    for p in range(len(values)):
        mean[p] = beta1 * mean[p] + (one - beta1) * gradient[p]
        square[p] = beta2 * square[p] + (one - beta2) * gradient[p] * gradient[p]
        values[p] -= rate * mean[p] / (np.sqrt(square[p]) / root + epsilon)


@compiled
def _sgd(values, gradient, momentum, rate, decay):
    """Polyak's momentum as torch has it: buffer = decay * buffer + gradient."""
    for p in range(len(values)):
        momentum[p] = decay * momentum[p] + gradient[p]
        values[p] -= rate * momentum[p]
