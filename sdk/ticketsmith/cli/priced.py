"""The cost of a run on a terminal, or as JSON."""

import json

import typer
from rich.text import Text

from .. import cards
from ..errors import UsageError
from ..ledger import Ledger
from ..lottery.spec import Experiment
from ..prices import MORE, rates
from ..report import bill, collect, terminal
from ..report.cost import cost
from ..stores import Store
from .commands import command
from .consoles import console
from .options import Output


def print_cost(
    store: Store, run: str, spec: Experiment, asked: tuple[str | None, str | None, float | None], output: Output
) -> int:
    """Figures at the price that was `asked` for: price, price list, units a day. Raises UsageError without one."""
    ledger = Ledger(store, run)
    if (priced := rates(*asked)) is None:
        raise UsageError("no price was given, and none is taken for granted", MORE)
    found = cost(collect(ledger, spec, cards.read(ledger), priced))
    assert found, "there are prices"
    if output is Output.json:
        document = found.model_dump(mode="json") | {"sentence": bill.sentence(found)}
        typer.echo(json.dumps(document, indent=2))
        return 0
    out = console()
    for source in [bill.arms(found)] * bool(found.arms) + [bill.search(found)]:
        out.print(terminal.drawn(source))
        out.print()
    out.print(Text(bill.sentence(found)))
    out.print(Text(bill.conditions(found)))
    if found.unit is None:
        typer.echo(f"next:   {command('benchmark', run, store=store.url)}", err=True)
    return 0
