"""Studies that never were: per-example differences between two nets, drawn from a world, with the moments of each.

`moments` is a fast twin of `ticketsmith_runner.statistics.errors`, and `test_worlds.py` holds it to that. What decides,
the bounds, is the product's own. R: replicates.  n: test examples.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

MEAN, REPLICATES, ITEMS, CELLS, SKEW = range(5)
NO_EFFECT, NORMAL, T3, T2, LOGNORMAL, COLLAPSE = range(6)  # of a training as a whole
EVEN, SKEWED, LONG_TAIL, RARE, HEAVY, NO_VARIANCE = range(6)  # laws of an example's added loss


@njit  # type: ignore[untyped-decorator]
def accuracies(
    seed: int,
    studies: int,
    looks: Any,
    n: int,
    folds: int,
    carry: float,
    lose: float,
    win: float,
    effect: Any,
    common: float,
) -> Any:
    """Moments of differences of -1, 0 and 1, (studies, looks, 5): `looks` are the replicates there at each look.

    A share `carry` of the examples can differ at all: in each replicate one of them is lost with probability `lose`,
    won with `win`. `effect` (kind, size, probability) shifts a whole training, `common` all trainings of a study.
    """
    np.random.seed(seed)
    R = looks[-1]
    found = np.zeros((studies, len(looks), 5))
    delta, tested = np.zeros((R, n)), np.ones((R, n), np.bool_)
    for study in range(studies):
        carriers = draw_accuracies(delta, tested, folds, carry, lose, win, effect, common)
        for k in range(len(looks)):
            found[study, k] = moments(delta[: looks[k]], tested[: looks[k]], carriers)
    return found


@njit  # type: ignore[untyped-decorator]
def losses(seed: int, studies: int, R: int, n: int, folds: int, law: int, mean: float) -> Any:
    """Moments of added losses in nats, (studies, 1, 5), whose true mean is `mean`."""
    np.random.seed(seed)
    found = np.zeros((studies, 1, 5))
    delta, tested = np.zeros((R, n)), np.ones((R, n), np.bool_)
    for study in range(studies):
        draw_losses(delta, tested, folds, law, mean)
        found[study, 0] = moments(delta, tested, np.arange(n))
    return found


@njit  # type: ignore[untyped-decorator]
def draw_accuracies(
    delta: Any, tested: Any, folds: int, carry: float, lose: float, win: float, effect: Any, common: float
) -> Any:
    """Fill one study: differences, and which replicate tests which example; returns the examples that may differ."""
    R, n = delta.shape
    carriers = np.nonzero(np.random.random(n) < carry)[0]
    shared = np.random.normal(0, common) if common > 0 else 0.0
    deal(tested, folds)
    for r in range(R):
        shift = (_effect(effect) + shared) / (2 * carry) if carry > 0 else 0.0
        lost = min(max(lose - shift, 0.0), 1.0)
        won = min(max(win + shift, 0.0), 1.0 - lost)
        for i in carriers:
            u = np.random.random()
            delta[r, i] = -1.0 if u < lost else 1.0 if u < lost + won else 0.0
    return carriers


@njit  # type: ignore[untyped-decorator]
def draw_losses(delta: Any, tested: Any, folds: int, law: int, mean: float) -> None:
    """Fill one study: what an example adds in every replicate, and a little noise of each training."""
    R, n = delta.shape
    always = np.empty(n)
    for i in range(n):
        always[i] = mean + _added(law)
    deal(tested, folds)
    for r in range(R):
        seed = np.random.normal(0, 0.002)
        for i in range(n):
            delta[r, i] = always[i] + seed + np.random.normal(0, 0.05)


@njit  # type: ignore[untyped-decorator]
def deal(tested: Any, folds: int) -> None:
    """Each block of `folds` replicates tests every example once; 1: all replicates share all examples."""
    R, n = tested.shape
    if folds == 1:
        return
    tested[:] = False
    for block in range(R // folds):
        order = np.random.permutation(n)
        for place in range(n):
            tested[block * folds + place % folds, order[place]] = True


@njit  # type: ignore[untyped-decorator]
def moments(delta: Any, tested: Any, carriers: Any) -> Any:
    """Mean, its variances by replicate, example and cell, and the skewness of the examples' averages.

    Every example is tested, and differs nowhere unless it is one of the `carriers`.
    """
    R, n = delta.shape
    means, sums, counts = np.zeros(R), np.zeros(len(carriers)), np.zeros(len(carriers))
    cells, squares, total = 0, 0.0, 0.0
    for r in range(R):
        own = 0.0
        for k, i in enumerate(carriers):
            if tested[r, i]:
                value = delta[r, i]
                own, squares = own + value, squares + value * value
                sums[k] += value
                counts[k] += 1
        size = tested[r].sum()
        means[r], cells, total = own / size, cells + size, total + own
    items = sums / np.maximum(counts, 1)
    mean, rest = items.sum() / n, n - len(items)
    second = (((items - mean) ** 2).sum() + rest * mean**2) / n
    third = (((items - mean) ** 3).sum() - rest * mean**3) / n
    found = np.zeros(5)
    found[MEAN] = means.mean()
    found[REPLICATES] = ((means - means.mean()) ** 2).sum() / (R - 1) / R
    found[ITEMS] = second / (n - 1)
    found[CELLS] = (squares - total * total / cells) / (cells - 1) / cells
    found[SKEW] = third / second**1.5 if second > 0 else 0.0
    return found


@njit  # type: ignore[untyped-decorator]
def _effect(effect: Any) -> float:
    """Gain of one training as a whole, 0 on average."""
    kind, size, chance = effect
    if kind == NORMAL:
        return np.random.normal(0, size)
    if kind == T3:
        return size * np.random.standard_t(3)
    if kind == T2:
        return size * np.random.standard_t(2)
    if kind == LOGNORMAL:
        return size * (np.exp(0.5) - np.exp(np.random.normal()))
    if kind == COLLAPSE:
        return size * chance - (size if np.random.random() < chance else 0.0)
    return 0.0


@njit  # type: ignore[untyped-decorator]
def _added(law: int) -> float:
    """Added loss of one example in nats, 0 on average."""
    if law == EVEN:
        return np.random.normal(0, 0.2)
    if law == SKEWED:
        return 0.1 * (np.exp(np.random.normal()) - np.exp(0.5))
    if law == LONG_TAIL:
        return 0.1 * (np.random.pareto(2.5) - 1 / 1.5)
    if law == RARE:
        return (5.0 if np.random.random() < 0.002 else 0.0) - 0.01
    if law == HEAVY:
        return 0.02 * (np.exp(2 * np.random.normal()) - np.exp(2.0))
    return 0.05 * (np.random.pareto(1.5) - 2)


Moments = NDArray[np.float64]
