"""The benchmark of a finished run, again or with other options."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.progress import Progress
from rich.table import Table

from ..errors import UsageError
from ..executors.local import run
from ..ledger import Ledger
from ..lottery.imp import imp
from ..lottery.results import Speed
from ..lottery.spec import Experiment
from ..lottery.steps import Benchmark, Gate
from ..machine import cpu, fingerprint, versions
from ..report.narrow import Fitted
from ..report.numbers import roughly
from ..report.opponents import left_in_fp32
from ..report.speed import label
from ..runs import steps
from ..specs import remeasured
from ..stores import Store
from .consoles import console as console_of
from .consoles import redraws
from .options import Output
from .progress import complain


def measure(store: Store, run_id: str, spec: Experiment, data_root: str, output: Output) -> int:
    """Run the benchmark step of the last round, if it was not run here with these options, and print its table."""
    ledger = Ledger(store, run_id)
    spec, step = here(ledger, spec)
    chain = ["--cohort", str(step.cohort), "--level", str(step.level), "--arm", step.arm, "--kinds", step.kind]
    with _bar() as listen:
        code = run(spec, ["step", *chain], store=store.url, data_root=data_root, workers=1, listen=listen)
    if code == 0:
        print_speed(ledger, step, output)
    return code


def here(ledger: Ledger, spec: Experiment) -> tuple[Experiment, Benchmark]:
    """The benchmark on this machine, and the spec it belongs to: one that another machine took is not this one's."""
    step = benchmark_step(ledger, spec)
    if not ledger.done(step) or _alike(Speed.model_validate_json(ledger.read(step, "speed.json"))):
        return spec, step
    spec = remeasured(spec, machine=fingerprint())
    return spec, benchmark_step(ledger, spec)


def _alike(speed: Speed) -> bool:
    """Was it measured on a machine like this one?"""
    return speed.machine.cpu == cpu() and versions().items() <= speed.machine.versions.items()


@contextmanager
def _bar() -> Iterator[Callable[[dict[str, Any]], None]]:
    """Show the share that is done, on a terminal; messages anywhere."""
    console = console_of(stderr=True)
    with Progress(console=console, transient=True, disable=not redraws(console)) as bar:
        task = bar.add_task("measuring", total=None)

        def listen(event: dict[str, Any]) -> None:
            complain(event)
            if event["event"] == "replicate":
                bar.update(task, completed=event["done"], total=event["of"])

        yield listen


def benchmark_step(ledger: Ledger, spec: Experiment) -> Benchmark:
    """The benchmark of the last round that the run took."""
    taken = [s for s in steps(ledger, spec) if isinstance(s, Gate) and s.arm == "ticket" and ledger.done(s)]
    if not taken:
        raise UsageError(f"{ledger.run_id} has no ticket yet", "finish the run with `ticketsmith run imp` first")
    newest = max(taken, key=lambda gate: (gate.level, gate.cohort))  # a cohort that has only begun has no ticket there
    every = imp(spec, cohorts=newest.cohort + 1, last=newest.level)
    return next(step for step in every if isinstance(step, Benchmark))


def print_speed(ledger: Ledger, step: Benchmark, output: Output) -> None:
    """The speed table of a benchmark step."""
    speed = Speed.model_validate_json(ledger.read(step, "speed.json"))
    if output is Output.json:
        typer.echo(speed.model_dump_json(indent=2))
        return
    table = Table(
        "back-end",
        "batch",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "samples/s",
        "ratio [95 %]",
        "int8",
        "any",
        "first s",
        box=None,
        pad_edge=False,
    )
    for row in speed.rows:
        milliseconds = [f"{1000 * value:.4f}" for value in (row.p50, row.p95, row.p99)]
        ratio = f"{row.ratio:.2f}x [{row.low:.2f}, {row.high:.2f}]"
        first = f"{speed.cold[row.backend]:.2f}" if row.backend in speed.cold else ""
        name = label(speed, row.backend)
        others = (f"{best.ratio:.2f}x" if best else "" for best in (row.int8, row.any))
        table.add_row(name, str(row.batch_size), *milliseconds, f"{row.throughput:,.0f}", ratio, *others, first)
    console = console_of()
    console.print(Fitted(table))
    for refusal in speed.refused:
        console.print(f"{refusal.backend}: not timed, {refusal.reason}", markup=False)
    for row in speed.choices:
        best = f"the best dense fp32 one is {speed.opponent(row.batch_size)}"
        if row.any and row.any.to in speed.precisions:
            best += f"; of any precision it is {label(speed, row.any.to)}, {row.any.ratio:.2f}x"
        typer.echo(f"batch {row.batch_size}: {speed.kernels(row)}, {row.ratio:.2f}x; {best}")
    for each in speed.quantized:
        left = f", {left_in_fp32(each)} in fp32" if each.left else ""
        who = f"{'ticket' if each.ticket else 'dense'} in int8{left}"
        typer.echo(f"{who}, {each.backend}: {each.status}, {each.reason}")
    if speed.served:
        typer.echo(f"{speed.served.unit}s, {speed.served.how}:")
        for way in speed.served.rows:
            typer.echo(f"  {way.arm} by {way.backend}: {roughly(1 / way.seconds.mean)} a second")
    if speed.unjudged:
        typer.echo(f"in int8, not judged: {speed.unjudged}")
    typer.echo(f"chosen: {speed.chosen}; {speed.sparsity:.1%} sparse, replicate {speed.replicate}, {_where(speed)}")


def _where(speed: Speed) -> str:
    machine = speed.machine
    return f"{machine.cpu}, {machine.threads} thread{'s' * (machine.threads > 1)}, {machine.date}"
