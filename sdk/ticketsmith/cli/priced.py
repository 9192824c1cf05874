"""The cost of a run on a terminal, or as JSON."""

from rich.text import Text

from .. import cards
from ..errors import UsageError
from ..ledger import Ledger
from ..lottery.spec import Experiment
from ..lottery.steps import Gate
from ..prices import MORE, rates
from ..report import bill, collect, newest, terminal
from ..report.cost import cost
from ..runs import steps
from ..stores import Store
from .again import again
from .commands import command
from .consoles import console
from .options import Output
from .told import tell
from .voice import hint


def print_cost(
    store: Store, run: str, spec: Experiment, asked: tuple[str | None, str | None, float | None], output: Output
) -> int:
    """Figures at the price that was `asked` for: price, price list, units a day. Raises UsageError without one."""
    ledger = Ledger(store, run)
    if (priced := rates(*asked)) is None:
        raise UsageError("no price was given, and none is taken for granted", MORE)
    figures = cost(collect(ledger, spec, cards.read(ledger), priced))
    assert figures, "there are prices"
    if output is Output.json:
        told = figures.model_dump(mode="json") | {"sentence": bill.sentence(figures), "report": newest(store, run)}
        tell("cost", {"run": run, **told})
        return 0
    out = console()
    for source in [bill.arms(figures)] * bool(figures.arms) + [bill.search(figures)]:
        out.print(terminal.drawn(source))
        out.print()
    out.print(Text(bill.sentence(figures)))
    out.print(Text(bill.conditions(figures)))
    if figures.unit is None:
        judged = next((step for step in steps(ledger, spec) if step.kind == Gate.kind and ledger.done(step)), None)
        measure = command("benchmark", run, store=store.url)
        hint(measure if judged else again(spec, cards.read(ledger), store))
    return 0
