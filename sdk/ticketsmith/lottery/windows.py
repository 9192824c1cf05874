"""Numbers of weights left in a window, 16 consecutive inputs of a unit: whole ones, so that every window is alike."""

import math

from .spec import Pruning

WINDOW = 16
"""Inputs of a window: the bytes from which one instruction of AVX2 picks."""


def numbers(pruning: Pruning) -> list[int]:
    """Weights left in a window, dense and after each round, until the target.

    A round leaves 1 - fraction of those before it, a half rounded up, and takes one at least.

    >>> numbers(Pruning(granularity="window", sparsity=0.75, fraction=0.2))
    [16, 13, 10, 8, 6, 5, 4]
    """
    left, target = [WINDOW], _clamped(round(WINDOW * (1 - pruning.sparsity)))
    while left[-1] > target:
        left.append(max(target, min(_nearest(left[-1] * (1 - pruning.fraction)), left[-1] - 1)))
    return left


def halvings(pruning: Pruning) -> list[int]:
    """Weights left in a window after each round past the target: half of them, rounded up, down to one.

    >>> halvings(Pruning(granularity="window", sparsity=0.75, fraction=0.2))
    [2, 1]
    """
    left = [numbers(pruning)[-1]]
    while left[-1] > 1:
        left.append(-(-left[-1] // 2))
    return left[1:]


def slowed(number: int, pace: float) -> int:
    """The number that a layer of another pace is at.

    >>> [slowed(4, pace) for pace in (1.0, 0.5, 0.0)]
    [4, 8, 16]
    """
    return _nearest(WINDOW * (number / WINDOW) ** pace)


def share(number: int, inputs: int) -> int:
    """Weights left of so many inputs where `number` are left of 16: rounded up, so that no short window is empty.

    >>> [share(4, inputs) for inputs in (16, 12, 3)]
    [4, 3, 1]
    """
    return -(-number * inputs // WINDOW)


def expressible(sparsity: float) -> list[float]:
    """The sparsity itself if windows can have it, otherwise the nearest below and above.

    >>> expressible(0.75), expressible(0.8), expressible(0.99)
    ([0.75], [0.75, 0.8125], [0.9375])
    """
    left = WINDOW * (1 - sparsity)
    whole = {round(left)} if abs(left - round(left)) < 1e-6 else {math.ceil(left), math.floor(left)}
    return sorted({1 - _clamped(number) / WINDOW for number in whole})


def _nearest(number: float) -> int:
    """A millionth forgives the floats."""
    return math.floor(number + 0.5 + 1e-6)


def _clamped(number: int) -> int:
    return min(max(number, 1), WINDOW - 1)
