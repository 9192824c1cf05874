"""Margins as they are written: a number in recorded units, or a share of dense's mean score, such as `1 %`."""

import math
import re

SHARE = re.compile(r"\+?(\d+(?:\.\d*)?|\.\d+)(e[+-]?\d+)? ?%", re.ASCII | re.IGNORECASE)
LEAST = 1e-12
"""Recorded units: the margin where dense has a mean of 0, of which nothing is a share."""


def parsed(given: object) -> float | str:
    """A margin as a spec keeps it. Raises ValueError.

    >>> parsed(1), parsed("+1.50%")
    (1.0, '1.5 %')
    """
    if isinstance(given, str) and SHARE.fullmatch(given):
        return f"{_positive(given.rstrip(' %'), given):.12g} %"
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise ValueError(
            "gate.margin: expected a number in the metric's recorded unit, or a share of dense's mean score such as "
            f"'1 %', got {given!r}"
        )
    return _positive(given, given)


def amount(share: str, mean: float) -> float:
    """The share of a mean score in recorded units.

    >>> amount("1 %", -2.0)
    0.02
    """
    return max(float(share.rstrip(" %")) / 100 * abs(mean), LEAST)


def _positive(number: float | str, given: object) -> float:
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueError(f"gate.margin: expected a finite number, got {given!r}")
    if value <= 0:
        raise ValueError(f"gate.margin: expected greater than 0, got {given!r}")
    return value
