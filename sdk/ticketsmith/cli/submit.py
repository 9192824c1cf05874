"""`ticketsmith submit`: an experiment on a cluster."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from .asked import Asked, asking
from .options import MachinePrice, MaxCost, MaxHours, NoSamples, Output, PriceList, StopOnFail, UntilFail
from .topics import Examples

if TYPE_CHECKING:
    from ..lottery.spec import Experiment
    from .ceiling import Terms

app = typer.Typer(
    help="Submit an experiment to Argo Workflows; submit it again to resume it.", no_args_is_help=True, cls=Examples
)

ProfileName = Annotated[
    str | None, typer.Option("--profile", help="Machines: t4, l4, cpu, local. [default: the one that is installed]")
]
Mounted = Annotated[bool, typer.Option("--mounted", help="The pods have the data at a read-only mount: send none.")]
Watch = Annotated[bool, typer.Option("--watch", help="Show the rounds live, to the end.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the end; exit code: the verdict.")]
Logs = Annotated[bool, typer.Option("--logs", help="Print what the pods print, to the end.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print plan and workflow, submit nothing, ask no cluster.")]


@app.command()
@asking
def imp(
    asked: Asked,
    stop_on_fail: StopOnFail = False,
    until_fail: UntilFail = False,
    no_samples: NoSamples = False,
    profile: ProfileName = None,
    max_hours: MaxHours = None,
    max_cost: MaxCost = None,
    price: MachinePrice = None,
    prices: PriceList = None,
    mounted: Mounted = False,
    watch: Watch = False,
    wait: Wait = False,
    logs: Logs = False,
    dry_run: DryRun = False,
) -> int:
    """Iterative magnitude pruning on a cluster, a pod for each arm of each round.

    Exit code: 0 once submitted. With --watch or --wait: 0 PASS, 1 FAIL, 7 UNDECIDED, 8 INVALID; that of a failed step.
    """
    from .ceiling import terms

    agreed = terms(max_hours, max_cost, price, prices)
    machines = Machines(kind="imp", profile=profile, terms=agreed, mounted=mounted)
    spec = asked.spec(
        samples=False if no_samples else None, stop_on_fail=stop_on_fail or None, until_fail=until_fail or None
    )
    return _submit(asked, spec, machines, (watch, wait, logs), dry_run)


@app.command()
@asking
def dense(
    asked: Asked,
    profile: ProfileName = None,
    max_hours: MaxHours = None,
    max_cost: MaxCost = None,
    price: MachinePrice = None,
    prices: PriceList = None,
    mounted: Mounted = False,
    watch: Watch = False,
    wait: Wait = False,
    logs: Logs = False,
    dry_run: DryRun = False,
) -> int:
    """The dense baseline alone. `submit imp` with the same spec goes on from there."""
    from .ceiling import terms

    agreed = terms(max_hours, max_cost, price, prices)
    machines = Machines(kind="train", profile=profile, terms=agreed, mounted=mounted)
    return _submit(asked, asked.spec(), machines, (watch, wait, logs), dry_run)


@dataclass(frozen=True, kw_only=True)
class Machines:
    """The template that is submitted, what its pods may cost, and whether they have the data."""

    kind: str
    profile: str | None
    terms: "Terms"
    mounted: bool


def _submit(asked: Asked, spec: "Experiment", machines: Machines, stay: tuple[bool, bool, bool], dry_run: bool) -> int:
    from ..executors import sending
    from ..executors.argo import check
    from ..hardware import profile_named
    from ..stores import open_store
    from .forecast import EXAMPLE, forecast, print_dry
    from .start import announce, start, warn

    check(opened := open_store(asked.store), spec)
    if not machines.mounted:
        sending.check(spec, asked.data_root)
    warn(spec)
    kind, profile, terms = machines.kind, machines.profile, machines.terms
    meant = asked.names("training", "device")
    if dry_run:
        if profile and not meant:
            sending.check_device(spec, profile_named(profile))
        plan = forecast(spec, kind, profile_named(profile or EXAMPLE), terms)
        print_dry(plan, spec, opened, kind, terms, asked.output)
        return 0
    from ..argo import connect
    from ..ledger import Ledger
    from ..plans import held
    from .attach import attach, conclude_store

    argo, output = connect(), asked.output
    spec = held(Ledger(opened, spec.run_id()), spec)
    submission, told = start(
        argo, opened, spec, data_root=asked.data_root, mounted=machines.mounted,
        kind=kind, profile=profile, terms=terms, meant=meant,
    )  # fmt: skip
    watch, wait, logs = stay
    staying = watch or wait or logs
    if not (staying and output is Output.json):
        announce(told, output)
    if not staying:
        return 0
    if submission is None:
        return conclude_store(opened, spec.run_id(), spec, output, told)
    watch = watch and output is Output.text
    return attach(argo, submission.name, watch=watch, logs=logs, output=output, told=told)
