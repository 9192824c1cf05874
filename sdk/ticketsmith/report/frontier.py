"""The frontier: score against what a network costs, dense, ticket and ladder, in fp32 and in int8. As inline SVG.

One picture for each cost. A further one is a line in `costs`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, floor, log10

from ..lottery.metric import Metric
from ..lottery.results import Quantized, Summary
from . import ladder
from .arms import ARMS, SQUARE
from .axes import spread, thin, ticks
from .cost import cost
from .curve import DIGIT
from .findings import Findings
from .numbers import headed, number, roughly, scored
from .opponents import quantized, row_of, ticket_in_int8
from .svg import Element, element

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 460.0, 330.0, 52.0, 314.0, 40.0, 282.0
GAP = 16.0  # between the base lines of two labels
LABELS = 14  # that there is room for


@dataclass(frozen=True, kw_only=True)
class Point:
    """A network with its score, its weights, and its time if it was measured."""

    name: str
    look: str
    """Its colour, in style.css."""
    marker: str
    score: Summary
    passed: bool
    weights: int
    seconds: float | None
    """Of one example, in the headline's batch."""
    dollars: float | None = None
    """Of as many units as its `Axis` says."""


@dataclass(frozen=True)
class Axis:
    """An axis: what a network costs, more to the right."""

    name: str
    of: Callable[[Point], float | None]


def costs(findings: Findings) -> list[Axis]:
    """The costs that are known of this run."""
    known = [Axis("Prunable weights", lambda point: point.weights)]
    if findings.speed:
        batch = findings.speed.headline.batch_size
        known.append(Axis(f"Microseconds an example, batch {batch}", _microseconds))
    if (priced := cost(findings)) and priced.arms:
        known.append(Axis(f"$ per {priced.per:,} {priced.unit}s", lambda point: point.dollars))
    return known


def _microseconds(point: Point) -> float | None:
    return None if point.seconds is None else 1e6 * point.seconds


def frontier(findings: Findings) -> list[Element]:
    """A picture for each cost; none where the run has no ladder."""
    if not ladder.steps(findings) or findings.verdict("ticket", findings.target) is None:
        return []
    every = points(findings)
    return [picture(findings.metric, every, axis) for axis in costs(findings)]


def points(findings: Findings) -> list[Point]:
    """Dense, the ticket, both in int8 where that was judged, and the ladder."""
    shown, speed = findings.verdict("ticket", findings.target), findings.speed
    assert shown is not None and findings.dense_score is not None, "the ladder is judged beside the ticket"
    size = speed.headline.batch_size if speed else 1
    best = ladder.dense(speed).p50 / size if speed else None
    paid = {arm.arm: arm.dollars.mean for arm in priced.arms} if (priced := cost(findings)) else {}
    chosen = speed.headline.p50 / size if speed else None
    networks = [
        _point("dense", findings.dense_score, True, shown.prunable, best, paid),
        _point("ticket", shown.score, shown.status == "PASS", shown.kept, chosen, paid),
    ]
    if speed and (judged := quantized(speed)):
        networks.append(_in_int8("dense", judged, shown.prunable, row_of(speed, judged.backend).p50 / size, paid))
    if speed and (ours := ticket_in_int8(speed)) and ours[1]:
        networks.append(_in_int8("ticket", ours[1], shown.kept, ours[0].p50 / size, paid))
    for step in ladder.steps(findings):
        seconds = step.speed.p50 / size if step.speed else None
        passed = step.verdict.status == "PASS"
        networks.append(_point(step.arm.arm, step.verdict.score, passed, step.verdict.kept, seconds, paid))
    return networks


def _point(
    arm: str, score: Summary, passed: bool, weights: int, seconds: float | None, paid: Mapping[str, float]
) -> Point:
    look = arm if arm in ("dense", "ticket") else "smaller"
    return Point(
        name=ARMS[arm].name,
        look=look,
        marker=ARMS[arm].marker or SQUARE,
        score=score,
        passed=passed,
        weights=weights,
        seconds=seconds,
        dollars=paid.get(arm),
    )


def _in_int8(arm: str, judged: Quantized, weights: int, seconds: float, paid: Mapping[str, float]) -> Point:
    return Point(
        name=f"{arm.capitalize()} int8",
        look=arm,
        marker="M0 -5L5 0L0 5L-5 0Z",
        score=judged.score,
        passed=judged.status == "PASS",
        weights=weights,
        seconds=seconds,
        dollars=paid.get(f"{arm}-int8"),
    )


