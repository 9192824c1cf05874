"""The pods that a run needs: which wait for which, and how long they take together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from heapq import heappop, heappush

from ..argo.tree import Part
from ..hardware import PARALLEL, Profile
from ..lottery.steps import Step, Train

Key = tuple[int, int, str, str]
"""Cohort, level, arm, and `chain`, `gate`, `benchmark` or `report`."""
REPORT: Key = (0, 0, "ticket", "report")
ALONE = ("gate", "benchmark")
"""Steps of a ticket that have a pod to themselves."""


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A pod, by its key."""

    key: Key
    updates: int
    """Of all trainings in it, each counted for its replicates."""
    after: frozenset[Key]
    """Pods that it waits for."""

    @property
    def part(self) -> str:
        return self.key[3]

    @property
    def arm(self) -> str:
        return self.key[2]


def needed(steps: Iterable[Step], replicates: int) -> dict[Key, Pod]:
    """The pods of these steps, and that of the report, which comes last."""
    groups: dict[Key, list[Step]] = {}
    for step in steps:
        if not step.derived:
            groups.setdefault(_key(step), []).append(step)
    pods = {key: _pod(key, some, replicates, frozenset(groups)) for key, some in groups.items()}
    return pods | {REPORT: Pod(key=REPORT, updates=0, after=frozenset(groups))}


def key_of(part: Part) -> Key:
    """The key of a Workflow's part."""
    return REPORT if part.name == "report" else (part.cohort, part.level, part.arm, part.name)


def paid(machines: Profile, part: str) -> bool:
    """True if a pod of this part is paid for by the hour: one with a GPU or, where no machine has one, any."""
    with_gpu = {"chain": machines.train.accelerator, "benchmark": machines.benchmark.accelerator}
    return bool(with_gpu.get(part)) if any(with_gpu.values()) else True


def span(pods: Mapping[Key, Pod], seconds: Mapping[Key, float]) -> float:
    """Seconds until all are done, `PARALLEL` at a time, each as soon as it may."""
    free, ends = [0.0] * PARALLEL, dict[Key, float]()
    order = TopologicalSorter({key: pod.after & pods.keys() for key, pod in pods.items()})
    for key in order.static_order():
        begins = max([heappop(free), *(ends[other] for other in pods[key].after if other in ends)])
        ends[key] = begins + seconds[key]
        heappush(free, ends[key])
    return max(ends.values(), default=0.0)


def _key(step: Step) -> Key:
    alone = step.arm == "ticket" and step.kind in ALONE
    return step.cohort, step.level, step.arm, step.kind if alone else "chain"


def _pod(key: Key, steps: list[Step], replicates: int, every: frozenset[Key]) -> Pod:
    """The pod of these steps: it waits for what they read, and for what the templates have it wait for besides."""
    cohort, level, arm, part = key
    reads = {_key(parent) for step in steps for parent in step.parents}
    if part == "benchmark":
        reads |= every
    elif arm == "dense":
        reads |= {other for other in every if other[0] < cohort and other[3] != "benchmark"}
    else:
        reads.add((cohort, level - (arm == "ticket" and part == "chain"), "ticket", "gate"))
    updates = sum(replicates * (step.stop - step.start) for step in steps if isinstance(step, Train))
    return Pod(key=key, updates=updates, after=frozenset(reads & every) - {key})
