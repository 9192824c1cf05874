"""The plan of a run: after how many replicates the gate looks, and how often. Settled before the first training.

Whoever could change it after a look could go on until the answer pleases: tests/gate/worlds.py has how often a ticket
that loses quality would then pass.
"""

from .documents import canonical
from .errors import IntegrityError, UsageError
from .ledger import MANIFEST, PLAN, Ledger
from .lottery.imp import imp
from .lottery.spec import Experiment
from .specs import revised


def held(ledger: Ledger, spec: Experiment) -> Experiment:
    """The spec under the plan that its run began with: as many replicates as it asks for, in looks of that plan.

    Further looks judge every round: what ends the rounds early, or takes them past the target, is left out then.
    Raises UsageError if the plan has no such number, or other looks, or if the spec does not allow further looks.
    """
    asked = spec.max_replicates or spec.replicates
    if (plan := _settled(ledger)) is None:
        cohort, wanted = spec.replicates, asked
    else:
        cohort, looks = plan
        if spec.looks != looks or asked % cohort or asked > cohort * looks:
            raise _other(ledger, spec, cohort, looks)
        wanted = max(asked, _begun(ledger, spec, cohort, looks) * cohort)
    if wanted == cohort:
        return revised(spec, replicates=cohort, max_replicates=None)
    return revised(spec, replicates=cohort, max_replicates=wanted, stop_on_fail=False, until_fail=False)


def settle(ledger: Ledger, spec: Experiment) -> None:
    """Write the plan of a run that begins. Raises UsageError if it began with another one."""
    ledger.settle(PLAN, lambda: canonical({"replicates": spec.replicates, "looks": spec.looks}))
    if not fits(ledger, spec):
        raise _other(ledger, spec, *(_settled(ledger) or (0, 0)))


def fits(ledger: Ledger, spec: Experiment) -> bool:
    """True if the run has this plan, or none yet."""
    return _settled(ledger) in (None, (spec.replicates, spec.looks))


def _settled(ledger: Ledger) -> tuple[int, int] | None:
    """Replicates of a look, and looks."""
    if (plan := ledger.agreed(PLAN)) is None:
        return None
    try:
        return int(plan["replicates"]), int(plan["looks"])
    except (TypeError, KeyError, ValueError) as error:
        raise IntegrityError(
            f"{ledger.run_id}/{PLAN} is corrupted: no plan", "bring it back from a copy, or begin in another --store"
        ) from error


def _begun(ledger: Ledger, spec: Experiment, cohort: int, looks: int) -> int:
    """Cohorts whose dense training is there: what was begun is finished, whatever is asked for."""
    like = spec.model_copy(update={"replicates": cohort, "max_replicates": cohort * looks})
    dense = [step for step in imp(like, cohorts=looks, last=0) if step.kind == "train"]
    return sum(ledger.store.exists(f"{ledger.run_id}/{step.key}/{MANIFEST}") for step in dense)


def _other(ledger: Ledger, spec: Experiment, cohort: int, looks: int) -> UsageError:
    steps = [cohort * look for look in range(1, looks + 1)]
    counts, asked = ", ".join(map(str, steps)), spec.max_replicates or spec.replicates
    near = next((count for count in steps if count >= asked), steps[-1])
    same = f"--replicates {near}" if looks == spec.looks else f"--set looks={looks} --replicates {near}"
    return UsageError(
        f"{ledger.run_id} began with a gate that looks after {counts} replicates, and this asks for {asked} in "
        f"{spec.looks} look{'s' * (spec.looks > 1)}: a plan that changes after a look would make false PASSes likely",
        f"`{same}` goes on with it (one of {counts}); another plan needs fresh seeds: `--seed {spec.seed + 1}`",
    )
