"""The change of accuracy against its margin as one small picture: mean, bounds, every replicate, zero and margin."""

from ..lottery.results import Verdict
from .numbers import bounds, points
from .svg import element, text

WIDTH, HEIGHT = 220.0, 42.0


def forest(verdict: Verdict) -> str:
    """A strip with dense in its middle, wide enough for the margin, both bounds and each replicate, a dot."""
    difference, margin = verdict.difference, verdict.margin
    changes = [t - d for t, d in zip(verdict.test_score, verdict.dense_test_score, strict=True)]
    reach = [abs(v) for v in (difference.low, difference.high, difference.mean, *changes) if v is not None]
    scale = max(*reach, margin * 1.9, 1e-4) * 1.15

    def x(value: float) -> float:
        return WIDTH / 2 + WIDTH / 2 * value / scale

    parts = [
        element(
            "title", text(f"{points(difference.mean)} points, one-sided bounds {bounds(difference)}; dots: replicates")
        ),
        element("path", d=f"M0 12H{WIDTH:g}", class_="grid"),
        element("path", d=f"M{x(0):.1f} 3V27", class_="dense"),
        element("path", d=f"M{x(-margin):.1f} 3V27", class_="gate"),
        element("text", text("dense"), x=x(0) + 4, y=40, class_="tick"),
        element("text", text("margin"), x=x(-margin) - 4, y=40, text_anchor="end", class_="tick"),
    ]
    if difference.low is not None and difference.high is not None:
        parts.append(element("path", d=f"M{x(difference.low):.1f} 12H{x(difference.high):.1f}", class_="range"))
    parts += [element("circle", cx=x(change), cy=22, r=2.2, class_="replicate") for change in changes]
    parts.append(element("circle", cx=x(difference.mean), cy=12, r=4.5, class_="mean"))
    return element("svg", *parts, viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}", role="img", class_="forest")
