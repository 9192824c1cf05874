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
    from ..runs import complete
    from .progress import complain

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
    """Plain text: a line for each claim, then what all of them come to."""
    return "\n".join([
        f"{found.name} ({found.source}), budget {found.budget}: run {found.run}, ticketsmith {found.version}",
        "",
        f"{'published':>9}  {'tolerance':>16}  {'ours [95 % interval]':>26}        {'again':>6}",
        *(_line(each) for each in found.checked),
        "",
        f"{_of(found.schedule)} lines of the schedule pass (arithmetic, whatever is trained), {_of(found.measured)} "
        f"measured; not tried with this budget: {len(found.untried)}",
        *_beyond(found),
        *_again(found),
    ])  # fmt: skip


def _line(each: "Checked") -> str:
    tolerance = f"{each.low:.2f} to {each.high:.2f}"
    ours = f"{each.ours.mean:.2f} {_interval(each)}".rstrip()
    again = "" if each.scheduled or each.again is None else _percent(each.again)
    said = "pass" if each.passed else "FAIL"
    return f"{each.published:9.2f}  {tolerance:>16}  {ours:>26}  {said}  {again:>6}  {each.text}"


def _interval(each: "Checked") -> str:
    low, high = each.ours.low, each.ours.high
    return "" if low is None or high is None or low == high else f"[{low:.2f}, {high:.2f}]"


def _beyond(found: "Certified") -> list[str]:
    """The lines whose mean passes and whose interval does not lie within the tolerance."""
    lines = [
        f"  {_interval(each)} against {each.low:.2f} to {each.high:.2f}: {each.text}"
        for each in found.checked
        if each.beyond
    ]
    head = f"pass by the mean, with an interval that leaves the tolerance: {len(lines)} of {found.measured.passed}"
    return [head, *lines]


def _again(found: "Certified") -> list[str]:
    if found.again is None:
        return []
    return [
        f"chance that a repetition with fresh seeds passes all {found.measured.tried} measured lines: "
        f"{_percent(found.again)} (the product of `again`, the lines taken as independent)"
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
