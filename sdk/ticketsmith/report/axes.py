"""From values to places in the chart: a logarithmic axis of weights left, a linear one of scores, and free labels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The plot's rectangle in SVG units, and the ranges it shows."""

    left: float
    right: float
    top: float
    bottom: float
    sparsest: float
    """The largest sparsity on the horizontal axis; dense is its origin."""
    ticks: tuple[float, ...]
    """Scores, as they are shown, with a line of their own; the first and the last are the ends of the axis."""

    def x(self, sparsity: float) -> float:
        """Rounds of one pruning rate lie at equal distances, as in the figures of the paper."""
        return self.left + (self.right - self.left) * _rounds(sparsity) / _rounds(self.sparsest)

    def y(self, shown: float) -> float:
        return self.bottom - (self.bottom - self.top) * (shown - self.ticks[0]) / (self.ticks[-1] - self.ticks[0])

    @property
    def numbers(self) -> list[str]:
        """The ticks in as many decimals as tell them apart."""
        return _written(self.ticks)


def _rounds(sparsity: float) -> float:
    """A place on the axis; finite and above 0 even where a mask keeps all or nothing."""
    return -math.log(1 - min(max(sparsity, 1e-9), 1 - 1e-9))


def ticks(low: float, high: float, span: float, most: int = 6) -> list[float]:
    """Round values that cover [low, high], at most `most` + 1 of them, 1, 2 or 5 times a power of ten apart.

    `span` is the least that they cover.

    >>> ticks(95.1, 98.7, 0.1)
    [95.0, 96.0, 97.0, 98.0, 99.0]
    """
    least = max(high - low, span) / most
    power = 10 ** math.floor(math.log10(least))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = 2 - math.floor(math.log10(step))
    return [round(step * index, digits) for index in range(first, max(last, first + 1) + 1)]


def _written(values: Sequence[float]) -> list[str]:
    """Numbers at equal distances, in as many decimals as tell them apart.

    >>> _written([0.5, 1.0, 1.5]), _written([2000.0, 4000.0])
    (['0.5', '1.0', '1.5'], ['2,000', '4,000'])
    """
    decimals = max(0, -math.floor(math.log10(values[1] - values[0]) + 1e-6))
    return [f"{value:,.{decimals}f}".replace("-", "\N{MINUS SIGN}") for value in values]


def spread(wanted: Sequence[float], gap: float, top: float, bottom: float) -> list[float]:
    """Places for labels as near as possible above each other: in order, `gap` apart, within [top, bottom].

    >>> spread([10, 12, 50], 10, 0, 100)
    [10, 20, 50]
    >>> spread([95, 99], 10, 0, 100)
    [90, 100]
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    places: list[float] = list(wanted)
    edge = top
    for index in order:
        places[index] = max(places[index], edge)
        edge = places[index] + gap
    edge = bottom
    for index in reversed(order):
        places[index] = min(places[index], edge)
        edge = places[index] - gap
    return places


def thin(places: Sequence[float], gap: float) -> list[int]:
    """The labels of an axis to keep, so that they lie `gap` apart; the first and the last always stay.

    >>> thin([0, 10, 20, 30, 33], 12)
    [0, 2, 4]
    """
    kept: list[int] = [0]
    for index in range(1, len(places) - 1):
        if places[index] - places[kept[-1]] >= gap and places[-1] - places[index] >= gap:
            kept.append(index)
    return [*kept, len(places) - 1] if len(places) > 1 else kept
