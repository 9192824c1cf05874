"""The speed of every back-end as bars, a small picture per batch size: how often as fast as the best dense one."""

from ..lottery.results import Speed, SpeedRow
from .numbers import times
from .svg import element, text

WIDTH, ROW, TOP, LABEL, ROOM = 340.0, 19.0, 26.0, 124.0, 42.0


def bars(speed: Speed) -> list[str]:
    """A picture per batch size, all on one scale."""
    sizes = sorted({row.batch_size for row in speed.rows})
    most = max(row.ratio for row in speed.rows)
    return [_panel(speed, size, (WIDTH - LABEL - ROOM) / max(most, 1)) for size in sizes]


def _panel(speed: Speed, size: int, scale: float) -> str:
    """Bars in the order of the table; the line is the best dense back-end, the filled bar what was chosen."""
    rows = [row for row in speed.rows if row.batch_size == size]
    chosen = {(row.backend, row.batch_size) for row in speed.choices or [speed.headline]}
    bottom, one = TOP + ROW * len(rows), LABEL + scale
    parts = [
        element("title", text(f"batch {size}: {', '.join(f'{row.backend} {times(row.ratio)}' for row in rows)}")),
        element("text", text(f"batch {size}"), x=0, y=12, class_="panel-name"),
    ]
    for n, row in enumerate(rows):
        parts += _bar(row, TOP + ROW * n, scale, (row.backend, size) in chosen)
    parts.append(element("path", d=f"M{one:.1f} {TOP - 4:.1f}V{bottom:.1f}", class_="dense"))
    return element("svg", *parts, viewBox=f"0 0 {WIDTH:g} {bottom + 2:g}", role="img", class_="bars")


def _bar(row: SpeedRow, y: float, scale: float, chosen: bool) -> list[str]:
    end = LABEL + row.ratio * scale
    look = "chosen" if chosen else "other"
    return [
        element("text", text(row.backend), x=LABEL - 7, y=y + 11.5, text_anchor="end", class_=f"tick {look}"),
        element("rect", x=LABEL, y=y + 2, width=max(end - LABEL, 1.0), height=ROW - 7, class_=f"bar {look}"),
        element("text", text(times(row.ratio)), x=max(end, LABEL + scale) + 5, y=y + 11.5, class_=f"tick {look}"),
    ]
