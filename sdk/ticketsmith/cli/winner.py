"""`ticketsmith best`: the sparsest ticket that passed."""

import json

import typer

from ..ledger import Ledger
from ..lottery.imp import imp
from ..lottery.results import Verdict
from ..lottery.spec import Experiment
from ..lottery.steps import Gate
from ..stores import Store
from .options import Output

NONE = 1
"""Exit code where no round passed."""


def print_best(store: Store, run: str, spec: Experiment, output: Output) -> int:
    """The sparsest level whose ticket passed, and the keys of its weights and mask. Returns 1 if there is none."""
    ledger = Ledger(store, run)
    gates = [s for s in imp(spec) if isinstance(s, Gate) and s.arm == "ticket" and ledger.done(s)]
    judged = [(gate, Verdict.model_validate_json(ledger.read(gate, "verdict.json"))) for gate in gates]
    passed = [(gate, verdict) for gate, verdict in judged if verdict.status == "PASS"]
    if not passed:
        typer.echo(json.dumps({"run": run, "level": None}) if output is Output.json else _none(run, judged))
        return NONE
    gate, verdict = passed[-1]
    found = {
        "run": run,
        "level": gate.level,
        "sparsity": verdict.sparsity,
        "accuracy": verdict.accuracy.mean,
        "dense_accuracy": verdict.dense_accuracy.mean,
        "bound": verdict.difference.low,
        "weights": f"{store.url}/{run}/{gate.candidate.key}/weights.safetensors",
        "mask": f"{store.url}/{run}/{gate.mask.key}/mask.safetensors",
    }
    if output is Output.json:
        typer.echo(json.dumps(found, indent=2))
        return 0
    typer.echo(
        f"level {gate.level}, {verdict.sparsity:.1%} sparse: {verdict.accuracy.mean:.2%} "
        f"(dense {verdict.dense_accuracy.mean:.2%}), PASS\nweights: {found['weights']}\nmask:    {found['mask']}"
    )
    return 0


def _none(run: str, judged: list[tuple[Gate, Verdict]]) -> str:
    said = ", ".join(f"level {gate.level} {verdict.status}" for gate, verdict in judged) or "no round was judged"
    return f"{run}: no ticket passed ({said})"
