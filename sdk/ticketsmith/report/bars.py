"""Speed as bars, with its intervals: of tokens or images by arm, and of every back-end at each batch size."""

from dataclasses import dataclass

from ..lottery.results import Served, Speed
from .numbers import times
from .svg import Element, element

WIDTH, ROW, TOP, LABEL, ROOM = 360.0, 19.0, 26.0, 144.0, 42.0


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A ratio with its interval."""

    name: str
    ratio: float
    low: float
    high: float
    chosen: bool


def bars(speed: Speed) -> list[Element]:
    """A picture per batch size, all on one scale; the filled bar was chosen."""
    chosen = {(row.backend, row.batch_size) for row in speed.choices or [speed.headline]}
    panels: dict[int, list[Bar]] = {size: [] for size in sorted({row.batch_size for row in speed.rows})}
    for row in speed.rows:
        filled = (row.backend, row.batch_size) in chosen
        bar = Bar(name=row.backend, ratio=row.ratio, low=row.low, high=row.high, chosen=filled)
        panels[row.batch_size].append(bar)
    most = max(row.high for row in speed.rows)
    return [_panel(f"batch {size}", panel, most) for size, panel in panels.items()]


def served(timed: Served, counts: str) -> str:
    """Units a second of each arm over dense in fp32; filled: the arm that `counts`. Nothing without dense."""
    ratios = [(row.arm, timed.ratio(row.arm, "dense")) for row in timed.rows]
    panel = [Bar(name="dense", ratio=1.0, low=1.0, high=1.0, chosen=False)] if timed.row("dense") else []
    panel += [
        Bar(name=arm, ratio=ratio.ratio, low=ratio.low, high=ratio.high, chosen=arm == counts)
        for arm, ratio in ratios
        if ratio
    ]
    return _panel(f"{timed.unit}s a second", panel, max(bar.high for bar in panel)) if len(panel) > 1 else ""


def _panel(name: str, rows: list[Bar], most: float) -> Element:
    """Bars in their order; the line is what they are compared with."""
    scale = (WIDTH - LABEL - ROOM) / max(most, 1)
    bottom, one = TOP + ROW * len(rows), LABEL + scale
    parts = [
        element("title", f"{name}: {', '.join(f'{bar.name} {times(bar.ratio)}' for bar in rows)}"),
        element("text", name, x=0, y=12, class_="panel-name"),
    ]
    for n, bar in enumerate(rows):
        parts += _bar(bar, TOP + ROW * n, scale)
    parts.append(element("path", d=f"M{one:.1f} {TOP - 4:.1f}V{bottom:.1f}", class_="dense"))
    return element("svg", *parts, viewBox=f"0 0 {WIDTH:g} {bottom + 2:g}", role="img", class_="bars")


def _bar(bar: Bar, y: float, scale: float) -> list[Element]:
    end, middle = LABEL + bar.ratio * scale, y + 2 + (ROW - 7) / 2
    low, high = (LABEL + bound * scale for bound in (bar.low, bar.high))
    look, beyond = "chosen" if bar.chosen else "other", max(end, LABEL + scale, high) + 5
    return [
        element("text", bar.name, x=LABEL - 7, y=y + 11.5, text_anchor="end", class_=f"tick {look}"),
        element("rect", x=LABEL, y=y + 2, width=max(end - LABEL, 1.0), height=ROW - 7, class_=f"bar {look}"),
        element("path", d=f"M{low:.1f} {middle:.1f}H{high:.1f}", class_=f"whisker {look}"),
        element("text", times(bar.ratio), x=beyond, y=y + 11.5, class_=f"tick {look}"),
    ]
