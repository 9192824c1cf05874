"""`ticketsmith best`: the sparsest ticket of the safe zone."""

import json

import typer

from .. import cards
from ..errors import UsageError
from ..ledger import Ledger
from ..lottery.gate import EXIT_CODES
from ..lottery.results import Verdict
from ..lottery.spec import Experiment
from ..lottery.steps import Gate
from ..report.bound import against
from ..report.evidence import tails
from ..report.zones import zones
from ..runs import steps
from ..runs import verdict as verdict_of
from ..stores import Store
from .options import Output


def print_best(store: Store, run: str, spec: Experiment, output: Output) -> int:
    """The last level up to which every ticket passed, and the keys of its weights and mask.

    Where the first one did not, the exit code is that of its verdict.

    A PASS beyond a level that did not pass is none: who looks at many levels finds one by chance.
    """
    ledger = Ledger(store, run)
    every = (s for s in steps(ledger, spec) if isinstance(s, Gate) and s.arm == "ticket" and ledger.done(s))
    gates = list(
        {gate.level: gate for gate in every}.values()
    )  # the newest of each level judges the cohorts before too
    judged = [verdict_of(ledger, gate) for gate in gates]
    if not judged:
        raise UsageError(f"no round of {run} was judged yet", "finish the run with `ticketsmith run imp` first")
    if (verdict := zones(judged).safe) is None:
        typer.echo(json.dumps({"run": run, "level": None}) if output is Output.json else _none(run, judged))
        return EXIT_CODES[judged[0].status]
    gate, metric = next(gate for gate in gates if gate.level == verdict.level), cards.read(ledger).metric
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
    }
    if output is Output.json:
        typer.echo(json.dumps(winner, indent=2))
        return 0
    scores = f"{metric.shown(verdict.score.mean)} (dense {metric.shown(verdict.dense_score.mean)})"
    typer.echo(f"level {gate.level}, {verdict.sparsity:.1%} sparse: {scores}, PASS")
    typer.echo(f"weights: {winner['weights']}\nmask:    {winner['mask']}")
    if words := tails(metric, verdict):
        typer.echo(words)
    return 0


def _none(run: str, judged: list[Verdict]) -> str:
    said = ", ".join(f"level {each.level} {each.status}" for each in judged)
    return f"{run}: the first round did not pass ({said})"
