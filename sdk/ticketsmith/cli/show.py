"""What commands print at their end: scorecard, verdict. Data on standard output, advice on standard error."""

import shlex

import typer
from rich.console import Console

from .. import report
from ..errors import UsageError
from ..ledger import Ledger
from ..lottery.gate import EXIT_CODES
from ..lottery.results import Verdict
from ..lottery.spec import Experiment
from ..lottery.steps import Gate
from ..report import terminal
from ..runs import steps
from ..specs import task
from ..stores import Store
from .again import command
from .options import Output


def show(store: Store, run: str, spec: Experiment, output: Output) -> None:
    """Write the report; print the scorecard, the decision, where the report lies, and what to try next."""
    ledger, record = Ledger(store, run), task(spec.task)
    written, findings = report.write(ledger, spec, record), report.collect(ledger, spec, record)
    report.step_summary(findings)
    if output is Output.json:
        typer.echo(store.get(written["json"]).decode(), nl=False)
        return
    terminal.show(findings, Console())
    typer.echo(f"\nreport: {store.url}/{written['html']}")
    advice = ["ticketsmith " + shlex.join([*words, *_where(store)]) for words in (["gate", run], ["benchmark", run])]
    typer.echo("next:   " + "\n        ".join([*advice, _onwards(findings, store)]), err=True)


def _where(store: Store) -> list[str]:
    return [] if store.url == "runs" else ["--store", store.url]


def _onwards(findings: report.Findings, store: Store) -> str:
    """The run to make next: an open one goes on, an ended one is asked anew, after PASS a sparser one."""
    spec, verdict = findings.spec, findings.verdict("ticket", findings.target)
    if verdict is None:
        return command(spec, store.url)
    if verdict.status == "INVALID":
        return command(spec, store.url, **{"training.steps": 2 * spec.training.steps})
    if verdict.status == "UNDECIDED":
        more = len(verdict.replicates) + spec.replicates
        open_still = verdict.look < verdict.looks
        return command(spec, store.url, **({"replicates": more} if open_still else {"seed": spec.seed + 1}))
    left = (1 - spec.pruning.sparsity) * (0.5 if verdict.status == "PASS" else 2)
    return command(spec, store.url, **{"pruning.sparsity": round(max(1 - left, 0.1), 6)})


def verdict_of(ledger: Ledger, spec: Experiment) -> Verdict | None:
    """The ticket's verdict at the target sparsity; after an early stop, the FAIL that ended the run."""
    gates = [step for step in steps(ledger, spec) if isinstance(step, Gate) and step.arm == "ticket"]
    done = [step for step in gates if ledger.done(step)]
    if not done:
        return None
    verdict = Verdict.model_validate_json(ledger.read(done[-1], "verdict.json"))
    stopped = spec.stop_on_fail and verdict.status == "FAIL"
    return verdict if done[-1] is gates[-1] or stopped else None


def exit_code(ledger: Ledger, spec: Experiment) -> int:
    """0 PASS or nothing to decide, 1 FAIL, 7 UNDECIDED."""
    verdict = verdict_of(ledger, spec)
    return 0 if verdict is None else EXIT_CODES[verdict.status]


def print_verdict(store: Store, run: str, spec: Experiment, output: Output) -> int:
    """One line (or the whole verdict as JSON), and the exit code that stands for it."""
    verdict = verdict_of(ledger := Ledger(store, run), spec)
    if verdict is None:
        command = f"ticketsmith run imp --task {spec.task} --sparsity {spec.pruning.sparsity:g}"
        raise UsageError(f"{run} has no verdict at {spec.pruning.sparsity:.1%} yet", f"finish the run: `{command}`")
    if output is Output.json:
        typer.echo(verdict.model_dump_json(indent=2))
    else:
        typer.echo(f"{verdict.status} at {verdict.sparsity:.1%} sparsity: {verdict.reason}")
    return exit_code(ledger, spec)
