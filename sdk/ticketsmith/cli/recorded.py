"""Runs that have begun: `list`, `status`, `show`, `compare`, `delete`, `resume`.

`list`, `status` and `resume` answer from the store, or, with `--cluster` or where ARGO_SERVER is set, from Argo; a
`--store` on the command line means that store.
"""

import os
from typing import Annotated

import typer

from .completion import run_id
from .options import (
    DataRoot,
    MachinePrice,
    MaxCost,
    MaxHours,
    OtherVersions,
    Output,
    OutputKind,
    PerDay,
    Price,
    PriceList,
    RunId,
    StoreUrl,
    Workers,
    named,
)

Cluster = Annotated[
    bool | None,
    typer.Option("--cluster/--no-cluster", help="Ask Argo, not the store. [default: where ARGO_SERVER is set]"),
]
Runs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...",
        callback=lambda runs: [named(run) for run in runs],
        help="Ids, names or beginnings of ids.",
        autocompletion=run_id,
    ),
]
Tagged = Annotated[list[str] | None, typer.Option("--tag", help="Only runs with this tag; repeat for several.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def list_runs(
    context: typer.Context,
    tag: Tagged = None,
    store: StoreUrl = "runs",
    cluster: Cluster = None,
    output: OutputKind = Output.text,
) -> int:
    """List the runs of the store, newest first; on a cluster its workflows, oldest first."""
    if _on_cluster(context, cluster):
        _refuse(context, "tag")
        from ..argo import connect
        from .status import print_list

        print_list(connect(), output)
        return 0
    from ..stores import open_store
    from .listing import print_entries

    return print_entries(open_store(store), tag or [], output)


def status(
    context: typer.Context,
    run: RunId,
    store: StoreUrl = "runs",
    cluster: Cluster = None,
    output: OutputKind = Output.text,
) -> int:
    """Show the rounds of a run as they are now."""
    if _on_cluster(context, cluster):
        from ..argo import connect
        from ..executors.argo import latest
        from .status import print_status

        argo = connect()
        print_status(argo, latest(argo, run)["metadata"]["name"], output)
        return 0
    from ..stores import open_store
    from .course import print_course

    return print_course(open_store(store), run, output)


def show(run: RunId, store: StoreUrl = "runs", output: OutputKind = Output.text) -> int:
    """Show all of a run on one screen: scorecard, decision, the command that leads to it. Nothing is written."""
    from ..stores import open_store
    from .course import print_whole

    return print_whole(open_store(store), run, output)


def compare(
    runs: Runs,
    store: StoreUrl = "runs",
    price: Price = None,
    prices: PriceList = None,
    requests_per_day: PerDay = None,
    output: OutputKind = Output.text,
) -> int:
    """Set runs side by side: what was asked otherwise, verdicts, speed and, at a price, dollars."""
    from ..prices import rates
    from ..stores import open_store
    from .comparison import print_comparison

    return print_comparison(open_store(store), runs, rates(price, prices, requests_per_day), output)


def delete(run: RunId, yes: Yes = False, store: StoreUrl = "runs", output: OutputKind = Output.text) -> int:
    """Delete a run for good. Code, weights and data stay, as other runs may use them."""
    from ..stores import open_store
    from .removal import remove

    return remove(open_store(store), run, yes, output)


def resume(
    context: typer.Context,
    run: RunId,
    store: StoreUrl = "runs",
    data_root: DataRoot = "data",
    workers: Workers = None,
    other_versions: OtherVersions = False,
    cluster: Cluster = None,
    max_hours: MaxHours = None,
    max_cost: MaxCost = None,
    price: MachinePrice = None,
    prices: PriceList = None,
    output: OutputKind = Output.text,
) -> int:
    """Go on with a run to its end, as it was begun: finished steps are kept. Exit code: that of `run imp`.

    On a cluster, one that waits although nothing is in its way is looked at again.
    """
    if _on_cluster(context, cluster):
        _refuse(context, "data_root", "workers", "other_versions")
        from ..argo import connect
        from .steer import Asked as Limited
        from .steer import go_on

        typed = _given(context, "price") or _given(context, "prices")
        limited = Limited(hours=max_hours, cost=max_cost, price=price, prices=prices, typed=typed)
        return go_on(connect(), run, limited, output)
    for name in ("max_hours", "max_cost", "price", "prices"):
        if _given(context, name):
            raise typer.BadParameter("it limits a workflow: say --cluster", param_hint=f"--{name.replace('_', '-')}")
    from .asked import Asked
    from .onward import go_on_here

    asked = Asked(store=store, data_root=data_root, output=output)
    return go_on_here(asked, run, workers, other_versions)


def _refuse(context: typer.Context, *names: str) -> None:
    """Raises BadParameter for an option of the command line that Argo has no use for."""
    for name in names:
        if _given(context, name):
            option = f"--{name.replace('_', '-')}"
            raise typer.BadParameter("it is for runs of a store: say --no-cluster", param_hint=option)


def _given(context: typer.Context, name: str) -> bool:
    """True for what stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _on_cluster(context: typer.Context, asked: bool | None) -> bool:
    """As it was asked; else not where a store was named; else as the environment says."""
    if asked is not None:
        return asked
    return bool(os.environ.get("ARGO_SERVER")) and not _given(context, "store")
