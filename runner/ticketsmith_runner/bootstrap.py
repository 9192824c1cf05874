"""The error of a score that is no mean over examples, such as F1: a bootstrap over examples, paired by weights.

Every draw gives each unit (an example, or a group of them) one of two weights, 8/21 or 55/21, which have mean 1,
variance 1 and third moment 1, and leave no class without an example: after Mammen, Ann. Stat. 21 (1993). Dense,
candidate and all replicates share the weights of a draw. Replicates are few, and resampling three says little: their
variance is that of their own scores, and both are put together as for a mean (`bounds.two_way`), with Student's t.
"""

from collections.abc import Callable, Iterator, Sequence
from math import fsum, sqrt
from statistics import fmean

import numpy as np

from .bounds import Floats
from .columns import Numbers
from .statistics import Errors, skewness, variance

Weights = Floats
"""(n, draws), whole numbers."""
Scorer = Callable[[Weights], Floats]

DRAWS, SEED = 2000, 0
LIGHT, HEAVY, CHANCE = 8, 55, 13 / 47  # neighbours of the golden ratio squared; of the heavy one
ROOM = 100_000  # weights at a time: what stays in the cache


def resampled(examples: Sequence[Numbers], groups: Sequence[Numbers] | None, scores: Sequence[Scorer]) -> Errors:
    """The mean of `scores`, one for each replicate, with its variances; each is a function of its examples' weights."""
    units, place = np.unique(np.concatenate(groups or examples), return_inverse=True)
    places = np.split(place, np.cumsum([len(row) for row in examples])[:-1])
    means = [float(score(np.ones((len(own), 1)))[0]) for score, own in zip(scores, places, strict=True)]
    parts = [
        np.stack([score(weights[own]) for score, own in zip(scores, places, strict=True)], axis=1)
        for weights in _weights(len(units))
    ]
    draws = np.concatenate(parts)  # (DRAWS, R)
    together = np.array([fmean(draw) for draw in draws.tolist()])
    enlarged = len(units) / max(len(units) - 1, 1)
    of_each = [_spread(column) for column in draws.T]
    return Errors(
        mean=fmean(means),
        replicates=variance(means),
        items=enlarged * _spread(together),
        cells=enlarged * fsum(of_each) / len(means) ** 2,
        skew=skewness(together) * sqrt(len(units)),
        R=len(means),
        n=len(units),
        examples=len(np.unique(np.concatenate(examples))),
        grouped=groups is not None,
    )


def _weights(units: int) -> Iterator[Weights]:
    """(units, some draws), in parts that fit into memory; the parts do not show."""
    random, left = np.random.default_rng(SEED), DRAWS
    while left:
        some = min(left, max(ROOM // units, 1))
        heavy = random.random((some, units)) < CHANCE
        yield np.ascontiguousarray(np.where(heavy.T, float(HEAVY), float(LIGHT)))
        left -= some


def _spread(values: Floats) -> float:
    """Variance of the draws."""
    return (variance(values.tolist()) or 0.0) * len(values)
