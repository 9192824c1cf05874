"""The sparse step, compiled by numba: weights outside the mask are not stored, read, or multiplied.

A chain of layers is one sparse matrix. A *unit* is an input or a neuron; inputs come first, then the neurons layer by
layer, so that a row (the weights into one neuron) only reads units before its own. A *segment* is a stretch of a row:
the first layer's rows are cut, so that the inputs which a run of segments reads stay in the processor's first cache.

F: input units.  R: rows, one for each neuron.  H: hidden ones, before the others.  S: segments.  P: weights that exist.
L: examples side by side, what the inner loops run over.  U: updates.  B: batch.

Every sum has its order and every rounding its place, in `_lanes` and here. There is no fast-math: it leaves both to a
compiler that may decide otherwise the next time. Comparisons are written to let NaN through: divergence must be seen.
"""

import numpy as np

from ._compiled import compiled
from ._lanes import TURNED, L, dots, spread, sums, turn, weigh

_ZERO = np.float32(0)


@compiled
def train(inputs, labels, orders, rates, roots, shares, rule, layout, values, biases, slots):
    """Updates of `values` (P,), `biases` (R,) and `slots` (2, P + R), in place.

    inputs (N, pixels); labels (N,); orders (U, B): the examples of each update; rates, roots, shares (U,): see `_adam`,
    `_sgd` and `_decay`; rule: Adam rather than SGD, momentum, Nesterov's, pull of `_decay`, any decay at all, largest
    norm of a gradient; layout: see `_layout.Layout.compiled`.
    """
    adam, momentum, nesterov, pull, decay, most = rule
    F, windows, places, layers, segments, targets, columns = layout
    H, R, P = layers[-2, 1] if len(layers) > 1 else 0, len(biases), len(values)
    units, slopes = _lanes_for(F + R + 1), _lanes_for(R)
    gradient = np.zeros(P + R, np.float32)
    for u in range(len(orders)):
        gradient[:] = 0
        for begin in range(0, orders.shape[1], L):
            chosen = orders[u, begin : begin + L]
            _gather(inputs, chosen, windows, places, units)
            _forward(layers, segments, targets, columns, values, biases, F, H, units)
            _loss(units[F + H : F + R], labels, chosen, orders.shape[1], slopes[H:])
            _backward(layers, segments, targets, columns, values, F, H, units, slopes, gradient[:P], gradient[P:])
        if most < np.inf:
            _clip(gradient, most)
        if decay:
            _decay(values, gradient[:P], pull, shares[u])
            _decay(biases, gradient[P:], pull, shares[u])
        if adam:
            _adam(values, gradient[:P], slots[0, :P], slots[1, :P], rates[u], roots[u])
            _adam(biases, gradient[P:], slots[0, P:], slots[1, P:], rates[u], roots[u])
        else:
            _sgd(values, gradient[:P], slots[0, :P], rates[u], momentum, nesterov)
            _sgd(biases, gradient[P:], slots[0, P:], rates[u], momentum, nesterov)


@compiled
def predict(inputs, layout, values, biases):
    """inputs (n, pixels) to logits (n, C)."""
    F, windows, places, layers, segments, targets, columns = layout
    H, R, n = layers[-2, 1] if len(layers) > 1 else 0, len(biases), len(inputs)
    units, logits = _lanes_for(F + R + 1), np.empty((n, R - H), np.float32)
    every = np.arange(n)
    for begin in range(0, n, L):
        chosen = every[begin : begin + L]
        _gather(inputs, chosen, windows, places, units)
        _forward(layers, segments, targets, columns, values, biases, F, H, units)
        logits[begin : begin + L] = units[F + H : F + R, : len(chosen)].T
    return logits


@compiled
def _lanes_for(rows):
    """(rows, L) zeros on a boundary of 64 bytes: a vector that crosses one costs two loads."""
    flat = np.zeros(rows * L + 16, np.float32)
    skip = -(flat.ctypes.data >> 2) % 16
    return flat[skip : skip + rows * L].reshape(rows, L)


@compiled
def _gather(inputs, chosen, windows, places, units):
    """Examples into lanes; lanes without one repeat the last. An input that nothing reads goes to the last unit."""
    flat, begins = inputs.reshape(-1), np.empty(L, np.int64)
    for lane in range(L):
        begins[lane] = chosen[min(lane, len(chosen) - 1)] * inputs.shape[1]
    for lane in range(0, L, TURNED):
        for at in windows:
            turn(flat, begins, at, places, units, lane)


@compiled
def _forward(layers, segments, targets, columns, values, biases, F, H, units):
    """Every neuron's value, hidden ones through ReLU."""
    s, r = 0, 0
    for layer in range(len(layers)):
        last, end = layers[layer]
        for k in range(r, end):
            units[F + k] = biases[k]
        for t in range(s, last):
            weigh(values, columns, segments[t], segments[t + 1], units, F + targets[t])
        for k in range(r, min(end, H)):
            for q in range(L):
                units[F + k, q] = _ZERO if units[F + k, q] <= _ZERO else units[F + k, q]
        s, r = last, end


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
def _backward(layers, segments, targets, columns, values, F, H, units, slopes, gradient, shift):
    """Add the gradients of values (P,) and biases (R,). Rows that read inputs alone pass nothing further down."""
    slopes[:H] = 0
    last, end = layers[-1]
    for layer in range(len(layers) - 1, -1, -1):
        s, r = (layers[layer - 1, 0], layers[layer - 1, 1]) if layer else (0, 0)
        for k in range(r, min(end, H)):
            for q in range(L):
                slopes[k, q] = _ZERO if units[F + k, q] <= _ZERO else slopes[k, q]
        sums(slopes, r, end, shift)
        for t in range(s, last):
            dots(gradient, columns, segments[t], segments[t + 1], units, slopes, targets[t])
            if layer:
                spread(values, columns, segments[t], segments[t + 1], slopes, targets[t], F)
        last, end = s, r


@compiled
def _clip(gradient, most):
    """Scale a gradient whose norm is above `most` down to it, as torch does; NaN spreads to all of it."""
    total = 0.0
    for slope in gradient:
        total += np.float64(slope) * np.float64(slope)
    factor = most / (np.sqrt(total) + 1e-6)
    if not factor >= 1:
        gradient *= np.float32(factor)


@compiled
def _decay(values, gradient, pull, share):
    """Weight decay: `pull` of a value joins its gradient (coupled), `share` of it is taken away (decoupled)."""
    for p in range(len(values)):
        gradient[p] += pull * values[p]
        values[p] -= share * values[p]


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
def _sgd(values, gradient, buffer, rate, momentum, nesterov):
    """Polyak's momentum as torch has it, buffer = momentum * buffer + gradient; Nesterov's goes a step further."""
    for p in range(len(values)):
        buffer[p] = momentum * buffer[p] + gradient[p]
        values[p] -= rate * (gradient[p] + momentum * buffer[p] if nesterov else buffer[p])
