"""The plan of a run: after how many replicates the gate looks, and how often. Settled before the first training.

Whoever could change it after a look could go on until the answer pleases: tests/gate/worlds.py has how often a ticket
that loses quality would then pass.
"""

import json

from .documents import canonical
from .errors import UsageError
from .ledger import MANIFEST, PLAN, Ledger
from .lottery.imp import imp
from .lottery.spec import Experiment


def held(ledger: Ledger, spec: Experiment) -> Experiment:
    """The spec under the plan that its run began with: as many replicates as it asks for, in looks of that plan.

    Raises UsageError if the plan has no such number, or other looks.
    """
    if (plan := _settled(ledger)) is None:
        return spec
    cohort, looks = plan
    asked = spec.max_replicates or spec.replicates
    if spec.looks != looks or asked % cohort or asked > cohort * looks:
        raise _other(ledger, spec, cohort, looks)
    wanted = max(asked, _begun(ledger, spec, cohort, looks) * cohort)
    return spec.model_copy(update={"replicates": cohort, "max_replicates": wanted if wanted > cohort else None})


def settle(ledger: Ledger, spec: Experiment) -> None:
    """Write the plan of a run that begins. Raises UsageError if it began with another one."""
    plan = {"replicates": spec.replicates, "looks": spec.looks}
    if json.loads(ledger.settle(PLAN, lambda: canonical(plan))) != plan:
        cohort, looks = _settled(ledger) or (spec.replicates, spec.looks)
        raise _other(ledger, spec, cohort, looks)


def _settled(ledger: Ledger) -> tuple[int, int] | None:
    """Replicates of a look, and looks."""
    data = ledger.settled(PLAN)
    return None if data is None else (json.loads(data)["replicates"], json.loads(data)["looks"])


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
