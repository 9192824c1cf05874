"""Accuracy against sparsity as inline SVG: ticket and controls with 95 % bands, dense, gate margin, and zones."""

from dataclasses import dataclass

from ..lottery.results import Verdict
from .axes import Frame, spread, thin, ticks
from .findings import Findings
from .numbers import accuracy, removed
from .scorecard import NAMES
from .svg import element, text
from .zones import Zones, zones

GAP = 17.0  # between the base lines of two labels


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
    if not findings.verdicts or findings.dense_score is None:
        return ""
    frame = _frame(findings, size)
    found = zones(findings.arm("ticket"))
    parts = [
        *_across(frame),
        *_below(frame, findings, size),
        *_zones(frame, found, size),
        *_references(frame, findings),
    ]
    for arm in (*reversed(findings.spec.controls), "ticket"):
        parts += _line(frame, findings, arm)
    label = "Test accuracy against the share of weights removed. The table of levels below holds the same numbers."
    box = f"0 0 {size.width:g} {size.height:g}"
    return element(
        "svg", *parts, *_labels(frame, findings, size), viewBox=box, role="img", aria_label=label, class_="curve"
    )


def _frame(findings: Findings, size: Size) -> Frame:
    assert findings.dense_score is not None
    dense, margin = findings.dense_score.mean, findings.verdicts[0].margin
    values = [dense, dense - margin]
    for summary in (findings.dense_score, *(verdict.score for verdict in findings.verdicts)):
        values += [summary.mean, *(v for v in (summary.low, summary.high) if v is not None)]
    sparsest = max(verdict.sparsity for verdict in findings.verdicts)
    return Frame(
        left=size.left,
        right=size.width - size.labels,
        top=62,
        bottom=size.height - 52,
        sparsest=sparsest,
        ticks=tuple(ticks(max(0.0, min(values)), min(1.0, max(values)))),
    )


def _across(frame: Frame) -> list[str]:
    """The lines of the accuracy axis, with its name."""
    parts = [element("text", text("Test accuracy, %"), x=8, y=16, class_="name")]
    step = frame.ticks[1] - frame.ticks[0]
    decimals = 0 if step >= 0.0099 else 1 if step >= 0.00099 else 2
    for value in frame.ticks:
        y = frame.y(value)
        parts.append(element("path", d=f"M{frame.left:g} {y:.1f}H{frame.right:g}", class_="grid"))
        words = text(f"{100 * value:.{decimals}f}")
        parts.append(element("text", words, x=frame.left - 8, y=y + 4, text_anchor="end", class_="tick"))
    return parts


def _below(frame: Frame, findings: Findings, size: Size) -> list[str]:
    """The sparsity axis: a mark per level, and as many numbers as there is room for."""
    parts = [element("path", d=f"M{frame.left:g} {frame.bottom:g}H{frame.right:g}", class_="axis")]
    sparsities = sorted({0.0, *(verdict.sparsity for verdict in findings.verdicts)})
    places = [frame.x(sparsity) for sparsity in sparsities]
    for place in places:
        parts.append(element("path", d=f"M{place:.1f} {frame.bottom:g}v5", class_="axis"))
    for index in thin(places, 34):
        words = text(removed(sparsities[index]).split("\N{NO-BREAK SPACE}")[0] if index else "dense")
        parts.append(element("text", words, x=places[index], y=frame.bottom + 20, text_anchor="middle", class_="tick"))
    wide = size.width > 500
    across = (
        "Weights removed, % (one mark per round, logarithmic in the weights left)" if wide else "Weights removed, %"
    )
    middle = (frame.left + frame.right) / 2
    parts.append(element("text", text(across), x=middle, y=size.height - 10, text_anchor="middle", class_="name"))
    return parts


def _zones(frame: Frame, found: Zones, size: Size) -> list[str]:
    """Above the plot one line of text each, so that they cannot meet: first the safe zone, then the breaking point."""
    parts = []
    if found.safe:
        edge = frame.x(found.safe.sparsity)
        shape = {"x": frame.left, "y": frame.top, "width": edge - frame.left, "height": frame.bottom - frame.top}
        parts.append(element("rect", **shape, class_="safe"))
        parts.append(element("path", d=f"M{frame.left:g} {frame.top:g}H{edge:.1f}", class_="safe-edge"))
        words = text(f"Safe zone: {found.safe_words}")
        parts.append(
            element("text", words, x=frame.left, y=frame.top - (25 if found.breaking else 9), class_="safe-name")
        )
    if found.breaking:
        x = frame.x(found.breaking.sparsity)
        parts.append(element("path", d=f"M{x:.1f} {frame.top - 4:g}V{frame.bottom:g}", class_="breaking"))
        words = text(f"Breaking point: {found.breaking_words}")
        anchor = "end" if x > size.width * 0.45 else "start"
        parts.append(element("text", words, x=x, y=frame.top - 9, text_anchor=anchor, class_="breaking-name"))
    return parts


