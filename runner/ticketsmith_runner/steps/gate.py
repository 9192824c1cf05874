"""Judge an arm against dense, paired by replicate and by test example: from records alone, without data or torch."""

from typing import TYPE_CHECKING

from ticketsmith.documents import canonical
from ticketsmith.errors import IntegrityError
from ticketsmith.ledger import Ledger
from ticketsmith.lottery.collapse import shared
from ticketsmith.lottery.controls import family
from ticketsmith.lottery.gate import judge
from ticketsmith.lottery.metric import Metric
from ticketsmith.lottery.plateau import plateau
from ticketsmith.lottery.results import Density, Difference, Status, Summary, Verdict
from ticketsmith.lottery.schedule import counted
from ticketsmith.lottery.spec import Experiment
from ticketsmith.lottery.steps import Gate

from ..arms import Arm, arm, change
from ..artifacts import Artifacts
from ..baseline import baseline, unlearned
from ..columns import unpaired
from ..forecast import Spread, components, needed, spread
from ..judgement import Seen, gain, mean, seen
from ..objectives.behaviour import behaviour
from ..statistics import amount, bounded, share, summary

if TYPE_CHECKING:
    from ..context import Context

TWO_SIDED = 0.975  # of each bound of a two-sided 95 % interval


def run(step: Gate, context: "Context") -> Artifacts:
    """`verdict.json`. Raises IntegrityError if the records of both arms do not pair."""
    judgement = verdict(step, context.spec, context.ledger, context.metric)
    return Artifacts(files={"verdict.json": canonical(judgement.model_dump(mode="json"))})


def verdict(step: Gate, spec: Experiment, ledger: Ledger, metric: Metric) -> Verdict:
    """The judgement of an arm over every cohort up to this one."""
    case = seen(*_arms(step, ledger), spec, metric)
    density = Density.model_validate_json(ledger.read(step.mask, "density.json"))
    difference, loss = case.bounds(case.confidence)
    status, reason = ruling(case)
    dense, candidate = case.dense.metrics, case.candidate.metrics
    prunable = sum(density.sizes.values())
    left = candidate.rung.weights if candidate.rung else sum(density.kept.values())
    return Verdict(
        arm=step.arm,
        level=step.level,
        sparsity=1 - left / prunable,
        kept=left,
        prunable=prunable,
        status=status,
        reason=reason,
        margin=case.margin,
        loss_margin=spec.gate.loss_margin,
        confidence=case.confidence,
        look=step.cohort + 1,
        looks=spec.looks,
        replicates=candidate.replicates,
        test_score=candidate.test_score,
        dense_test_score=dense.test_score,
        score=score(case, case.candidate),
        dense_score=score(case, case.dense),
        early_stop_step=summary(candidate.early_stop_step),
        dense_early_stop_step=summary(dense.early_stop_step),
        difference=difference,
        loss_difference=loss,
        behaviour=behaviour(case.dense.columns, case.candidate.columns),
        dividend=_dividend(step, case, ledger),
        replicates_needed=_needed(case, difference) if status == "UNDECIDED" else None,
        collapses=case.collapses,
        broken=status == "FAIL" and _broken(case, step.level),
        baseline=baseline(case.dense, metric),
        plateau=plateau(dense, metric, case.margin),
        alone=case.alone,
    )


def _arms(step: Gate, ledger: Ledger) -> tuple[Arm, Arm]:
    """Dense and candidate of every cohort up to this one, of the same examples."""
    dense = arm([gate.dense for gate in step.pooled], ledger)
    candidate = arm([gate.candidate for gate in step.pooled], ledger)
    if column := unpaired(dense.columns, candidate.columns):
        raise IntegrityError(
            f"{step.key}: the records of dense and {step.arm} are not of the same examples ({column} differs)",
            "the arms were trained on different splits: start the run anew in another --store",
        )
    return dense, candidate


def ruling(case: Seen) -> tuple[Status, str]:
    """Status and reason."""
    if gone := _divergence(case):
        return "FAIL", "; ".join(gone)
    rule = case.spec.gate
    if nothing := unlearned(case.dense, case.metric, rule.confidence, loss=rule.loss_margin is not None):
        return "INVALID", nothing
    return case.judged(case.confidence)


def _divergence(case: Seen) -> list[str]:
    return [reason for reason in (case.dense.divergence(), case.candidate.divergence()) if reason]


def _broken(case: Seen, level: int) -> bool:
    """Tell whether quality is lost even where every level of the scan is counted."""
    of_all = shared(case.confidence, counted(case.spec.pruning, level))
    return bool(_divergence(case)) or case.judged(of_all)[0] == "FAIL"


def score(case: Seen, arm: Arm) -> Summary:
    """The score of an arm, with its interval."""
    return (share if case.kind == "share" else amount)(mean(arm, case.metric))


def _needed(case: Seen, change: Difference) -> int | None:
    """The replicates that are likely to settle the score, where it is what is open."""
    margin, confidence, metric = case.margin, case.confidence, case.metric
    if judge(change, margin, confidence, metric)[0] != "UNDECIDED":
        return None
    replicates, whole, floor = len(case.dense.metrics.replicates), case.spec.replicates, case.floor(confidence)
    return needed(change, _spread(case), replicates, margin, confidence, metric, floor, whole=whole)


def _spread(case: Seen) -> Spread:
    if case.kind != "whole":
        return spread(*case.dense.units(change(case.dense, case.candidate, "score")))
    return components(case.score, sum(map(len, case.dense.examples)) / case.score.examples)


def _dividend(step: Gate, case: Seen, ledger: Ledger) -> Difference | None:
    """The ticket of the level minus this control, with an interval for all of the level together that ask alike."""
    if step.ticket is None:
        return None
    ticket = arm([gate.ticket for gate in step.pooled if gate.ticket], ledger)
    ahead = gain(case.candidate, ticket, case.metric)
    return bounded(ahead, shared(TWO_SIDED, len(family(case.spec, step.arm))), kind=case.kind, metric=case.metric)
