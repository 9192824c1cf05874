"""The end of a command: scorecard, verdict. Data on standard output, advice on standard error."""

import typer

from .. import cards, report
from ..errors import Diverged, UsageError
from ..ledger import Ledger
from ..lottery.gate import EXIT_CODES
from ..lottery.price import Rates
from ..lottery.results import Verdict
from ..lottery.spec import Experiment
from ..lottery.steps import Gate
from ..report import terminal
from ..report.evidence import tails
from ..runs import diverged, steps, verdict
from ..stores import Store
from .again import again, in_windows, onwards
from .commands import command
from .consoles import console
from .options import Output


def show(store: Store, run: str, spec: Experiment, output: Output, rates: Rates | None = None) -> report.Findings:
    """Write the report; print the scorecard, the decision, where the report lies, and what to try next."""
    ledger = Ledger(store, run)
    written = report.write(ledger, spec, card := cards.read(ledger), rates)
    summarize(written.findings)
    if output is Output.json:
        typer.echo(written.documents["json"].decode(), nl=False)
        return written.findings
    terminal.show(written.findings, console())
    typer.echo(f"\nreport: {store.url}/{written.keys['html']}")
    commands = [command(*words, store=store.url) for words in (("gate", run), ("benchmark", run))]
    commands += [onwards(written.findings, card, store.url), *in_windows(written.findings, card, store.url)]
    typer.echo("next:   " + "\n        ".join(commands), err=True)
    return written.findings


def summarize(findings: report.Findings) -> None:
    """Add the report to GitHub's step summary, where there is one; one that cannot be written is no verdict."""
    try:
        report.step_summary(findings)
    except OSError as error:
        typer.echo(f"warning: no step summary: {error.strerror}: {error.filename}", err=True)


def verdict_of(ledger: Ledger, spec: Experiment) -> Verdict | None:
    """The ticket's newest verdict at the target sparsity; after an early stop, the FAIL that ended the run."""
    gates = [step for step in steps(ledger, spec) if isinstance(step, Gate) and step.arm == "ticket"]
    done = [step for step in gates if ledger.done(step)]
    if not done:
        return None
    newest = next((gate for gate in reversed(done) if gate.level == gates[-1].level), done[-1])
    last = verdict(ledger, newest)
    stopped = spec.stop_on_fail and last.status == "FAIL"
    return last if newest.level == gates[-1].level or stopped else None


def exit_code(verdict: Verdict | None) -> int:
    """0 PASS or nothing to decide, 1 FAIL, 7 UNDECIDED, 8 INVALID."""
    return 0 if verdict is None else EXIT_CODES[verdict.status]


def dense_code(ledger: Ledger, spec: Experiment) -> int:
    """The exit code of a dense training by itself: 1 if it diverged."""
    if not (lost := diverged(ledger, spec, "dense")):
        return 0
    rate = spec.training.learning_rate
    problem = f"the dense training diverged (loss is NaN or infinite): replicate {', '.join(map(str, lost))}"
    typer.echo(
        f"error: {Diverged(problem, f'lower training.learning_rate (now {rate:g}); what was trained is kept')}",
        err=True,
    )
    return Diverged.code


def print_verdict(store: Store, run: str, spec: Experiment, output: Output) -> int:
    """One line (or the whole verdict as JSON), and the exit code that stands for it."""
    ledger = Ledger(store, run)
    if (last := verdict_of(ledger, spec)) is None:
        fix = f"finish the run: `{again(spec, cards.read(ledger), store.url)}`"
        raise UsageError(f"{run} has no verdict at {spec.pruning.sparsity:.1%} yet", fix)
    if output is Output.json:
        typer.echo(last.model_dump_json(indent=2))
    else:
        typer.echo(f"{last.status} at {last.sparsity:.1%} sparsity: {last.reason}")
        if last.status == "PASS" and (words := tails(cards.read(ledger).metric, last)):
            typer.echo(words)
    return exit_code(last)
