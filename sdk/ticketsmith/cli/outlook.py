"""A run at work in time and money: what its Workflow has spent, and what is left, by the pace of its own pods."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from ..argo import Document, ended
from ..argo.tree import FAILED, Attempt, Part, Tree
from ..errors import TicketSmithError
from ..executors.argo import parameter, profile_of
from ..executors.limits import limits_of
from ..hardware import Profile
from ..lottery.imp import imp
from ..lottery.schedule import rounds
from ..lottery.spec import Experiment
from ..report.numbers import dollars, duration
from ..specs import read_stored
from ..stores import open_store
from .ceiling import Terms
from .estimate import Estimate, estimate
from .forecast import forecast
from .measured import Sample, samples
from .needed import Key, Pod, key_of, needed, paid


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """Both, and the bound. Money where a price was named."""

    left: Estimate | None
    """None: the run has ended, or nothing was measured yet."""
    gpu: str | None
    machine_seconds: float
    """Of pods that are paid for by the hour."""
    dollars: float | None
    at_most: float | None
    """Dollars, when its limit ends it."""

    def __str__(self) -> str:
        cost = f", {dollars(self.dollars)}" if self.dollars is not None else ""
        most = f"; at most ${self.at_most:,.2f}" if self.at_most is not None else ""
        spent = f"spent: {duration(self.machine_seconds)} {f'on {self.gpu}' if self.gpu else 'of machines'}{cost}{most}"
        return f"to go: {self.left}\n{spent}" if self.left else spent


class Observer:
    """Looks at one Workflow again and again, whose spec is read once, if it is at work."""

    def __init__(self, workflow: Document) -> None:
        self.machines, limits = profile_of(workflow), limits_of(workflow)
        self.price, self.seconds = limits.price, limits.seconds
        self.kind = (workflow["metadata"].get("labels") or {}).get("ticketsmith.dev/kind", "")
        self.spec: Experiment | None = None
        if ended(workflow):
            return
        with suppress(TicketSmithError):  # without it there is no estimate, and a look is a look
            store = open_store(str(parameter(workflow, "store")))
            self.spec = read_stored(store, str(parameter(workflow, "spec")))

    def see(self, own: Tree, whole: Tree, now: datetime) -> Outlook | None:
        """The outlook by a Workflow's `own` pods, and the `whole` run; None for machines that are not known."""
        if self.machines is None:
            return None
        spent = [
            _elapsed(attempt, now) for part in own.parts if paid(self.machines, part.name) for attempt in part.attempts
        ]
        return Outlook(
            left=None if own.finished or self.spec is None else self._left(self.spec, self.machines, whole, now),
            gpu=self.machines.train.accelerator or self.machines.benchmark.accelerator,
            machine_seconds=sum(spent),
            dollars=None if self.price is None else sum(spent) / 3600 * self.price,
            at_most=None if self.spec is None else self._most(self.spec, self.machines),
        )

    def _left(self, spec: Experiment, machines: Profile, whole: Tree, now: datetime) -> Estimate | None:
        pods = _pods(spec, self.kind, whole)
        over = {key_of(part) for part in whole.parts if part.phase == "Succeeded" or part.phase in FAILED}
        left = {key: pod for key, pod in pods.items() if key not in over}
        known, rest = list(samples(whole.parts, pods.values())), dict[Key, float]()
        for part in whole.parts:
            if (pod := left.get(key_of(part))) and (times := _times(part, now)):
                past, rest[pod.key] = times
                known.append(Sample(pod=pod, seconds=past + rest[pod.key], trained=past + rest[pod.key]))
        return estimate(left, known, machines, self.price, rest)

    def _most(self, spec: Experiment, machines: Profile) -> float | None:
        hours = None if self.seconds is None else self.seconds / 3600
        return forecast(spec, self.kind, machines, Terms(hours=hours, price=self.price)).dollars


def _pods(spec: Experiment, kind: str, whole: Tree) -> dict[Key, Pod]:
    """Pods of the cohorts and rounds that have begun, and of those up to the target."""
    cohorts = 1 + max((part.cohort for part in whole.parts), default=0)
    last = 0 if kind == "train" else _last(spec, whole)
    return needed(imp(spec, cohorts=cohorts, last=last), spec.replicates)


def _last(spec: Experiment, whole: Tree) -> int:
    """The last round: that whose FAIL ends them, the target or, past it, the one that a gate names."""
    target = rounds(spec.pruning)
    fails = [part.level for part in whole.parts if part.name == "gate" and part.output("status") == "FAIL"]
    if spec.stop_on_fail and min(fails, default=target) < target:
        return min(fails)
    if not spec.until_fail:
        return target
    named = [int(level) for part in whole.parts if (level := part.output("next")) and level.isdigit()]
    return max([target, *named, *(part.level for part in whole.parts if part.name != "report")])


def _elapsed(attempt: Attempt, now: datetime) -> float:
    """Seconds that a pod has been on a machine, about; none while it waits for one."""
    if attempt.end != "running":
        return attempt.seconds or 0.0
    return (now - datetime.fromisoformat(attempt.started)).total_seconds()


def _times(part: Part, now: datetime) -> tuple[float, float] | None:
    """Seconds that a pod at work has taken and has yet to take, by its own progress; None where it tells none."""
    last = part.attempts[-1] if part.attempts else None
    if last is None or last.end != "running":
        return None
    done, of = _progress(last.progress)
    past = _elapsed(last, now)
    return (past, past * (of - done) / done) if done and of > 1 else None


def _progress(text: str) -> tuple[int, int]:
    """`3/10` as numbers; zeros for what is none."""
    done, _, of = text.partition("/")
    return (int(done), int(of)) if done.isdigit() and of.isdigit() else (0, 0)
