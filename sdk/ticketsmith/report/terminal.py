"""The scorecard and the decision in a terminal."""

from typing import TYPE_CHECKING

from . import scorecard
from .decision import decide, remarks
from .findings import Findings
from .narrow import Fitted
from .sketch import sketch

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = {
    "PASS": "green", "FAIL": "red", "UNDECIDED": "yellow", "INVALID": "bold red",
    "ADOPT": "bold green", "DO NOT ADOPT": "bold red", "INCONCLUSIVE": "bold yellow",
}  # fmt: skip


def show(findings: Findings, console: "Console") -> None:
    """Print the scorecard and, below it, the decision sentence. Words say what colours do."""
    from rich.table import Table  # here, because rich costs a tenth of a second that --help need not pay
    from rich.text import Text

    source = scorecard.table(findings)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")  # fits a terminal of 80
    for head, numeric in zip(source.heads, source.numeric, strict=True):
        table.add_column(head, justify="right" if numeric else "left", no_wrap=True)
    for row in source.rows:
        table.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    decision = decide(findings)
    console.print(Fitted(table))
    console.print()
    console.print(Text(decision.headline, style=COLOURS[decision.word]) + Text(f": {decision.why}."))
    for remark in remarks(findings):
        console.print(Text(remark))
    for number, line in enumerate(sketch(findings)):
        console.print(Text(line if number else f"\nDrawn from equal streams\n{line}"))
