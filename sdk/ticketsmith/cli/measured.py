"""Times that pods took: of runs of the same task on the same machines, as far as Argo still has their Workflows."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice

from ..argo import Argo, Document, run_of
from ..argo.tree import Part, tree
from ..errors import TicketSmithError
from ..executors.argo import parameter, profile_of
from ..hardware import Profile
from ..ledger import TRAINERS, Ledger
from ..lottery.imp import imp
from ..lottery.schedule import furthest
from ..lottery.spec import Experiment
from ..lottery.steps import Train
from ..specs import read_stored
from ..stores import Store
from .needed import Pod, key_of, needed
from .outset import TOGETHER

RUNS, TRIED = 3, 10
"""The newest runs with pods like ours, and those that are looked at for them."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A pod that has done its work."""

    pod: Pod
    seconds: float
    """From its making to its end."""
    trained: float
    """Those of them that grow with the updates."""


def samples(parts: Iterable[Part], pods: Iterable[Pod]) -> Iterator[Sample]:
    """The pods of `parts` that are done, as if all that a chain does grew with its updates."""
    known = {pod.key: pod for pod in pods}
    for part in parts:
        seconds = part.attempts[-1].seconds if part.attempts and part.phase == "Succeeded" else None
        if seconds is not None and (pod := known.get(key_of(part))):
            yield Sample(pod=pod, seconds=seconds, trained=seconds)


def measured(argo: Argo, store: Store, spec: Experiment, machines: Profile, wanted: Iterable[Pod]) -> list[Sample]:
    """Pods of the newest runs like this one. Timings are read where a `wanted` one has other counts of updates."""
    like = (workflow for workflow in reversed(argo.list()) if _alike(workflow, store, spec, machines))
    updates = {(pod.arm, pod.updates) for pod in wanted}
    runs: list[list[Sample]] = []
    for workflow in islice(like, TRIED):
        with suppress(TicketSmithError):
            whole = argo.get(workflow["metadata"]["name"])
            runs += [some] if (some := list(_of_run(whole, store, spec, machines, updates))) else []
        if len(runs) == RUNS:
            break
    return list(chain.from_iterable(runs))


def _alike(workflow: Document, store: Store, spec: Experiment, machines: Profile) -> bool:
    """The same task, on the same machines, in the same store; more of it is in the spec."""
    task = run_of(workflow).rpartition("-")[0] == spec.run_id().rpartition("-")[0]
    return task and parameter(workflow, "store") == store.url and profile_of(workflow) == machines


def _of_run(
    workflow: Document, store: Store, spec: Experiment, machines: Profile, updates: set[tuple[str, int]]
) -> Iterator[Sample]:
    other = read_stored(store, str(parameter(workflow, "spec")))
    if _network(other) != _network(spec):
        return
    ledger = Ledger(store, run_of(workflow))
    steps = {step.key: step for step in imp(other, cohorts=other.cohorts, last=furthest(other))}
    workers = 1 if other.training.device == "cuda" else machines.train.cores
    for sample in samples(tree(workflow).parts, needed(steps.values(), other.replicates).values()):
        if sample.pod.updates and (sample.pod.arm, sample.pod.updates) not in updates:
            cohort, level, arm, _ = sample.pod.key
            step = steps.get(f"cohort-{cohort:02d}/level-{level:02d}/{arm}/{Train.kind}")
            if isinstance(step, Train):
                trained = min(sample.seconds, _trained(ledger, step, workers))
                yield Sample(pod=sample.pod, seconds=sample.seconds, trained=trained)
        else:
            yield sample


def _network(spec: Experiment) -> tuple[object, ...]:
    """Fields on which the time of an update hangs."""
    training = spec.training
    return spec.options, training.batch_size, training.device, training.precision, training.trainer


def _trained(ledger: Ledger, step: Train, workers: int) -> float:
    """Wall time of a pod's trainings, from what each of them took on one of so many workers."""
    seconds = json.loads(ledger.read(step, "timing.json"))["seconds"]
    chosen = (ledger.agreed(TRAINERS) or {}).get(str(step.rung or step.level), {}).get("trainer")
    return float(sum(seconds) / (1 if chosen == TOGETHER else min(workers, len(seconds))))
