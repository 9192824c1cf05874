"""The change of the score against its margin as one small picture: mean, bounds, every replicate, zero and margin."""

from ..lottery.metric import Metric
from ..lottery.results import Verdict
from .numbers import bounds, change, unit
from .svg import Element, element

WIDTH, HEIGHT = 220.0, 42.0


def forest(metric: Metric, verdict: Verdict) -> Element:
    """A strip with dense in its middle, wide enough for the margin, both bounds and each replicate, a dot."""
    difference, margin = verdict.difference, metric.harm(verdict.margin)
    pairs = zip(verdict.test_score, verdict.dense_test_score, strict=True)
    changes = [t - d for t, d in pairs if t is not None and d is not None]
    reach = [abs(v) for v in (difference.low, difference.high, difference.mean, *changes) if v is not None]
    scale = max(*reach, verdict.margin * 1.9) * 1.15

    def x(value: float) -> float:
        return WIDTH / 2 + WIDTH / 2 * value / scale

    ends = bounds(metric, difference)
    words = f"{change(metric, difference.mean)}{unit(metric)}, one-sided bounds {ends}; dots: replicates"
    parts = [
        element("title", words),
        element("path", d=f"M0 12H{WIDTH:g}", class_="grid"),
        element("path", d=f"M{x(0):.1f} 3V27", class_="dense"),
        element("path", d=f"M{x(margin):.1f} 3V27", class_="gate"),
        _name("dense", x(0), right=margin < 0),
        _name("margin", x(margin), right=margin > 0),
    ]
    if difference.low is not None and difference.high is not None:
        parts.append(element("path", d=f"M{x(difference.low):.1f} 12H{x(difference.high):.1f}", class_="range"))
    parts += [element("circle", cx=x(dot), cy=22, r=2.2, class_="replicate") for dot in changes]
    parts.append(element("circle", cx=x(difference.mean), cy=12, r=4.5, class_="mean"))
    return element("svg", *parts, viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}", role="img", class_="forest")


def _name(words: str, x: float, *, right: bool) -> Element:
    """The name of a line, right or left of it, away from the other one."""
    anchor = {} if right else {"text_anchor": "end"}
    return element("text", words, x=x + 4 if right else x - 4, y=40, **anchor, class_="tick")
