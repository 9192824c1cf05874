"""Score against sparsity as inline SVG: ticket and controls with 95 % bands, dense, gate margin, and zones."""

from dataclasses import dataclass, replace

from ..lottery.metric import Metric
from ..lottery.results import Verdict
from .arms import ARMS
from .axes import Frame, spread, thin, ticks
from .findings import Findings
from .numbers import headed, number, removed, scored
from .svg import Element, element
from .zones import Zones, zones

GAP = 17.0  # between the base lines of two labels
DIGIT = 6.4  # width of a character of a tick


@dataclass(frozen=True, kw_only=True)
class Size:
    """The picture's size and margins, in SVG units; text is 12 to 13 units high."""

    width: float
    height: float
    left: float
    labels: float
    """Room for the labels right of the plot."""


WIDE = Size(width=920, height=420, left=58, labels=190)
NARROW = Size(width=370, height=380, left=36, labels=124)


def curve(findings: Findings, size: Size = WIDE) -> str:
    """The chart, or nothing while no level was judged. Line styles, markers and words carry what colours do."""
    if not _judged(findings) or findings.dense_score is None:
        return ""
    frame = _frame(findings, size)
    parts = [
        *_across(frame, findings.metric),
        *_below(frame, findings, size),
        *_zones(frame, zones(findings.arm("ticket")), size),
        *_references(frame, findings),
    ]
    for arm in (*reversed(findings.controls), "ticket"):
        parts += _line(frame, findings, arm)
    label = f"Test {findings.metric.name} against the share of weights removed. "
    label += "The table of levels below holds the same numbers."
    box = f"0 0 {size.width:g} {size.height:g}"
    return element(
        "svg", *parts, *_labels(frame, findings, size), viewBox=box, role="img", aria_label=label, class_="curve"
    )


def _frame(findings: Findings, size: Size) -> Frame:
    assert findings.dense_score is not None
    metric, dense = findings.metric, findings.dense_score.mean
    values = [dense, _edge(findings)]
    judged = _judged(findings)
    for summary in (findings.dense_score, *(verdict.score for verdict in judged)):
        values += [summary.mean, *(v for v in (summary.low, summary.high) if v is not None)]
    low, high = (metric.scale * end for end in (min(values), max(values)))
    if metric.unit == "%" and 0 <= dense <= 1:  # a share: its intervals end where it does
        low, high = max(0.0, low), min(100.0, high)
    frame = Frame(
        left=size.left,
        right=size.width - size.labels,
        top=62,
        bottom=size.height - 52,
        sparsest=max(verdict.sparsity for verdict in judged),
        ticks=tuple(ticks(low, high, metric.scale * metric.margin / 5)),
    )
    return replace(frame, left=max(size.left, 10 + DIGIT * max(map(len, frame.numbers))))


def _judged(findings: Findings) -> list[Verdict]:
    """Verdicts on masks, which the chart has a place for."""
    return [verdict for arm in ("ticket", *findings.controls) for verdict in findings.arm(arm)]


def _edge(findings: Findings) -> float:
    """The score from which on a ticket has lost its margin."""
    assert findings.dense_score is not None
    return findings.dense_score.mean + findings.metric.harm(findings.verdicts[0].margin)


def _across(frame: Frame, metric: Metric) -> list[Element]:
    """The lines of the axis of scores, with its name."""
    parts = [element("text", headed(f"Test {metric.name}", metric.unit), x=8, y=16, class_="name")]
    for value, written in zip(frame.ticks, frame.numbers, strict=True):
        y = frame.y(value)
        parts.append(element("path", d=f"M{frame.left:g} {y:.1f}H{frame.right:g}", class_="grid"))
        parts.append(element("text", written, x=frame.left - 8, y=y + 4, text_anchor="end", class_="tick"))
    return parts


def _below(frame: Frame, findings: Findings, size: Size) -> list[Element]:
    """The sparsity axis: a mark per level, and as many numbers as there is room for."""
    parts = [element("path", d=f"M{frame.left:g} {frame.bottom:g}H{frame.right:g}", class_="axis")]
    sparsities = sorted({0.0, *(verdict.sparsity for verdict in findings.arm("ticket"))})
    places = [frame.x(sparsity) for sparsity in sparsities]
    for place in places:
        parts.append(element("path", d=f"M{place:.1f} {frame.bottom:g}v5", class_="axis"))
    for index in thin(places, 34):
        words = removed(sparsities[index]).split("\N{NO-BREAK SPACE}")[0] if index else "dense"
        parts.append(element("text", words, x=places[index], y=frame.bottom + 20, text_anchor="middle", class_="tick"))
    wide = size.width > 500
    across = (
        "Weights removed, % (one mark per round, logarithmic in the weights left)" if wide else "Weights removed, %"
    )
    middle = (frame.left + frame.right) / 2
    parts.append(element("text", across, x=middle, y=size.height - 10, text_anchor="middle", class_="name"))
    return parts


