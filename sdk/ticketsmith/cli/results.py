"""`ticketsmith report`, `gate` and `benchmark`: what a run has found."""

from typing import Annotated

import typer

from .options import AnyRun, DataRoot, Output, OutputKind, PerDay, Price, PriceList, Replicate, RunId, StoreUrl


def report(
    run: AnyRun = None,
    store: StoreUrl = "runs",
    output: OutputKind = Output.text,
    price: Price = None,
    prices: PriceList = None,
    requests_per_day: PerDay = None,
) -> int:
    """Write the report of a run (HTML, Markdown, JSON) and print its scorecard; with a price, what it costs too."""
    from ..prices import rates
    from ..runs import chosen, spec_of
    from ..stores import open_store
    from .show import show

    opened, priced = open_store(store), rates(price, prices, requests_per_day)
    for each in chosen(opened, run):
        show(opened, each, spec_of(opened, each), output, priced)
    return 0


def cost(
    run: RunId,
    price: Price = None,
    prices: PriceList = None,
    requests_per_day: PerDay = None,
    store: StoreUrl = "runs",
    output: OutputKind = Output.text,
) -> int:
    """Say what a token, an image or an inference costs, dense and as a ticket, and when the search has paid for itself.

    Nothing is priced unless a price is given. Exit code 2: none is, or it is none.
    """
    from ..runs import find, spec_of
    from ..stores import open_store
    from .priced import print_cost

    opened = open_store(store)
    each = find(opened, run)
    return print_cost(opened, each, spec_of(opened, each), (price, prices, requests_per_day), output)


def gate(run: RunId, store: StoreUrl = "runs", output: OutputKind = Output.text) -> int:
    """Print the verdict at the target sparsity. Exit code: 0 PASS, 1 FAIL, 7 UNDECIDED, 8 INVALID."""
    from ..runs import find, spec_of
    from ..stores import open_store
    from .show import print_verdict

    opened = open_store(store)
    return print_verdict(opened, each := find(opened, run), spec_of(opened, each), output)


def benchmark(
    run: AnyRun = None,
    store: StoreUrl = "runs",
    data_root: DataRoot = "data",
    batch: Annotated[list[int] | None, typer.Option(help="Examples per call; repeat for several.")] = None,
    rounds: Annotated[int | None, typer.Option(help="Interleaved rounds.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of every back-end. [default: 1]")] = None,
    backends: Annotated[str | None, typer.Option(help="Of the ticket, comma-separated; dense ones always.")] = None,
    replicate: Replicate = None,
    output: OutputKind = Output.text,
) -> int:
    """Measure the ticket of a run against its dense network, on this machine."""
    from ..runs import chosen, spec_of
    from ..specs import remeasured
    from ..stores import open_store
    from .measure import measure

    opened = open_store(store)
    for each in chosen(opened, run):
        named = backends.split(",") if backends else None
        given = {"batch_sizes": batch or None, "rounds": rounds, "threads": threads, "replicate": replicate}
        spec = remeasured(spec_of(opened, each), backends=named, **given)
        if code := measure(opened, each, spec, data_root, output):
            return code
    return 0
