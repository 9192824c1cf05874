"""`ticketsmith fetch` and `best`: a run's artifacts on this machine, and the ticket among them."""

from typing import Annotated

import typer

from .options import Output, OutputKind, RunId, StoreUrl

Source = Annotated[
    str | None,
    typer.Option(
        "--store",
        "--runs-prefix",
        envvar="TICKETSMITH_STORE",
        help="Folder of the runs, or gs://bucket/prefix. [default: that of the run's workflow]",
    ),
]
Target = Annotated[str, typer.Option("--to", help="Store to copy into: a folder, or gs://bucket/prefix.")]


def fetch(run: RunId, store: Source = None, to: Target = "runs", output: OutputKind = Output.text) -> int:
    """Copy a run out of a bucket, verified against its manifests; what is here already is compared, not replaced."""
    from .copying import copy

    copy(run, store, to, output)
    return 0


def best(run: RunId, store: StoreUrl = "runs", output: OutputKind = Output.text) -> int:
    """Name the best ticket of a run: the sparsest up to which every round passed.

    Exit code: 0, or that of the first round's verdict where it did not pass.
    """
    from ..runs import find, spec_of
    from ..stores import open_store
    from .winner import print_best

    opened = open_store(store)
    return print_best(opened, run_id := find(opened, run), spec_of(opened, run_id), output)
