"""The course of a run: its spec, the steps that are done, and the verdicts that they led to."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from pydantic import ValidationError

from ..errors import IntegrityError
from ..ledger import MANIFEST, Ledger
from ..lottery.chains import goes_on, undecided
from ..lottery.imp import imp
from ..lottery.results import Record, TrainMetrics, Verdict
from ..lottery.schedule import furthest, rounds
from ..lottery.spec import BenchmarkOptions, Experiment
from ..lottery.steps import Gate, Step, Train
from ..plans import fits
from ..specs import read_stored
from ..stores import Store

Kind = TypeVar("Kind", bound=Record)


def spec_of(store: Store, run_id: str) -> Experiment:
    """The spec of a run; where it was run with several benchmark options, the one with the most steps done.

    Of equals, that which goes past the target, as somebody asked, or that with the usual options: others may have been
    tried in vain. One with another plan than the run's never trained it: `rewind-point` has counts of its own. Raises
    IntegrityError where there is none any more.
    """
    ledger = Ledger(store, run_id)
    specs = [read_stored(store, key) for key in store.list(f"{run_id}/spec/")]
    if len(specs) == 1:
        return specs[0]
    if not specs:
        raise IntegrityError(f"{run_id} has no spec in {store.url}", "it was deleted meanwhile: ask again")
    specs = [spec for spec in specs if fits(ledger, spec)] or specs
    return max(specs, key=lambda spec: (len(done(ledger, spec)), spec.until_fail, spec.benchmark == BenchmarkOptions()))


def steps(ledger: Ledger, spec: Experiment, last: int | None = None) -> list[Step]:
    """The steps of a run, with as many cohorts and rounds as its verdicts have called for so far."""
    cohorts, last = 1, last_level(ledger, spec, ledger.done) if last is None else last
    while cohorts < spec.cohorts and (gate := _target(spec, cohorts)) and ledger.done(gate):
        if not undecided(spec, gate, verdict(ledger, gate).status):
            break
        cohorts += 1
    return list(imp(spec, cohorts=cohorts, last=last))


def _target(spec: Experiment, cohorts: int) -> Step:
    """The ticket's last gate of the last cohort."""
    return [step for step in imp(spec, cohorts=cohorts) if isinstance(step, Gate)][-1]


def done(ledger: Ledger, spec: Experiment) -> list[Step]:
    """The steps of a spec that are committed. The report is none of them: it is derived, and written anew."""
    return [step for step in steps(ledger, spec) if not step.derived and ledger.done(step)]


def complete(ledger: Ledger, spec: Experiment, until: int | None = None) -> bool:
    """True if nothing is left to run up to level `until`. After an early stop, rounds that it saved do not count."""
    done, of = tally(ledger, spec, until)
    return done == of


def tally(ledger: Ledger, spec: Experiment, until: int | None = None) -> tuple[int, int]:
    """Steps done and steps in all, up to level `until`, by the manifests that are there."""
    wanted, left = _course(ledger, spec, until)
    return len(wanted) - len(left), len(wanted)


def missing(ledger: Ledger, spec: Experiment, until: int | None = None) -> list[Step]:
    """The steps that are left to run, up to level `until`, in order."""
    return _course(ledger, spec, until)[1]


def _course(ledger: Ledger, spec: Experiment, until: int | None) -> tuple[list[Step], list[Step]]:
    """All steps up to a level, and those of them that are left to run."""
    there = set(ledger.store.list(f"{ledger.run_id}/"))
    last = last_level(ledger, spec, lambda gate: _manifest(ledger, gate) in there)
    every = imp(spec, cohorts=spec.cohorts, last=0) if until == 0 else steps(ledger, spec, last)
    wanted = [step for step in every if not step.derived and (until is None or step.level <= until)]
    return wanted, [step for step in wanted if _manifest(ledger, step) not in there]


def diverged(ledger: Ledger, spec: Experiment, *arms: str) -> list[int]:
    """Replicates whose training was recorded without a finite loss at its end; of the given arms, or of any."""
    trains = [s for s in steps(ledger, spec) if isinstance(s, Train) and (not arms or s.arm in arms) and ledger.done(s)]
    lost: set[int] = set()
    for metrics in (recorded(ledger, train, "metrics.json", TrainMetrics) for train in trains):
        ends = zip(metrics.replicates, metrics.diverged_at, metrics.test_loss, strict=True)
        lost |= {replicate for replicate, at, loss in ends if at is not None or loss is None}
    return sorted(lost)


def last_level(ledger: Ledger, spec: Experiment, done: Callable[[Step], bool]) -> int:
    """The last level, as far as verdicts have it: an early stop, the target, or a round past it (`until_fail`)."""
    target, furthest_level = rounds(spec.pruning), furthest(spec)
    if not (spec.stop_on_fail or spec.until_fail):
        return target
    for gate in _gates(imp(spec, last=furthest_level)):
        if gate.level < target and not spec.stop_on_fail:
            continue
        if not done(gate):
            if gate.level >= target:
                return gate.level
        elif not goes_on(spec, gate, (outcome := verdict(ledger, gate)).status, outcome.broken):
            return gate.level
    return furthest_level


def verdict(ledger: Ledger, gate: Step) -> Verdict:
    """The verdict of a finished gate. Raises IntegrityError if this version cannot read it."""
    return recorded(ledger, gate, "verdict.json", Verdict)


def recorded(ledger: Ledger, step: Step, name: str, kind: type[Kind], data: bytes | None = None) -> Kind:
    """Record of a finished step; from `data`, where that was read. Raises IntegrityError for one of another version."""
    try:
        return kind.model_validate_json(ledger.read(step, name) if data is None else data)
    except ValidationError as error:
        raise IntegrityError(
            f"{ledger.run_id}/{step.key}/{name} is whole and none of this version: {_first(error)}",
            "read it with the version of TicketSmith that made it; its report.html needs none",
        ) from error


def _first(error: ValidationError) -> str:
    """The first problem, with the path of its field."""
    problem = error.errors()[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"


def verdict_of(ledger: Ledger, spec: Experiment) -> Verdict | None:
    """The ticket's newest verdict at the target sparsity; after an early stop, the FAIL that ended the run."""
    target = rounds(spec.pruning)
    every = steps(ledger, spec, None if spec.stop_on_fail else target)
    gates = [gate for gate in _gates(every) if gate.level <= target]
    done = [gate for gate in gates if gate.level == gates[-1].level and ledger.done(gate)]
    return verdict(ledger, done[-1]) if done else None


def _gates(steps: Iterable[Step]) -> Iterator[Gate]:
    """The ticket's."""
    return (step for step in steps if isinstance(step, Gate) and step.arm == "ticket")


def _manifest(ledger: Ledger, step: Step) -> str:
    return f"{ledger.run_id}/{step.key}/{MANIFEST}"
