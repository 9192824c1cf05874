"""`ticketsmith reproduce`: a published result, trained here and held to its figures."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from .options import DataRoot, Output, OutputKind, StoreUrl, Workers

if TYPE_CHECKING:
    from ..certificates import Certified, Checked, Tally


class Budget(StrEnum):
    """The amount of training."""

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
    from ..specs import read_spec
    from ..stores import open_store
    from .plan import plan
    from .progress import watched

    spec = read_spec(None, certificate(name).budgets[budget], data_root)
    if dry_run:
        plan(spec, None, output)
        return 0
    from ..allowance import cores
    from ..errors import UsageError
    from ..executors.local import run
    from ..ledger import Ledger
    from ..lottery.gate import EXIT_CODES
    from ..plans import fits
    from ..report import newest
    from ..runs import complete
    from .showing import complain
    from .told import tell

    count, quiet = workers or cores(), output is Output.json
    opened = open_store(store)
    if not fits(ledger := Ledger(opened, spec.run_id()), spec):
        raise UsageError(
            f"{ledger.run_id} in {opened.url} has other replicates than budget {budget}", "another --store"
        )
    if not complete(ledger, spec):
        code = watched(spec, ["all"], until=None, store=opened.url, data_root=data_root, workers=count, quiet=quiet)
        if code:
            return code
    certificates: list[Certified] = []

    def listen(event: dict[str, object]) -> None:
        if event["event"] == "certificate":
            certificates.append(Certified.model_validate(event["certificate"]))
        else:
            complain(event)

    command = ["certify", "--name", name, "--budget", budget]
    if code := run(spec, command, store=opened.url, data_root=data_root, workers=1, listen=listen):
        return code
    if quiet:
        tell("certificate", certificates[0].model_dump(mode="json") | {"report": newest(opened, spec.run_id())})
    else:
        typer.echo(table(certificates[0]))
    return EXIT_CODES["PASS" if all(claim.passed for claim in certificates[0].checked) else "FAIL"]


def table(result: "Certified") -> str:
    """Plain text: a line for each claim, then what all of them come to."""
    return "\n".join([
        f"{result.name} ({result.source}), budget {result.budget}: run {result.run}, ticketsmith {result.version}",
        "",
        f"{'published':>9}  {'tolerance':>16}  {'ours [95 % interval]':>26}        {'again':>6}",
        *(_line(claim) for claim in result.checked),
        "",
        f"{_of(result.schedule)} lines of the schedule pass (arithmetic, whatever is trained), {_of(result.measured)} "
        f"measured; not tried with this budget: {len(result.untried)}",
        *_beyond(result),
        *_again(result),
    ])  # fmt: skip


def _line(checked: "Checked") -> str:
    tolerance = f"{checked.low:.2f} to {checked.high:.2f}"
    ours = f"{checked.ours.mean:.2f} {_interval(checked)}".rstrip()
    again = "" if checked.scheduled or checked.again is None else _percent(checked.again)
    verdict = "pass" if checked.passed else "FAIL"
    return f"{checked.published:9.2f}  {tolerance:>16}  {ours:>26}  {verdict}  {again:>6}  {checked.text}"


def _interval(checked: "Checked") -> str:
    low, high = checked.ours.low, checked.ours.high
    return "" if low is None or high is None or low == high else f"[{low:.2f}, {high:.2f}]"


def _beyond(result: "Certified") -> list[str]:
    """The lines whose mean passes and whose interval does not lie within the tolerance."""
    lines = [
        f"  {_interval(claim)} against {claim.low:.2f} to {claim.high:.2f}: {claim.text}"
        for claim in result.checked
        if claim.beyond
    ]
    head = f"pass by the mean, with an interval that leaves the tolerance: {len(lines)} of {result.measured.passed}"
    return [head, *lines]


def _again(result: "Certified") -> list[str]:
    if result.again is None:
        return []
    return [
        f"chance that a repetition with fresh seeds passes all {result.measured.tried} measured lines: "
        f"{_percent(result.again)} (the product of `again`, the lines taken as independent)"
    ]


def _of(tally: "Tally") -> str:
    return f"{tally.passed} of {tally.tried}"


def _percent(chance: float) -> str:
    """A chance in whole %; only what is sure is 0 or 100.

    >>> _percent(0.0958), _percent(0.9996), _percent(0.001), _percent(1.0)
    ('10 %', '> 99 %', '< 1 %', '100 %')
    """
    if 0 < chance < 0.005 or 0.995 <= chance < 1:
        return "< 1 %" if chance < 0.5 else "> 99 %"
    return f"{100 * chance:.0f} %"
