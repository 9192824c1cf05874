"""`ticketsmith best`: the sparsest ticket of the safe zone."""

from collections.abc import Sequence

import typer

from .. import cards
from ..ledger import Ledger
from ..lottery.gate import EXIT_CODES
from ..lottery.spec import Experiment
from ..report import newest
from ..report.bound import against
from ..report.evidence import tails
from ..stores import Store
from .judged import Judged, best, judged
from .options import Output
from .told import tell


def print_best(store: Store, run: str, spec: Experiment, output: Output) -> int:
    """The last level up to which every ticket passed, and the keys of its weights and mask.

    Where the first one did not, the exit code is that of its verdict.
    """
    ledger = Ledger(store, run)
    levels = judged(ledger, spec)
    if (named := best(levels)) is None:
        if output is Output.json:
            tell("best", {"run": run, "level": None, "report": newest(store, run)})
        else:
            typer.echo(none_passed(run, levels))
        return EXIT_CODES[levels[0].verdict.status]
    gate, verdict, metric = named.gate, named.verdict, cards.read(ledger).metric
    winner = {
        "run": run,
        "level": gate.level,
        "sparsity": verdict.sparsity,
        "score": verdict.score.mean,
        "dense_score": verdict.dense_score.mean,
        "bound": against(metric, verdict.difference).value,
        "metric": {"name": metric.name, "unit": metric.unit, "scale": metric.scale},
        "weights": f"{store.url}/{ledger.where(gate.candidate, 'weights.safetensors')}",
        "mask": f"{store.url}/{ledger.where(gate.mask, 'mask.safetensors')}",
        "report": newest(store, run),
    }
    if output is Output.json:
        tell("best", winner)
        return 0
    scores = f"{metric.shown(verdict.score.mean)} (dense {metric.shown(verdict.dense_score.mean)})"
    typer.echo(f"level {gate.level}, {verdict.sparsity:.1%} sparse: {scores}, PASS")
    typer.echo(f"weights: {winner['weights']}\nmask:    {winner['mask']}")
    if words := tails(metric, verdict):
        typer.echo(words)
    return 0


def none_passed(run: str, levels: Sequence[Judged]) -> str:
    """A sentence for a run without a safe zone."""
    verdicts = ", ".join(f"level {ticket.level} {ticket.verdict.status}" for ticket in levels)
    return f"{run}: the first round did not pass ({verdicts})"