def picture(metric: Metric, every: list[Point], axis: Axis, *, best: bool = False) -> Element:
    """Scores against a cost, for those whose cost is known; with `best`, a line through what nothing else beats."""
    known = [(point, place) for point in every if (place := axis.of(point)) is not None]
    x, marks = _logarithmic([place for _, place in known])
    y, lines = _linear(metric, [point.score for point, _ in known])
    parts = [element("text", headed(f"Test {metric.name}", metric.unit), x=8, y=16, class_="name")]
    for value in lines:
        parts.append(element("path", d=f"M{LEFT:g} {y(value):.1f}H{RIGHT:g}", class_="grid"))
        words = number(metric, value / metric.scale)
        parts.append(element("text", words, x=LEFT - 8, y=y(value) + 4, text_anchor="end", class_="tick"))
    parts.append(element("path", d=f"M{LEFT:g} {BOTTOM:g}H{RIGHT:g}", class_="axis"))
    places, ends = [x(mark) for mark in marks], [_written(mark) for mark in marks]
    parts += [element("path", d=f"M{place:.1f} {BOTTOM:g}v5", class_="axis") for place in places]
    for index in thin(places, DIGIT * (1 + max(map(len, ends)))) if marks else ():
        at = {"x": places[index], "y": BOTTOM + 20, "text_anchor": "middle", "class_": "tick"}
        parts.append(element("text", ends[index], **at))
    parts.append(element("text", axis.name, x=(LEFT + RIGHT) / 2, y=HEIGHT - 6, text_anchor="middle", class_="name"))
    scale = metric.scale
    placed = [(point, x(place), y(scale * point.score.mean)) for point, place in known]
    kept = edge([(place, point.score.mean) for point, place in known if point.passed], metric.higher_is_better)
    if best and kept:
        line = "L".join(f"{x(place):.1f} {y(scale * score):.1f}" for place, score in kept)
        parts.append(element("path", d=f"M{line}", class_="edge"))
    parts += [_whisker(point, across, y, scale) for point, across, _ in placed]
    parts += [_mark(metric, point, across, down) for point, across, down in placed]
    few = len(placed) <= LABELS
    parts += _labels(
        [spot for spot, (point, place) in zip(placed, known, strict=True) if few or (place, point.score.mean) in kept]
    )
    label = f"Test {metric.name} against {axis.name}. The table below holds the same numbers."
    box = f"0 0 {WIDTH:g} {HEIGHT:g}"
    return element("svg", *parts, viewBox=box, role="img", aria_label=label, class_="frontier")


def _logarithmic(values: list[float]) -> tuple[Callable[[float], float], list[float]]:
    """Places on the axis of costs, and its marks: 1, 2 and 5 times powers of ten within what is shown."""
    low, high = log10(min(values)), log10(max(values))
    room = max(0.1, (high - low) * 0.08)
    low, high = low - room, high + room
    powers = range(floor(low), ceil(high) + 1)
    marks = [m * 10.0**power for power in powers for m in (1, 2, 5) if low <= log10(m * 10.0**power) <= high]
    return lambda value: LEFT + (RIGHT - LEFT) * (log10(value) - low) / (high - low), marks


def _written(mark: float) -> str:
    """A mark of the axis without an exponent.

    >>> _written(5e-06), _written(20000.0), _written(0.5)
    ('0.000005', '20,000', '0.5')
    """
    return roughly(mark) if mark >= 0.01 else f"{mark:.12f}".rstrip("0")


def _linear(metric: Metric, scores: list[Summary]) -> tuple[Callable[[float], float], list[float]]:
    """Places on the axis of scores, in shown units, and its lines."""
    ends = [end for s in scores for end in (s.mean, s.low, s.high) if end is not None]
    low, high = metric.scale * min(ends), metric.scale * max(ends)
    if metric.unit == "%" and 0 <= scores[0].mean <= 1:
        low, high = max(low, 0.0), min(high, 100.0)
    lines = ticks(low, high, metric.scale * metric.margin / 5)
    return lambda value: BOTTOM - (BOTTOM - TOP) * (value - lines[0]) / (lines[-1] - lines[0]), lines


def edge(places: list[tuple[float, float]], higher: bool) -> list[tuple[float, float]]:
    """Those of (cost, score) that no other one beats in both, cheapest first.

    >>> edge([(3, 98), (1, 97), (2, 96)], True)
    [(1, 97), (3, 98)]
    """
    kept: list[tuple[float, float]] = []
    for place in sorted(places, key=lambda place: (place[0], -place[1] if higher else place[1])):
        if not kept or (place[1] > kept[-1][1] if higher else place[1] < kept[-1][1]):
            kept.append(place)
    return kept


def _whisker(point: Point, across: float, y: Callable[[float], float], scale: float) -> Element:
    """The interval of a score; nothing where there is none."""
    score = point.score
    if score.low is None or score.high is None:
        return Element()
    d = f"M{across:.1f} {y(scale * score.low):.1f}V{y(scale * score.high):.1f}"
    return element("path", d=d, class_=f"whisker {point.look}")


def _mark(metric: Metric, point: Point, across: float, down: float) -> Element:
    """Filled where the gate said PASS, hollow otherwise; dense is what it is held against."""
    words = f"{point.name}: {scored(metric, point.score)}, {point.weights:,} weights"
    return element(
        "g",
        element("title", words),
        element("circle", r=11, class_="hit"),
        element("path", d=point.marker, class_=f"mark {point.look} {'pass' if point.passed else 'open'}"),
        transform=f"translate({across:.1f} {down:.1f})",
    )


def _labels(placed: list[tuple[Point, float, float]]) -> list[Element]:
    """Names right of the plot, each tied to its mark; where all are too many, of the best ones."""
    parts = []
    places = spread([down for _, _, down in placed], GAP, TOP, BOTTOM)
    for (point, across, down), place in zip(placed, places, strict=True):
        tie = f"M{across + 7:.1f} {down:.1f}L{RIGHT + 12:g} {place:.1f}"
        parts.append(element("path", d=tie, class_=f"tie {point.look}"))
        parts.append(element("text", point.name, x=RIGHT + 17, y=place + 4, class_=f"label {point.look}"))
    return parts
