"""The scorecard and the decision in a terminal."""

from typing import TYPE_CHECKING, get_args

from ..lottery.results import Status
from . import scorecard
from .decision import decide, remarks
from .findings import Findings
from .narrow import Fitted
from .sketch import sketch
from .table import Table, chosen

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

COLOURS = {
    "PASS": "green", "FAIL": "red", "UNDECIDED": "yellow", "INVALID": "bold red",
    "ADOPT": "bold green", "DO NOT ADOPT": "bold red", "INCONCLUSIVE": "bold yellow",
}  # fmt: skip
STATUSES: tuple[Status, ...] = get_args(Status)


def show(findings: Findings, console: "Console") -> None:
    """Print the scorecard and, below it, the decision sentence. Words say what colours do."""
    from rich.text import Text  # in here, because rich costs a tenth of a second that --help need not pay

    decision = decide(findings)
    console.print(drawn(scorecard.table(findings)))
    console.print()
    console.print(Text(decision.headline, style=COLOURS[decision.word]) + Text(f": {decision.why}."))
    for remark in remarks(findings):
        console.print(Text(remark))
    for number, line in enumerate(sketch(findings)):
        console.print(Text(line if number else f"\nDrawn from equal streams\n{line}"))


def coloured(line: str) -> "Text":
    """A line in which each word of a verdict has its colour."""
    from rich.text import Text

    text = Text(line)
    for word in STATUSES:
        text.highlight_regex(rf"\b{word}\b", COLOURS[word])
    return text


def drawn(source: Table) -> Fitted:
    """A table for a terminal, whose columns stand below each other where it is narrow."""
    from rich.table import Table as RichTable
    from rich.text import Text

    table = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")  # fits a terminal of 80
    for head, numeric in zip(source.heads, source.numeric, strict=True):
        table.add_column(head, justify="right" if numeric else "left", no_wrap=True)
    for row in source.rows:
        cells = zip(source.heads, row, strict=True)
        table.add_row(*(Text(cell) if chosen(head) else coloured(cell) for head, cell in cells))
    return Fitted(table)