def _references(frame: Frame, findings: Findings) -> list[str]:
    assert findings.dense_score is not None
    dense = findings.dense_score.mean
    return [
        element("path", d=f"M{frame.left:g} {frame.y(dense):.1f}H{frame.right:g}", class_="dense"),
        element(
            "path",
            d=f"M{frame.left:g} {frame.y(dense - findings.verdicts[0].margin):.1f}H{frame.right:g}",
            class_="gate",
        ),
    ]


def _line(frame: Frame, findings: Findings, arm: str) -> list[str]:
    """Band, line and markers of one arm. The ticket's line starts at dense, from which it was cut."""
    verdicts = findings.arm(arm)
    assert findings.dense_score is not None
    means = [(0.0, findings.dense_score)] if arm == "ticket" else []
    means += [(verdict.sparsity, verdict.score) for verdict in verdicts]
    banded = [
        (frame.x(s), frame.y(m.low), frame.y(m.high)) for s, m in means if m.low is not None and m.high is not None
    ]
    parts = []
    if len(banded) > 1:
        around = [(x, high) for x, _, high in banded] + [(x, low) for x, low, _ in reversed(banded)]
        parts.append(element("path", d=_path(around) + "Z", class_=f"band {arm}"))
    if len(means) > 1:
        line = _path([(frame.x(sparsity), frame.y(summary.mean)) for sparsity, summary in means])
        parts.append(element("path", d=line, class_=f"line {arm}"))
    return parts + [_marker(frame, verdict) for verdict in verdicts]


def _path(points: list[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


SHAPES = {
    "ticket": "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0Z",
    "reinit": "M-4 -4h8v8h-8Z",
    "random": "M0 -5L5 4H-5Z",
    "lr-rewind": "M0 -5.5L5.5 0L0 5.5L-5.5 0Z",
    "finetune": "M0 5L5 -4H-5Z",
}


def _marker(frame: Frame, verdict: Verdict) -> str:
    """Filled where the gate said PASS, hollow otherwise; the numbers are in its tooltip."""
    words = (
        f"{NAMES[verdict.arm]}, level {verdict.level}, {removed(verdict.sparsity)} removed: "
        f"{accuracy(verdict.score)}, n = {verdict.score.n}, {verdict.status}"
    )
    place = f"translate({frame.x(verdict.sparsity):.1f} {frame.y(verdict.score.mean):.1f})"
    look = "pass" if verdict.status == "PASS" else "open"
    return element(
        "g",
        element("title", text(words)),
        element("circle", r=11, class_="hit"),
        element("path", d=SHAPES[verdict.arm], class_=f"mark {verdict.arm} {look}"),
        transform=place,
    )


def _labels(frame: Frame, findings: Findings, size: Size) -> list[str]:
    """Names right of the plot, each tied to its line by a short stroke where it had to move."""
    assert findings.dense_score is not None
    dense, wide = findings.dense_score.mean, size.width > 500
    named = [
        ("dense", dense, "Dense"),
        ("gate", dense - findings.verdicts[0].margin, "Gate margin" if wide else "Gate"),
    ]
    for arm in ("ticket", *findings.spec.controls):
        if judged := findings.arm(arm):
            named.append((arm, judged[-1].score.mean, NAMES[arm] if wide else arm.capitalize()))
    lines = [frame.y(value) for _, value, _ in named]
    places = spread(lines, GAP, frame.top + 6, frame.bottom)
    parts = []
    for (kind, value, name), line, place in zip(named, lines, places, strict=True):
        tie = f"M{frame.right + 7:g} {line:.1f}L{frame.right + 17:g} {place:.1f}"
        parts.append(element("path", d=tie, class_=f"tie {kind}"))
        words = text(f"{name} {100 * value:.2f}")
        parts.append(element("text", words, x=frame.right + 21, y=place + 4, class_=f"label {kind}"))
    return parts
