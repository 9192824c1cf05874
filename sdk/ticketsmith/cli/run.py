"""`ticketsmith run`: an experiment on this machine."""

from typing import TYPE_CHECKING, Annotated

import typer

from .options import (
    Config,
    DataRoot,
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
    Trainer,
    Workers,
    read,
)

if TYPE_CHECKING:
    from ..lottery.spec import Experiment

app = typer.Typer(help="Run an experiment on this machine; run it again to resume it.", no_args_is_help=True)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Print spec and steps, run nothing.")]


@app.command()
def imp(
    config: Config = None,
    task: Task = None,
    sparsity: Sparsity = None,
    replicates: Replicates = None,
    max_replicates: MaxReplicates = None,
    seed: Seed = None,
    trainer: Trainer = None,
    set: Set = None,
    stop_on_fail: StopOnFail = False,
    store: StoreUrl = "runs",
    data_root: DataRoot = "data",
    workers: Workers = None,
    output: OutputKind = Output.text,
    dry_run: DryRun = False,
) -> int:
    """Iterative magnitude pruning: train, prune, rewind, retrain, round by round, with a control beside each.

    Exit code: 0 PASS, 1 FAIL, 7 UNDECIDED, 8 INVALID at the target sparsity; 2 wrong usage or spec; others: README.
    """
    flags = {"task": task, "pruning.sparsity": sparsity, "seed": seed, "stop_on_fail": stop_on_fail or None}
    flags["training.trainer"] = trainer
    spec = read(config, set, flags, replicates, max_replicates)
    return _start(spec, store, data_root, workers, output, dry_run, until=None)


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
    data_root: DataRoot = "data",
    workers: Workers = None,
    output: OutputKind = Output.text,
    dry_run: DryRun = False,
) -> int:
    """The dense baseline alone. `run imp` with the same spec goes on from there.

    Exit code: 0 trained, 1 the training diverged; 2 wrong usage or spec; see the README for others.
    """
    spec = read(config, set, {"task": task, "pruning.sparsity": sparsity, "seed": seed}, replicates, max_replicates)
    return _start(spec, store, data_root, workers, output, dry_run, until=0)


def _start(
    spec: "Experiment",
    store: str,
    data_root: str,
    workers: int | None,
    output: Output,
    dry_run: bool,
    until: int | None,
) -> int:
    from ..specs import run_id
    from .plan import plan

    if dry_run:
        plan(spec, until, output)
        return 0
    from ..allowance import cores
    from ..errors import Diverged
    from ..ledger import Ledger
    from ..plans import held
    from ..runs import complete
    from ..stores import open_store
    from .progress import watched
    from .show import dense_code, exit_code, show

    opened, count, quiet = open_store(store), workers or cores(), output is Output.json
    ledger = Ledger(opened, run_id(spec))
    spec = held(ledger, spec)
    command = ["all"] if until is None else ["all", "--until", str(until)]
    code = 0
    if not complete(ledger, spec, until):
        code = watched(spec, command, until=until, store=opened.url, data_root=data_root, workers=count, quiet=quiet)
    if code not in (0, Diverged.code):
        return code
    findings = show(opened, run_id(spec), spec, output)  # it says too that the dense training diverged
    return code or (exit_code(findings.concluding) if until is None else dense_code(ledger, spec))
