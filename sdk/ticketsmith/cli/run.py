"""`ticketsmith run`: an experiment on this machine."""

from typing import TYPE_CHECKING, Annotated

import typer

from .asked import Asked, asking
from .options import (
    Name,
    NoSamples,
    OtherVersions,
    Output,
    PerDay,
    Price,
    PriceList,
    StopOnFail,
    Tags,
    Trainer,
    UntilFail,
    Workers,
)
from .topics import Examples

if TYPE_CHECKING:
    from ..lottery.price import Rates
    from ..lottery.spec import Experiment

app = typer.Typer(
    help="Run an experiment on this machine; run it again to resume it.", no_args_is_help=True, cls=Examples
)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Print spec and steps, run nothing.")]


@app.command()
@asking
def imp(
    asked: Asked,
    trainer: Trainer = None,
    stop_on_fail: StopOnFail = False,
    until_fail: UntilFail = False,
    no_samples: NoSamples = False,
    name: Name = None,
    tag: Tags = None,
    workers: Workers = None,
    other_versions: OtherVersions = False,
    dry_run: DryRun = False,
    price: Price = None,
    prices: PriceList = None,
    requests_per_day: PerDay = None,
) -> int:
    """Iterative magnitude pruning: train, prune, rewind, retrain, round by round, with a control beside each.

    Exit code: 0 PASS, 1 FAIL, 7 UNDECIDED, 8 INVALID at the target sparsity; 2 wrong usage; others: docs/commands.md.
    """
    from ..prices import rates

    spec = asked.spec(
        samples=False if no_samples else None,
        stop_on_fail=stop_on_fail or None,
        until_fail=until_fail or None,
        **{"training.trainer": trainer},
    )
    priced = rates(price, prices, requests_per_day)  # before anything is trained
    return start(asked, spec, workers, other_versions, dry_run, until=None, rates=priced, words=(name, tag or []))


@app.command()
@asking
def dense(
    asked: Asked,
    name: Name = None,
    tag: Tags = None,
    workers: Workers = None,
    other_versions: OtherVersions = False,
    dry_run: DryRun = False,
) -> int:
    """The dense baseline alone. `run imp` with the same spec goes on from there.

    Exit code: 0 trained, 1 the training diverged; 2 wrong usage or spec; others: docs/commands.md.
    """
    return start(asked, asked.spec(), workers, other_versions, dry_run, until=0, words=(name, tag or []))


def start(
    asked: Asked,
    spec: "Experiment",
    workers: int | None,
    other_versions: bool,
    dry_run: bool,
    until: int | None,
    rates: "Rates | None" = None,
    words: tuple[str | None, list[str]] = (None, []),
) -> int:
    """Do what is missing of a run, up to level `until`, and conclude; `words` are its name and its tags."""
    from ..runs import notes
    from .plan import plan

    notes.checked(*words)
    if dry_run:
        plan(spec, until, asked.output)
        return 0
    from ..allowance import cores
    from ..errors import Diverged
    from ..ledger import Ledger
    from ..plans import held
    from ..runs import complete, note
    from ..stores import open_store
    from .progress import watched
    from .show import dense_code, exit_code, show
    from .voice import note as told

    opened, count, quiet = open_store(asked.store), workers or cores(), asked.output is Output.json
    ledger = Ledger(opened, spec.run_id())
    past, spec = spec.until_fail, held(ledger, spec)
    if past and not spec.until_fail:
        told(f"{spec.max_replicates} replicates: each look judges every round, and no round is taken past the target")
    note(opened, ledger.run_id, *words, asked.data_root)
    command = ["all", *(["--until", str(until)] if until is not None else [])]
    command += ["--other-versions"] if other_versions else []
    code = 0
    if not complete(ledger, spec, until):
        place = {"store": opened.url, "data_root": asked.data_root}
        code = watched(spec, command, until=until, workers=count, quiet=quiet, **place)
    if code not in (0, Diverged.code):
        return code
    findings = show(
        opened, spec.run_id(), spec, asked.output, rates, asked.data_root
    )  # it says too that the dense training diverged
    return code or (exit_code(findings.concluding) if until is None else dense_code(ledger, spec))
