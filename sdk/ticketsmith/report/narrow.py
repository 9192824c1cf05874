"""Tables on a terminal that is too narrow for them: line by line, so that no number is cut and no column is lost."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table

ANY = 10_000  # columns, more than a table has


class Fitted:
    """A table where it fits; elsewhere its rows one below the other, a line for each cell."""

    def __init__(self, table: "Table") -> None:
        self.table = table

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[RenderableType]":
        from rich.measure import Measurement

        if Measurement.get(console, options.update(max_width=ANY), self.table).maximum <= options.max_width:
            yield self.table
        else:
            yield from self._lines()

    def _lines(self) -> "Iterator[RenderableType]":
        from rich.text import Text

        heads = [str(column.header) for column in self.table.columns]
        for row in zip(*(column.cells for column in self.table.columns), strict=True):
            for place, (head, cell) in enumerate(zip(heads, row, strict=True)):
                text = cell if isinstance(cell, Text) else Text(str(cell))
                if text:
                    yield Text(f"{head}: " if place else "", overflow="fold") + text
