"""A table as data, so that HTML and Markdown say the same."""

from ..lottery.results import Record


class Table(Record):
    """Heads and cells as plain text; `numeric` columns are set flush right."""

    heads: list[str]
    numeric: list[bool]
    rows: list[list[str]]