def _zones(frame: Frame, zone: Zones, size: Size) -> list[Element]:
    """Above the plot one line of text each, so that they cannot meet: first the safe zone, then the breaking point."""
    parts = []
    if zone.safe:
        edge = frame.x(zone.safe.sparsity)
        shape = {"x": frame.left, "y": frame.top, "width": edge - frame.left, "height": frame.bottom - frame.top}
        parts.append(element("rect", **shape, class_="safe"))
        parts.append(element("path", d=f"M{frame.left:g} {frame.top:g}H{edge:.1f}", class_="safe-edge"))
        words = f"Safe zone: {zone.safe_words}"
        parts.append(
            element("text", words, x=frame.left, y=frame.top - (25 if zone.breaking else 9), class_="safe-name")
        )
    if zone.breaking:
        x = frame.x(zone.breaking.sparsity)
        parts.append(element("path", d=f"M{x:.1f} {frame.top - 4:g}V{frame.bottom:g}", class_="breaking"))
        words = f"Breaking point: {zone.breaking_words}"
        anchor = "end" if x > size.width * 0.45 else "start"
        parts.append(element("text", words, x=x, y=frame.top - 9, text_anchor=anchor, class_="breaking-name"))
    return parts


def _references(frame: Frame, findings: Findings) -> list[Element]:
    assert findings.dense_score is not None
    scale = findings.metric.scale
    lines = {"dense": frame.y(scale * findings.dense_score.mean), "gate": frame.y(scale * _edge(findings))}
    return [element("path", d=f"M{frame.left:g} {y:.1f}H{frame.right:g}", class_=kind) for kind, y in lines.items()]


def _line(frame: Frame, findings: Findings, arm: str) -> list[Element]:
    """Band, line and markers of one arm. The ticket's line starts at dense, from which it was cut."""
    verdicts, scale = findings.arm(arm), findings.metric.scale
    assert findings.dense_score is not None
    means = [(0.0, findings.dense_score)] if arm == "ticket" else []
    means += [(verdict.sparsity, verdict.score) for verdict in verdicts]
    banded = [
        (frame.x(s), frame.y(scale * m.low), frame.y(scale * m.high))
        for s, m in means
        if m.low is not None and m.high is not None
    ]
    parts = []
    if len(banded) > 1:
        around = [(x, high) for x, _, high in banded] + [(x, low) for x, low, _ in reversed(banded)]
        parts.append(element("path", d=_path(around) + "Z", class_=f"band {arm}"))
    if len(means) > 1:
        line = _path([(frame.x(sparsity), frame.y(scale * summary.mean)) for sparsity, summary in means])
        parts.append(element("path", d=line, class_=f"line {arm}"))
    return parts + [_marker(frame, findings.metric, verdict) for verdict in verdicts]


def _path(points: list[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _marker(frame: Frame, metric: Metric, verdict: Verdict) -> Element:
    """Filled where the gate said PASS, hollow otherwise; the numbers are in its tooltip."""
    words = (
        f"{ARMS[verdict.arm].name}, level {verdict.level}, {removed(verdict.sparsity)} removed: "
        f"{scored(metric, verdict.score)}, n = {verdict.score.n}, {verdict.status}"
    )
    place = f"translate({frame.x(verdict.sparsity):.1f} {frame.y(metric.scale * verdict.score.mean):.1f})"
    look = "pass" if verdict.status == "PASS" else "open"
    return element(
        "g",
        element("title", words),
        element("circle", r=11, class_="hit"),
        element("path", d=ARMS[verdict.arm].marker, class_=f"mark {verdict.arm} {look}"),
        transform=place,
    )


def _labels(frame: Frame, findings: Findings, size: Size) -> list[Element]:
    """Names right of the plot, each tied to its line by a short stroke where it had to move."""
    assert findings.dense_score is not None
    metric, wide = findings.metric, size.width > 500
    named = [
        ("dense", findings.dense_score.mean, "Dense"),
        ("gate", _edge(findings), "Gate margin" if wide else "Gate"),
    ]
    for arm in ("ticket", *findings.controls):
        if judged := findings.arm(arm):
            named.append((arm, judged[-1].score.mean, ARMS[arm].name if wide else arm.capitalize()))
    lines = [frame.y(metric.scale * score) for _, score, _ in named]
    places = spread(lines, GAP, frame.top + 6, frame.bottom)
    parts = []
    for (kind, score, name), line, place in zip(named, lines, places, strict=True):
        tie = f"M{frame.right + 7:g} {line:.1f}L{frame.right + 17:g} {place:.1f}"
        parts.append(element("path", d=tie, class_=f"tie {kind}"))
        words = f"{name} {number(metric, score)}"
        parts.append(element("text", words, x=frame.right + 21, y=place + 4, class_=f"label {kind}"))
    return parts
