"""`ticketsmith report`, `gate` and `benchmark`: what a run has found."""

from typing import Annotated

import typer

from .options import AnyRun, DataRoot, Output, OutputKind, Replicate, RunId, StoreUrl


def report(
    run: AnyRun = None,
    store: StoreUrl = "runs",
    output: OutputKind = Output.text,
) -> int:
    """Write the report of a run (HTML, Markdown, JSON) and print its scorecard."""
    from ..runs import chosen, spec_of
    from ..stores import open_store
    from .show import show

    opened = open_store(store)
    for each in chosen(opened, run):
        show(opened, each, spec_of(opened, each), output)
    return 0


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
