"""Judge an arm against dense, paired by replicate and by test example."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ticketsmith.documents import canonical
from ticketsmith.errors import IntegrityError
from ticketsmith.lottery.collapse import count, shared
from ticketsmith.lottery.gate import diverged, judge_accuracy
from ticketsmith.lottery.results import Density, Difference, TrainMetrics, Verdict
from ticketsmith.lottery.schedule import rounds
from ticketsmith.lottery.steps import Gate, Train

from ..baseline import untrained
from ..behaviour import behaviour
from ..context import Artifacts, Context
from ..forecast import needed, spread
from ..judgement import Seen
from ..looks import nominal
from ..statistics import difference, errors, finite, of_test, share, summary

TWO_SIDED = 0.975  # of each bound of a two-sided 95 % interval
Records = dict[str, Tensor]


def run(step: Gate, context: Context) -> Artifacts:
    """`verdict.json`. Raises IntegrityError if the records of both arms do not pair."""
    dense, candidate = (_records(trains, context) for trains in _pooled(step))
    for column in ("example", "role"):
        if not dense[column].equal(candidate[column]):
            raise IntegrityError(
                f"{step.key}: the records of dense and {step.arm} are not of the same examples ({column} differs)",
                "the arms were trained on different splits: start the run anew in another --store",
            )
    verdict = _verdict(step, context, dense, candidate)
    return Artifacts(files={"verdict.json": canonical(verdict.model_dump(mode="json"))})


def _verdict(step: Gate, context: Context, dense: Records, candidate: Records) -> Verdict:
    spec = context.spec
    baseline, metrics = (_metrics(trains, context) for trains in _pooled(step))
    density = Density.model_validate_json(context.ledger.read(step.mask, "density.json"))
    examples = [example.astype(np.int64) for example in of_test(dense, "example")]
    right = [_right(records, context) for records in (dense, candidate)]
    changes = [c - d for d, c in zip(*right, strict=True)]
    points = spec.gate.collapse.points if spec.gate.collapse else None
    seen = Seen(
        accuracy=errors(examples, changes),
        loss=errors(*finite(examples, _added_loss(dense, candidate))),
        collapses=count(metrics.test_score, baseline.test_score, points, spec.gate.margin),
    )
    rule = spec.gate.model_copy(update={"confidence": nominal(spec.gate.confidence, spec.looks)})
    accuracy, loss = seen.bounds(rule)
    status, reason = seen.judged(rule, spec)
    labels = context.data.examples.labels.astype(np.int64)
    if gone := [*_diverged("dense", dense, baseline), *_diverged(step.arm, candidate, metrics)]:
        status, reason = "FAIL", "; ".join(gone)
    elif said := untrained(examples, labels, right[0], of_test(dense, "loss"), spec.gate):
        status, reason = "INVALID", said
    open_still = status == "UNDECIDED" and judge_accuracy(accuracy, rule)[0] == "UNDECIDED"
    each = rule.model_copy(update={"confidence": shared(rule.confidence, rounds(spec.pruning))})
    return Verdict(
        arm=step.arm,
        level=step.level,
        sparsity=density.sparsity,
        kept=sum(density.kept.values()),
        prunable=sum(density.sizes.values()),
        status=status,
        reason=reason,
        margin=rule.margin,
        loss_margin=rule.loss_margin,
        confidence=rule.confidence,
        look=step.cohort + 1,
        looks=spec.looks,
        replicates=metrics.replicates,
        test_score=metrics.test_score,
        dense_test_score=baseline.test_score,
        score=share(examples, right[1]),
        dense_score=share(examples, right[0]),
        early_stop_step=summary(metrics.early_stop_step),
        dense_early_stop_step=summary(baseline.early_stop_step),
        difference=accuracy,
        loss_difference=loss,
        behaviour=behaviour(dense, candidate, labels),
        dividend=_dividend(step, context, examples, right[1]),
        replicates_needed=needed(accuracy, spread(examples, changes), len(examples), rule, whole=spec.replicates)
        if open_still
        else None,
        collapses=seen.collapses,
        broken=status == "FAIL" and (bool(gone) or seen.judged(each, spec)[0] == "FAIL"),
    )


def _dividend(
    step: Gate, context: Context, examples: list[NDArray[np.int64]], control: list[NDArray[np.float64]]
) -> Difference | None:
    """The ticket of the level minus this control, with an interval for all controls of the level together."""
    if step.ticket is None:
        return None
    tickets = [gate.ticket for gate in step.pooled if gate.ticket]
    ticket = _right(_records(tickets, context), context)
    ahead = [t - c for t, c in zip(ticket, control, strict=True)]
    return difference(examples, ahead, shared(TWO_SIDED, len(context.spec.controls)))


def _right(records: Records, context: Context) -> list[NDArray[np.float64]]:
    """1 where the prediction is the label, 0 elsewhere, on each replicate's test split."""
    labels = context.data.examples.labels
    pairs = zip(of_test(records, "example"), of_test(records, "prediction"), strict=True)
    return [(labels[example.astype(np.int64)] == prediction).astype(np.float64) for example, prediction in pairs]


def _added_loss(dense: Records, candidate: Records) -> list[NDArray[np.float64]]:
    """Loss of the candidate minus that of dense, in nats; not finite where one of them is not."""
    losses = zip(of_test(dense, "loss"), of_test(candidate, "loss"), strict=True)
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        return [c - d for d, c in losses]


def _diverged(arm: str, records: Records, metrics: TrainMetrics) -> list[str]:
    """A sentence if a replicate diverged on validation, or ended with a test loss that is not finite."""
    losses = zip(metrics.diverged_at, of_test(records, "loss"), strict=True)
    at = [metrics.stop if look is None and not np.isfinite(loss).all() else look for look, loss in losses]
    sentence = diverged(arm, metrics.replicates, at)
    return [sentence] if sentence else []


def _pooled(step: Gate) -> tuple[list[Train], list[Train]]:
    """The dense trainings and the candidates of every cohort up to this one."""
    return [gate.dense for gate in step.pooled], [gate.candidate for gate in step.pooled]


def _records(trains: list[Train], context: Context) -> Records:
    """The records of all cohorts, one after the other, with a leading R."""
    each = [context.tensors(train, "records.safetensors") for train in trains]
    return {name: torch.cat([records[name] for records in each]) for name in each[0]}


def _metrics(trains: list[Train], context: Context) -> TrainMetrics:
    """The metrics of all cohorts: those lists that have an entry for each replicate are joined."""
    each = [TrainMetrics.model_validate_json(context.ledger.read(train, "metrics.json")) for train in trains]
    joined = {
        name: [entry for metrics in each for entry in getattr(metrics, name)]
        for name in TrainMetrics.model_fields
        if name not in ("start", "stop", "looks")
    }
    return each[-1].model_copy(update=joined)
