"""Runs side by side: what was asked otherwise, and what was found."""

import typer

from .. import cards
from ..ledger import Ledger
from ..lottery.price import Rates
from ..report import Findings, collect, newest, terminal
from ..report.compared import compared
from ..report.differences import differences
from ..report.outline import outline
from ..runs import find, spec_of
from ..stores import Store
from .consoles import console
from .options import Output
from .told import tell


def print_comparison(store: Store, names: list[str], rates: Rates | None, output: Output) -> int:
    """Print a column for each run."""
    runs = list(dict.fromkeys(find(store, name) for name in names))
    columns = [_findings(store, run, rates) for run in runs]
    if output is Output.json:
        told = [
            outline(column).model_dump(mode="json") | {"report": newest(store, column.run_id)} for column in columns
        ]
        tell("compare", {"runs": told, "differences": differences([column.spec for column in columns])})
        return 0
    console().print(terminal.drawn(compared(columns)))
    if len({column.speed.machine.cpu for column in columns if column.speed}) > 1:
        typer.echo("The speeds were measured on different processors: their ratios compare, their times do not.")
    return 0


def _findings(store: Store, run: str, rates: Rates | None) -> Findings:
    ledger = Ledger(store, run)
    return collect(ledger, spec_of(store, run), cards.read(ledger), rates)
