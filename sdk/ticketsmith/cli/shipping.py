"""The work of `ticketsmith pack`: a level is chosen, held to its verdict, measured, and written by the runner."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import typer

from ..errors import Conflict, UsageError
from ..executors.local import run as start
from ..ledger import Ledger
from ..lottery.gate import EXIT_CODES
from ..lottery.results import Speed, Status
from ..lottery.spec import Experiment
from ..lottery.steps import Benchmark
from ..report import newest
from ..runs import recorded
from ..stores import Store
from .commands import command
from .judged import Judged, best, judged, numbered
from .measure import here, measured
from .options import EvenIf, Precision
from .packed import beside, print_package
from .showing import showing
from .voice import hint

SEVERITY: tuple[Status, ...] = ("PASS", "UNDECIDED", "FAIL", "INVALID")


@dataclass(frozen=True, kw_only=True)
class Order:
    """The options of a command line."""

    store: Store
    run: str
    spec: Experiment
    to: Path
    data_root: str
    level: int | None
    even_if: EvenIf | None
    replicate: int | None
    onnx: Path | None
    precision: Precision
    as_json: bool

    def again(self, **changes: object) -> str:
        """The command, quoted, with other options."""
        told: dict[str, object] = {"level": self.level, "even-if": self.even_if, "replicate": self.replicate}
        told |= {"onnx": self.onnx, "precision": None if self.precision is Precision.fp32 else self.precision}
        told |= {"data-root": None if self.data_root == "data" else self.data_root, **changes}
        options = [word for name, value in told.items() if value is not None for word in (f"--{name}", value)]
        return command("pack", self.run, "-o", self.to, *options, store=self.store.url)

    def allows(self, status: Status) -> bool:
        """True for a verdict no worse than the one that was named."""
        return SEVERITY.index(status) <= SEVERITY.index("PASS" if self.even_if is None else self.even_if.upper())


def ship(order: Order) -> int:
    """Write the package; returns the exit code, which is that of the verdict where this stands in the way."""
    ledger = Ledger(order.store, order.run)
    levels = judged(ledger, order.spec)
    chosen = numbered(levels, order.level) if order.level else best(levels) or levels[0]
    if not order.allows(status := chosen.verdict.status):
        return _refused(order, chosen, levels, status, chosen.verdict.reason)
    for file, option in ((order.to, "-o"), (order.onnx, "--onnx")):  # the runner holds to it; said before it measures
        if file and file.exists():
            raise Conflict(f"{file} is there already", f"nothing is overwritten: give another name with {option}")
        if file and not file.parent.is_dir():
            raise UsageError(f"there is no folder {file.parent}", f"`mkdir -p {quote(str(file.parent))}`")
    spec, step = here(ledger, order.spec, chosen)
    if code := measured(order.store, spec, step, order.data_root):
        return code
    if order.precision is Precision.int8:
        status, reason = _in_int8(recorded(ledger, step, "speed.json", Speed))
        if not order.allows(status):
            return _refused(order, chosen, levels, status, f"in int8, {reason}")
    code, package = _written(order, spec, step)
    if code == 0:
        print_package(order.to, package, newest(order.store, order.run), order.as_json)
        for note in beside(chosen, levels, order.spec, asked=order.level is not None):
            typer.echo(note, err=True)
        hint(command("verify", order.to))
    return code


def _written(order: Order, spec: Experiment, step: Benchmark) -> tuple[int, dict[str, Any]]:
    """The exit code, and what the package says of where it comes from."""
    package: dict[str, Any] = {}

    words = ["pack", "--cohort", str(step.cohort), "--level", str(step.level), "--to", str(order.to)]
    words += ["--precision", order.precision, *(["--onnx", str(order.onnx)] if order.onnx else [])]
    place = {"store": order.store.url, "data_root": order.data_root}
    with showing(f"packing level {step.level}") as show:

        def listen(event: dict[str, Any]) -> None:
            show(event)
            package.update(event["package"] if event["event"] == "packed" else {})

        return start(spec, words, workers=1, listen=listen, **place), package


def _in_int8(speed: Speed) -> tuple[Status, str]:
    """The verdict on the ticket in int8, which is another network than the ticket."""
    ticket = next((network for network in speed.quantized if network.ticket), None)
    if ticket is None:
        return "UNDECIDED", f"nobody has judged it: {speed.unjudged or 'it was not measured'}"
    return ticket.status, ticket.reason


def _refused(order: Order, chosen: Judged, levels: Sequence[Judged], status: Status, reason: str) -> int:
    """Say why nothing is packed, and how something can be; returns the exit code of the verdict."""
    named, ways = best(levels), []
    if chosen.verdict.status == "PASS":
        ways.append(f"`{order.again(precision=None)}` packs what was trained")
    elif named is not None:
        ways.append(f"`{order.again(level=None)}` packs level {named.level}, the sparsest that passed")
    forced = order.again(level=chosen.level, **{"even-if": EvenIf[status.lower()]})
    ways.append(f"`{forced}` packs it all the same")
    what = f"level {chosen.level}, {chosen.verdict.sparsity:.1%} sparse, is not packed: {status}: {reason}"
    typer.echo(f"error: {UsageError(what, '; or '.join(ways))}", err=True)
    return EXIT_CODES[status]
