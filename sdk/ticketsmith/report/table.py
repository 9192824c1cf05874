"""A table as data, so that HTML and Markdown say the same."""

from ..lottery.results import Record


class Table(Record):
    """Heads and cells as plain text; `numeric` columns are set flush right."""

    heads: list[str]
    numeric: list[bool]
    rows: list[list[str]]


GAP = 2  # between columns of a terminal


def width(table: Table) -> int:
    """Columns of a terminal that a table takes."""
    columns = zip(table.heads, *table.rows, strict=True)
    return sum(max(map(len, column)) for column in columns) + GAP * (len(table.heads) - 1)


def without(table: Table, head: str) -> Table:
    """The table less a column.

    >>> without(Table(heads=["a", "b"], numeric=[False, True], rows=[["x", "1"]]), "a")
    Table(heads=['b'], numeric=[True], rows=[['1']])
    """
    place = table.heads.index(head)
    rows = [row[:place] + row[place + 1 :] for row in table.rows]
    heads, numeric = ([*whole[:place], *whole[place + 1 :]] for whole in (table.heads, table.numeric))
    return Table(heads=heads, numeric=numeric, rows=rows)


def chosen(head: str) -> bool:
    """True for the column of words that a user chose: PASS among them is no verdict."""
    return head.lower() == "name"
