"""`ticketsmith report`, `gate` and `benchmark`: what a run has found."""

from typing import Annotated

import typer

from .options import (
    AnyRun,
    Conclusion,
    ConclusionKind,
    DataRoot,
    Level,
    Output,
    OutputKind,
    PerDay,
    Price,
    PriceList,
    Replicate,
    RunId,
    StoreUrl,
)


def report(
    run: AnyRun = None,
    store: StoreUrl = "runs",
    output: OutputKind = Output.text,
    price: Price = None,
    prices: PriceList = None,
    requests_per_day: PerDay = None,
    open: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> int:
    """Write the report of a run (HTML, Markdown, JSON) and print its scorecard; with a price, what it costs too.

    Without a run: that of every run, and one page over all of them, in the folder of the runs.
    """
    from ..prices import rates
    from ..report import newest
    from ..runs import chosen, spec_of
    from ..stores import open_store
    from .show import show
    from .together import print_overview

    opened, priced = open_store(store), rates(price, prices, requests_per_day)
    runs = chosen(opened, run)
    if run is None:
        page = print_overview(opened, runs, priced, output)
    else:
        show(opened, runs[0], spec_of(opened, runs[0]), output, priced)
        page = newest(opened, runs[0]) or ""
    if open:
        from .browser import show_page

        show_page(page)
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
    run_id = find(opened, run)
    return print_cost(opened, run_id, spec_of(opened, run_id), (price, prices, requests_per_day), output)


def gate(run: RunId, store: StoreUrl = "runs", output: ConclusionKind = Conclusion.text) -> int:
    """Print the verdict at the target sparsity. Exit code: 0 PASS, 1 FAIL, 7 UNDECIDED, 8 INVALID."""
    from ..runs import find, spec_of
    from ..stores import open_store
    from .show import print_verdict

    opened = open_store(store)
    return print_verdict(opened, run_id := find(opened, run), spec_of(opened, run_id), output)


def benchmark(
    run: AnyRun = None,
    store: StoreUrl = "runs",
    data_root: DataRoot = "data",
    batch: Annotated[list[int] | None, typer.Option(help="Examples per call; repeat for several.")] = None,
    rounds: Annotated[int | None, typer.Option(help="Interleaved rounds.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of every back-end. [default: 1]")] = None,
    backends: Annotated[
        str | None, typer.Option(help="Sparse back-ends to time, separated by commas. Dense ones are always timed.")
    ] = None,
    replicate: Replicate = None,
    level: Level = None,
    output: OutputKind = Output.text,
) -> int:
    """Measure the ticket of a run against its dense network, on this machine."""
    from ..errors import UsageError
    from ..runs import chosen, data_folder, spec_of
    from ..specs import remeasured
    from ..stores import open_store
    from .measure import measure
    from .voice import note

    opened, measured, unjudged = open_store(store), 0, None
    for run_id in chosen(opened, run):
        named = backends.split(",") if backends else None
        given = {"batch_sizes": batch or None, "rounds": rounds, "threads": threads, "replicate": replicate}
        spec = remeasured(spec_of(opened, run_id), backends=named, **given)
        try:
            code = measure(opened, run_id, spec, data_folder(opened, run_id, data_root), output, level)
        except UsageError as error:  # perhaps one of many, which nothing was judged of
            unjudged = error
            note(f"{run_id}: {error.args[0]}")
            continue
        if code:
            return code
        measured += 1
    if unjudged and not measured:
        raise unjudged
    return 0
