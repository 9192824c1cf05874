"""How numbers are written: accuracies in %, differences in points, times in ms, speed as a ratio."""

from ..lottery.results import Difference, Summary

SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
NONE = "-"


def percent(fraction: float, decimals: int = 2) -> str:
    """An accuracy, or a confidence with 0 decimals.

    >>> percent(0.97314), percent(0.95, 0)
    ('97.31\\xa0%', '95\\xa0%')
    """
    return f"{100 * fraction:.{decimals}f}{SPACE}%"


def level_of(confidence: float) -> str:
    """A confidence, without the zeros it does not need.

    >>> level_of(0.95), level_of(0.975)
    ('95\\xa0%', '97.5\\xa0%')
    """
    return f"{100 * confidence:.4g}{SPACE}%"


def removed(sparsity: float) -> str:
    """A sparsity: one decimal, and two where one would say that nearly everything is gone.

    >>> removed(0.488), removed(0.9965)
    ('48.8\\xa0%', '99.65\\xa0%')
    """
    return percent(sparsity, 1 if sparsity < 0.99 else 2)


def points(difference: float) -> str:
    """A difference of accuracies, with its sign and without its unit.

    >>> points(-0.0012), points(0.0161), points(-0.00001)
    ('−0.12', '+1.61', '0.00')
    """
    return signed(100 * difference)


def signed(value: float, decimals: int = 2) -> str:
    """A number with its sign; what rounds to zero has none."""
    text = f"{abs(value):.{decimals}f}"
    if float(text) == 0:
        return text
    return ("+" if value > 0 else MINUS) + text


def accuracy(summary: Summary) -> str:
    """A mean accuracy with its interval, where there is one.

    >>> accuracy(Summary(mean=0.97, se=0.002, low=0.965, high=0.975, n=5))
    '97.00\\xa0% [96.50, 97.50]'
    """
    return percent(summary.mean) + _between(summary, 100, 2)


def updates(summary: Summary) -> str:
    """A mean iteration with its interval, where there is one."""
    return f"{summary.mean:,.0f}" + _between(summary, 1, 0)


def bounds(difference: Difference) -> str:
    """Both one-sided bounds of a difference, in points."""
    if difference.low is None or difference.high is None:
        return NONE
    return f"[{points(difference.low)}, {points(difference.high)}]"


def times(ratio: float) -> str:
    """A ratio of throughputs: two digits near 1, where they matter.

    >>> times(1.8412), times(12.4)
    ('1.84x', '12.4x')
    """
    return f"{ratio:.2f}x" if ratio < 10 else f"{ratio:.1f}x"


def milliseconds(seconds: float) -> str:
    """A latency in ms, to three significant digits.

    >>> milliseconds(0.0000120), milliseconds(0.0123), milliseconds(1.23)
    ('0.0120', '12.3', '1,230')
    """
    value = float(f"{1000 * seconds:.3g}")
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def duration(seconds: float) -> str:
    """Time, in the unit that a reader would choose.

    >>> duration(4.32), duration(75), duration(5400), duration(3e5)
    ('4.3 s', '75 s', '90 min', '83 h')
    """
    unit, value = next(((u, seconds / size) for u, size in _UNITS if seconds < 100 * size), ("days", seconds / 86400))
    return f"{value:,.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"


_UNITS = (("s", 1), ("min", 60), ("h", 3600))


def _between(summary: Summary, scale: float, decimals: int) -> str:
    if summary.low is None or summary.high is None:
        return ""
    return f" [{scale * summary.low:,.{decimals}f}, {scale * summary.high:,.{decimals}f}]"
