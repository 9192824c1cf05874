"""The scan over sparsities: a fixed sequence from dense to sparse, which the first level that does not pass ends.

Each level is judged at the gate's confidence, and still the whole scan calls an unsafe sparsity safe no more often than
one gate does: Maurer, Hothorn & Lehmacher, Multiple comparisons in drug clinical trials (1995); Westfall & Krishen,
J. Stat. Plan. Inference 99 (2001). A PASS beyond the end counts for nothing.
"""

from collections.abc import Iterable, Sequence


def safe(passed: Iterable[bool]) -> int:
    """Number of levels, from the first on, that passed without a break.

    >>> safe([True, True, False, True])
    2
    """
    count = 0
    for success in passed:
        if not success:
            break
        count += 1
    return count


def by_median(medians: Sequence[float], dense: float, margin: float) -> list[bool]:
    """The rule of the published curves, for comparison: a level passes if its median is within the margin of dense.

    It looks at no spread, so that nothing is known of its error rate: no gate uses it.
    """
    return [median >= dense - margin for median in medians]
