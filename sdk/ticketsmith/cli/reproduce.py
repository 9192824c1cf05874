"""`ticketsmith reproduce`: a published result, trained here and held to its figures."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from .options import DataRoot, Output, OutputKind, StoreUrl, Workers

if TYPE_CHECKING:
    from ..certificates import Certified


class Budget(StrEnum):
    """How much is trained."""

    small = "small"
    full = "full"


Name = Annotated[str, typer.Argument(metavar="NAME", help="A file in ticketsmith/certificates, e.g. lth-lenet.")]
BudgetName = Annotated[Budget, typer.Option(help="small: fewer replicates, rounds and updates; full: the paper's.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print spec and steps, run nothing.")]


def reproduce(
    name: Name,
    budget: BudgetName = Budget.full,
    store: StoreUrl = "runs",
    data_root: DataRoot = "data",
    workers: Workers = None,
    output: OutputKind = Output.text,
    dry_run: DryRun = False,
) -> int:
    """Train what a paper trained and print each published figure beside ours. Exit code: 0 all pass, 1 one FAILs."""
    from ..certificates import Certified, certificate
    from ..specs import read_spec, run_id
    from ..stores import open_store
    from .plan import plan
    from .progress import watched

    spec = read_spec(None, certificate(name).budgets[budget])
    if dry_run:
        plan(spec, None, output)
        return 0
    from ..allowance import cores
    from ..executors.local import run
    from ..ledger import Ledger
    from ..lottery.gate import EXIT_CODES
    from ..runs import complete
    from .progress import complain

    count, quiet = workers or cores(), output is Output.json
    opened = open_store(store)
    if not complete(Ledger(opened, run_id(spec)), spec):
        code = watched(spec, ["all"], until=None, store=opened.url, data_root=data_root, workers=count, quiet=quiet)
        if code:
            return code
    found: list[Certified] = []

    def listen(event: dict[str, object]) -> None:
        if event["event"] == "certificate":
            found.append(Certified.model_validate(event["certificate"]))
        else:
            complain(event)

    command = ["certify", "--name", name, "--budget", budget]
    if code := run(spec, command, store=opened.url, data_root=data_root, workers=1, listen=listen):
        return code
    typer.echo(found[0].model_dump_json(indent=2) if quiet else table(found[0]))
    return EXIT_CODES["PASS" if all(each.passed for each in found[0].checked) else "FAIL"]


def table(found: "Certified") -> str:
    """Plain text, a line for each claim."""
    lines = [
        f"{found.name} ({found.source}), budget {found.budget}: run {found.run}, ticketsmith {found.version}",
        "",
        f"{'published':>9}  {'tolerance':>16}  {'ours [95 % interval]':>26}",
    ]
    for each in found.checked:
        ours = each.ours
        exact = ours.low is None or ours.high is None or ours.low == ours.high
        interval = "" if exact else f" [{ours.low:.2f}, {ours.high:.2f}]"
        lines.append(
            f"{each.published:9.2f}  {f'{each.low:.2f} to {each.high:.2f}':>16}  {f'{ours.mean:.2f}{interval}':>26}  "
            f"{'pass' if each.passed else 'FAIL'}  {each.text}"
        )
    passed = sum(each.passed for each in found.checked)
    lines += ["", f"{passed} of {len(found.checked)} pass; not tried with this budget: {len(found.untried)}"]
    return "\n".join(lines)
