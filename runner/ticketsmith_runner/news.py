"""The news of a finished step: a terminal and a workflow engine show the same."""

from typing import Any

from ticketsmith.ledger import Ledger
from ticketsmith.lottery.metric import Metric
from ticketsmith.lottery.results import TrainMetrics, Verdict
from ticketsmith.lottery.steps import Gate, Step, Train


def news(step: Step, ledger: Ledger, metric: Metric) -> dict[str, Any]:
    """Mean `score` of a training, as text in its unit; `status` and `sparsity` (0 to 1) of a gate; else nothing."""
    if isinstance(step, Train):
        metrics = TrainMetrics.model_validate_json(ledger.read(step, "metrics.json"))
        scores = [score for score in metrics.test_score if score is not None]  # of those that did not diverge
        shown = metric.shown(sum(scores) / len(scores)) if scores else "none"
        return {"score": shown, "metric": metric.name}
    if isinstance(step, Gate):
        judgement = verdict(step, ledger)
        return {"status": judgement.status, "sparsity": judgement.sparsity}
    return {}


def verdict(step: Gate, ledger: Ledger) -> Verdict:
    """The verdict of a finished gate."""
    return Verdict.model_validate_json(ledger.read(step, "verdict.json"))
