"""`ticketsmith submit`: an experiment on a cluster."""

from typing import TYPE_CHECKING, Annotated

import typer

from .options import (
    Config,
    MaxReplicates,
    Output,
    OutputKind,
    Replicates,
    Seed,
    Set,
    Sparsity,
    StopOnFail,
    StoreUrl,
    Task,
    finite,
    read,
)

if TYPE_CHECKING:
    from ..lottery.spec import Experiment

app = typer.Typer(help="Submit an experiment to Argo Workflows; submit it again to resume it.", no_args_is_help=True)

ProfileName = Annotated[
    str | None, typer.Option("--profile", help="Machines: t4, l4, cpu, local. [default: the one that is installed]")
]
MaxHours = Annotated[
    float | None, typer.Option(min=0.01, max=720, callback=finite, help="End the workflow then. [default: 24]")
]
Price = Annotated[
    float | None,
    typer.Option(
        min=0,
        callback=finite,
        envvar="TICKETSMITH_PRICE",
        help="Dollars for an hour of one machine with its GPU, for the plan.",
    ),
]
Watch = Annotated[bool, typer.Option("--watch", help="Show the rounds live, to the end.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the end; exit code: the verdict.")]
Logs = Annotated[bool, typer.Option("--logs", help="Print what the pods print, to the end.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print plan and workflow, submit nothing, ask no cluster.")]


@app.command()
def imp(
    config: Config = None,
    task: Task = None,
    sparsity: Sparsity = None,
    replicates: Replicates = None,
    max_replicates: MaxReplicates = None,
    seed: Seed = None,
    set: Set = None,
    stop_on_fail: StopOnFail = False,
    store: StoreUrl = "runs",
    profile: ProfileName = None,
    max_hours: MaxHours = None,
    price: Price = None,
    watch: Watch = False,
    wait: Wait = False,
    logs: Logs = False,
    output: OutputKind = Output.text,
    dry_run: DryRun = False,
) -> int:
    """Iterative magnitude pruning on a cluster, a pod for each arm of each round.

    Exit code: 0 once submitted. With --watch or --wait: 0 PASS, 1 FAIL, 7 UNDECIDED, 8 INVALID; that of a failed step.
    """
    flags = {"task": task, "pruning.sparsity": sparsity, "seed": seed, "stop_on_fail": stop_on_fail or None}
    spec = read(config, set, flags, replicates, max_replicates)
    return _submit(spec, "imp", store, profile, max_hours, price, (watch, wait, logs), output, dry_run)


@app.command()
def dense(
    config: Config = None,
    task: Task = None,
    sparsity: Sparsity = None,
    replicates: Replicates = None,
    max_replicates: MaxReplicates = None,
    seed: Seed = None,
    set: Set = None,
    store: StoreUrl = "runs",
    profile: ProfileName = None,
    max_hours: MaxHours = None,
    price: Price = None,
    watch: Watch = False,
    wait: Wait = False,
    logs: Logs = False,
    output: OutputKind = Output.text,
    dry_run: DryRun = False,
) -> int:
    """The dense baseline alone. `submit imp` with the same spec goes on from there."""
    spec = read(config, set, {"task": task, "pruning.sparsity": sparsity, "seed": seed}, replicates, max_replicates)
    return _submit(spec, "train", store, profile, max_hours, price, (watch, wait, logs), output, dry_run)


def _submit(
    spec: "Experiment",
    kind: str,
    store: str,
    profile: str | None,
    max_hours: float | None,
    price: float | None,
    stay: tuple[bool, bool, bool],
    output: Output,
    dry_run: bool,
) -> int:
    from ..executors.argo import check
    from ..hardware import profile_named
    from ..stores import open_store
    from .forecast import EXAMPLE, forecast, print_dry

    check(opened := open_store(store), spec)
    if dry_run:
        plan = forecast(spec, kind, profile_named(profile or EXAMPLE), max_hours, price)
        print_dry(plan, spec, opened, kind, None if max_hours is None else round(max_hours * 3600), output)
        return 0
    from ..argo import connect
    from ..ledger import Ledger
    from ..plans import held
    from ..specs import run_id
    from .attach import attach, conclude_store
    from .start import announce, start

    argo = connect()
    spec = held(Ledger(opened, run_id(spec)), spec)
    submission, told = start(argo, opened, spec, kind=kind, profile=profile, hours=max_hours, price=price)
    watch, wait, logs = stay
    staying = watch or wait or logs
    if not (staying and output is Output.json):
        announce(told, output)
    if not staying:
        return 0
    if submission is None:
        return conclude_store(opened, run_id(spec), spec, output, told)
    watch = watch and output is Output.text
    return attach(argo, submission.name, watch=watch, logs=logs, output=output, told=told)
