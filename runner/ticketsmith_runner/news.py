"""What is worth telling of a finished step: a terminal and a workflow engine show the same."""

from typing import Any

from ticketsmith.ledger import Ledger
from ticketsmith.lottery.results import TrainMetrics, Verdict
from ticketsmith.lottery.steps import Gate, Step, Train


def news(step: Step, ledger: Ledger) -> dict[str, Any]:
    """Mean `accuracy` of a training, `status` and `sparsity` (shares, 0 to 1) of a gate; nothing of other steps."""
    if isinstance(step, Train):
        metrics = TrainMetrics.model_validate_json(ledger.read(step, "metrics.json"))
        return {"accuracy": sum(metrics.test_score) / len(metrics.test_score)}
    if isinstance(step, Gate):
        found = verdict(step, ledger)
        return {"status": found.status, "sparsity": found.sparsity}
    return {}


def verdict(step: Gate, ledger: Ledger) -> Verdict:
    """What a finished gate said."""
    return Verdict.model_validate_json(ledger.read(step, "verdict.json"))
