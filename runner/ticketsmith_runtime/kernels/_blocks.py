"""Blocks of code that the weights of a layer are cut into: a group of units, some of their inputs."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def even(total: int, most: int) -> list[range]:
    """0..total in as few ranges as keep each to at most `most`, of nearly equal length.

    >>> even(10, 4)
    [range(0, 3), range(3, 6), range(6, 10)]
    """
    count = -(-total // most)
    edges = [total * part // count for part in range(count + 1)] if count else []
    return [range(first, last) for first, last in pairwise(edges)]


def chunks(sizes: NDArray[np.int64], most: int, longest: int) -> Iterator[slice]:
    """Consecutive items in pieces of about equal total size, about `most` at most, of about `longest` items at most."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    count = max(1, -(-total // most), -(-len(sizes) // longest))
    edges = [0, *(int(np.searchsorted(ends, total * part / count)) for part in range(1, count)), len(sizes)]
    for first, last in pairwise(edges):
        yield slice(first, last)
