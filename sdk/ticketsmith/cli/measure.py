"""The benchmark of a level that was judged, again or with other options."""

import typer
from rich.table import Table

from ..executors.local import run
from ..ledger import Ledger
from ..lottery.imp import imp
from ..lottery.results import Speed
from ..lottery.schedule import rounds
from ..lottery.spec import Experiment
from ..lottery.steps import Benchmark
from ..machine import cpu, fingerprint, versions
from ..report import newest
from ..report.narrow import Fitted
from ..report.numbers import roughly
from ..report.opponents import left_in_fp32
from ..report.speed import label
from ..runs import recorded
from ..specs import remeasured
from ..stores import Store
from .consoles import console as console_of
from .judged import Judged, judged, numbered
from .options import Output
from .showing import showing
from .told import tell


def measure(store: Store, run_id: str, spec: Experiment, data_root: str, output: Output, level: int | None) -> int:
    """Run the benchmark step of a level, by default the target, if it was not run here so, and print its table."""
    ledger = Ledger(store, run_id)
    tickets = judged(ledger, spec)
    until = [ticket for ticket in tickets if ticket.level <= rounds(spec.pruning)]
    chosen = max(until, key=lambda ticket: ticket.level) if level is None else numbered(tickets, level)
    spec, step = here(ledger, spec, chosen)
    code = measured(store, spec, step, data_root)
    if code == 0:
        print_speed(ledger, step, output)
    return code


def measured(store: Store, spec: Experiment, step: Benchmark, data_root: str) -> int:
    """Run the step, if it is not done; returns the exit code."""
    chain = ["--cohort", str(step.cohort), "--level", str(step.level), "--arm", step.arm, "--kinds", step.kind]
    with showing(f"measuring level {step.level}") as listen:
        return run(spec, ["step", *chain], store=store.url, data_root=data_root, workers=1, listen=listen)


def here(ledger: Ledger, spec: Experiment, chosen: Judged) -> tuple[Experiment, Benchmark]:
    """The benchmark on this machine, and the spec it belongs to: one that another machine took is not this one's."""
    step = benchmark_step(spec, chosen)
    if not ledger.done(step) or _alike(recorded(ledger, step, "speed.json", Speed)):
        return spec, step
    spec = remeasured(spec, machine=fingerprint())
    return spec, benchmark_step(spec, chosen)


def _alike(speed: Speed) -> bool:
    """Was it measured on a machine like this one?"""
    return speed.machine.cpu == cpu() and versions().items() <= speed.machine.versions.items()


def benchmark_step(spec: Experiment, chosen: Judged) -> Benchmark:
    """The benchmark of a run that ends at this level: what is in int8 is judged over all that its gate has seen."""
    every = imp(spec, cohorts=chosen.gate.cohort + 1, last=chosen.level, measured=chosen.level)
    return next(step for step in every if isinstance(step, Benchmark))


def print_speed(ledger: Ledger, step: Benchmark, output: Output) -> None:
    """The speed table of a benchmark step."""
    speed = recorded(ledger, step, "speed.json", Speed)
    if output is Output.json:
        report = newest(ledger.store, ledger.run_id)
        tell("benchmark", {"run": ledger.run_id, **speed.model_dump(mode="json"), "report": report})
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
    for network in speed.quantized:
        left = f", {left_in_fp32(network)} in fp32" if network.left else ""
        who = f"{'ticket' if network.ticket else 'dense'} in int8{left}"
        typer.echo(f"{who}, {network.backend}: {network.status}, {network.reason}")
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
