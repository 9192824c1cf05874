"""Numbers as they are written: scores and changes in the unit of their metric, times in ms, speed as a ratio."""

import re
from math import floor, log10

from ..lottery.metric import Metric
from ..lottery.results import Difference, Summary

SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
NONE = "-"
SHARE = Metric(name="share", unit="%", scale=100, margin=0.005)
"""A share of examples: of those that are answered otherwise, say."""


def percent(fraction: float, decimals: int = 2) -> str:
    """A share, or a confidence with 0 decimals.

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


def value(metric: Metric, score: float) -> str:
    """A score in its unit.

    >>> from ..lottery.metric import ACCURACY, BITS
    >>> value(ACCURACY, 0.97314), value(BITS, 1.3333)
    ('97.31\\xa0%', '1.924\\xa0bits')
    """
    return f"{number(metric, score)}{SPACE}{metric.unit}".rstrip(SPACE)


def number(metric: Metric, score: float) -> str:
    """A score without its unit."""
    return metric.shown(score).partition(" ")[0].replace("-", MINUS)


def change(metric: Metric, difference: float) -> str:
    """A difference of scores, with its sign and without its unit.

    >>> from ..lottery.metric import ACCURACY, NATS
    >>> change(ACCURACY, -0.0012), change(ACCURACY, -0.00001), change(NATS, 0.12)
    ('−0.12', '0.00', '+0.120')
    """
    return signed(metric.scale * difference, metric.decimals)


def change_between(metric: Metric, low: float | None, high: float | None) -> str:
    """Both ends of an interval of differences; nothing where there is none."""
    return "" if low is None or high is None else f"[{change(metric, low)}, {change(metric, high)}]"


def unit(metric: Metric) -> str:
    """The unit to write behind a change, if there is one.

    >>> from ..lottery.metric import ACCURACY, Metric
    >>> unit(ACCURACY), unit(Metric(name="overlap", margin=0.01))
    (' points', '')
    """
    return f" {metric.change_unit}" if metric.change_unit else ""


def headed(words: str, unit: str) -> str:
    """The head of a column whose cells do without their unit.

    >>> headed("Change", "points"), headed("Change", "")
    ('Change, points', 'Change')
    """
    return f"{words}, {unit}" if unit else words


def capital(name: str) -> str:
    """A name at the beginning of a title; IoU stays as it is."""
    return name[:1].upper() + name[1:]


def minus(text: str) -> str:
    """A sentence of the runner, whose minus signs are hyphens, as the numbers beside it are written.

    >>> minus("-0.005 bits, of openvino-int8")
    '−0.005 bits, of openvino-int8'
    """
    return re.sub(r"(?<!\S)-(?=\d)", MINUS, text)


def signed(value: float, decimals: int = 2) -> str:
    """A number with its sign; what rounds to zero has none."""
    text = f"{abs(value):.{decimals}f}"
    if float(text) == 0:
        return text
    return ("+" if value > 0 else MINUS) + text


def scored(metric: Metric, summary: Summary) -> str:
    """A mean score with its interval, where there is one.

    >>> from ..lottery.metric import ACCURACY
    >>> scored(ACCURACY, Summary(mean=0.97, se=0.002, low=0.965, high=0.975, n=5))
    '97.00\\xa0% [96.50, 97.50]'
    """
    return value(metric, summary.mean) + _between(summary, metric.scale, metric.decimals)


def updates(summary: Summary) -> str:
    """A mean iteration with its interval, where there is one."""
    return f"{summary.mean:,.0f}" + _between(summary, 1, 0)


def bounds(metric: Metric, difference: Difference) -> str:
    """Both one-sided bounds of a difference, without its unit."""
    return change_between(metric, difference.low, difference.high) or NONE


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


def dollars(amount: float) -> str:
    """Money, to three significant digits where there is less than a dollar's worth of it to round.

    >>> dollars(1234.5), dollars(12.3456), dollars(0.0123456), dollars(0.0000012), dollars(0)
    ('$1,234', '$12.35', '$0.0123', '$0.00000120', '$0')
    """
    if amount <= 0:
        return "$0" if amount == 0 else f"{MINUS}{dollars(-amount)}"
    if amount >= 1:
        return f"${amount:,.2f}" if amount < 100 else f"${amount:,.0f}"
    return f"${amount:.{2 - floor(log10(amount))}f}"


def roughly(count: float) -> str:
    """A number of things, to three significant digits.

    >>> roughly(1234567), roughly(2.345e9), roughly(56.78)
    ('1,230,000', '2,340,000,000', '56.8')
    """
    return f"{count:.3g}" if count < 100 else f"{float(f'{count:.3g}'):,.0f}"


def size(count: int) -> str:
    """Bytes, in the unit that a reader would choose.

    >>> size(512), size(96_384), size(540_000_000)
    ('512 B', '96.4 kB', '540 MB')
    """
    unit, value = next(((u, count / n) for u, n in _SIZES if count >= n), ("B", float(count)))
    return f"{roughly(value)} {unit}"


_SIZES = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))
_UNITS = (("s", 1), ("min", 60), ("h", 3600))


def _between(summary: Summary, scale: float, decimals: int) -> str:
    if summary.low is None or summary.high is None:
        return ""
    low, high = (f"{scale * end:,.{decimals}f}".replace("-", MINUS) for end in (summary.low, summary.high))
    return f" [{low}, {high}]"
