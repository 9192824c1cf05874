"""Hold a finished run to a published result: what each measure is, and its mean and interval over replicates."""

from collections.abc import Callable
from dataclasses import dataclass

from ticketsmith import __version__
from ticketsmith.certificates import Certified, Checked, Claim, Measure, Tally, certificate
from ticketsmith.errors import Diverged
from ticketsmith.ledger import Ledger
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.results import Density, Summary, TrainMetrics
from ticketsmith.lottery.schedule import rounds
from ticketsmith.lottery.spec import Experiment
from ticketsmith.lottery.steps import Step

from .repetition import chance, together
from .statistics import summary


@dataclass(frozen=True)
class Level:
    """A run's result at one level. At level 0 the ticket is dense, and there is no control."""

    dense: TrainMetrics
    ticket: TrainMetrics
    reinit: TrainMetrics | None
    density: Density | None


def certify(name: str, budget: str, ledger: Ledger, spec: Experiment) -> Certified:
    """The certificate of a finished run. Claims beyond its last full round are untried, not passed."""
    claims = certificate(name).claims
    last = rounds(spec.pruning) - 1  # the last round lands on the target, off the published schedule
    tried = [claim for claim in claims if claim.level <= last]
    checked = [check(claim, summary(MEASURES[claim.measure](_level(claim.level, ledger, spec)))) for claim in tried]
    return add_up(name, budget, ledger.run_id, checked)


def check(claim: Claim, ours: Summary) -> Checked:
    """A claim against what was found."""
    passed = claim.low <= ours.mean <= claim.high
    return Checked(
        text=claim.text,
        measure=claim.measure,
        level=claim.level,
        published=claim.published,
        low=claim.low,
        high=claim.high,
        ours=ours,
        passed=passed,
        beyond=passed and _leaves(ours, claim),
        again=chance(ours, claim.low, claim.high),
    )


def add_up(name: str, budget: str, run: str, checked: list[Checked]) -> Certified:
    """A certificate of these lines; the claims that are not among them are untried."""
    measured = [line for line in checked if not line.scheduled]
    texts = {line.text for line in checked}
    return Certified(
        name=name,
        source=certificate(name).source,
        budget=budget,
        run=run,
        version=__version__,
        checked=checked,
        schedule=_tally([line for line in checked if line.scheduled]),
        measured=_tally(measured),
        again=together([line.again for line in measured]),
        untried=[claim.text for claim in certificate(name).claims if claim.text not in texts],
    )


def _leaves(ours: Summary, claim: Claim) -> bool:
    return ours.low is not None and ours.high is not None and (ours.low < claim.low or claim.high < ours.high)


def _tally(checked: list[Checked]) -> Tally:
    return Tally(passed=sum(line.passed for line in checked), tried=len(checked))


def _remaining(level: Level) -> list[float]:
    """% of the prunable weights, counted from the mask: the same in every replicate."""
    return [100 * (1 - level.density.sparsity)] if level.density else []


def _early_stop(level: Level) -> list[float]:
    """Change of the early-stop iteration against dense, in %."""
    pairs = zip(level.ticket.early_stop_step, level.dense.early_stop_step, strict=True)
    return [100 * (ticket / dense - 1) for ticket, dense in pairs]


def _early_stop_of_reinit(level: Level) -> list[float]:
    """Early-stop iteration of the control over that of the ticket."""
    pairs = zip(_reinit(level).early_stop_step, level.ticket.early_stop_step, strict=True)
    return [control / ticket for control, ticket in pairs]


def _accuracy(level: Level) -> list[float]:
    """Test accuracy at the early-stop iteration, in %."""
    return [100 * score for score in _finite(level.dense)]


def _gain(level: Level) -> list[float]:
    """Ticket minus dense, in points, each at its early-stop iteration."""
    return _points(level.ticket, level.dense)


def _gain_of_reinit(level: Level) -> list[float]:
    """Re-initialised control minus dense, in points, each at its early-stop iteration."""
    return _points(_reinit(level), level.dense)


def _lead(level: Level) -> list[float]:
    """Ticket minus re-initialised control, in points, each at its early-stop iteration."""
    return _points(level.ticket, _reinit(level))


MEASURES: dict[Measure, Callable[[Level], list[float]]] = {
    "remaining": _remaining,
    "dense accuracy": _accuracy,
    "early stop": _early_stop,
    "early stop of re-init": _early_stop_of_reinit,
    "gain": _gain,
    "gain of re-init": _gain_of_reinit,
    "lead": _lead,
}


def _points(ours: TrainMetrics, theirs: TrainMetrics) -> list[float]:
    return [100 * (a - b) for a, b in zip(_finite(ours), _finite(theirs), strict=True)]


def _finite(metrics: TrainMetrics) -> list[float]:
    """Scores at the early-stop iteration. Raises Diverged if one of them is no number."""
    scores = [score for score in metrics.early_stop_test_score if score is not None]
    if len(scores) < len(metrics.early_stop_test_score):
        raise Diverged("a training of the run diverged", "begin the run again with another --seed")
    return scores


def _reinit(level: Level) -> TrainMetrics:
    assert level.reinit is not None, "every budget trains the control"
    return level.reinit


def _level(number: int, ledger: Ledger, spec: Experiment) -> Level:
    steps = {(step.level, step.arm, step.kind): step for step in imp(spec)}

    def metrics(step: Step) -> TrainMetrics:
        return TrainMetrics.model_validate_json(ledger.read(step, "metrics.json"))

    dense = metrics(steps[0, "dense", "train"])
    if number == 0:
        return Level(dense, dense, None, None)
    return Level(
        dense,
        metrics(steps[number, "ticket", "train"]),
        metrics(steps[number, "reinit", "train"]),
        Density.model_validate_json(ledger.read(steps[number, "ticket", "prune"], "density.json")),
    )
