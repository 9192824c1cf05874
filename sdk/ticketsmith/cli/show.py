"""The end of a command: scorecard, verdict. Data on standard output, advice on standard error."""

import json

import typer

from .. import cards, report
from ..errors import Diverged, UsageError, shown
from ..ledger import Ledger
from ..lottery.gate import EXIT_CODES
from ..lottery.price import Rates
from ..lottery.results import Verdict
from ..lottery.spec import Experiment
from ..report import terminal
from ..report.evidence import tails
from ..runs import diverged, verdict_of
from ..stores import Store
from .advice import advice
from .again import again
from .consoles import console
from .options import Conclusion, Output
from .verdicts import sentence, told
from .voice import hint


def show(
    store: Store, run: str, spec: Experiment, output: Output, rates: Rates | None = None, data_root: str = "data"
) -> report.Findings:
    """Write the report; print the scorecard, the decision, where the report lies, and what to try next."""
    made, card = written(store, run, spec, rates), cards.read(Ledger(store, run))
    summarize(made.findings)
    if output is Output.json:
        typer.echo(json.dumps(json.loads(made.documents["json"]) | {"report": made.place}, ensure_ascii=False))
        return made.findings
    terminal.show(made.findings, console())
    typer.echo(f"\nreport: {made.place}")
    hint(*advice(made.findings, card, store, data_root))
    return made.findings


def written(store: Store, run: str, spec: Experiment, rates: Rates | None = None) -> report.Written:
    """The report of a run, written into its store."""
    ledger = Ledger(store, run)
    return report.write(ledger, spec, cards.read(ledger), rates)


def summarize(findings: report.Findings) -> None:
    """Add the report to GitHub's step summary, where there is one; one that cannot be written is no verdict."""
    try:
        report.step_summary(findings)
    except OSError as error:
        typer.echo(f"warning: no step summary: {error.strerror}: {error.filename}", err=True)


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
        shown(Diverged(problem, f"lower training.learning_rate (now {rate:g}); what was trained is kept")),
        err=True,
    )
    return Diverged.code


def print_verdict(store: Store, run: str, spec: Experiment, output: Conclusion) -> int:
    """One line (or the verdict in another form), and the exit code that stands for it."""
    ledger = Ledger(store, run)
    if (last := verdict_of(ledger, spec)) is None:
        fix = f"finish the run: `{again(spec, cards.read(ledger), store)}`"
        raise UsageError(f"{run} has no verdict at {spec.pruning.sparsity:.1%} yet", fix)
    if output is not Conclusion.text:
        typer.echo(told(store, run, last, output))
    else:
        console().print(terminal.coloured(sentence(last)), soft_wrap=True)
        if last.status == "PASS" and (words := tails(cards.read(ledger).metric, last)):
            typer.echo(words)
    return exit_code(last)
