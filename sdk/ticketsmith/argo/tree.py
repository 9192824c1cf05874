"""An experiment as its Workflow tells it: parts (a chain, a gate, the benchmark, the report) and their attempts.

A part is a Retry node of Argo's, an attempt one of its pods. A preempted attempt is no failure: nothing was wrong; nor
is one that was stopped.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from ..preemption import FINAL, LOST, SAID, SIGNALS
from . import Document, run_of

End = Literal["waiting", "running", "done", "preempted", "retried", "failed", "stopped"]
PARTS = ("chain", "gate", "benchmark", "report")
FAILED = ("Failed", "Error")
CHILD = re.compile("(child .* failed)?$")
"""Argo's sentence on a whole of which a part failed: it names that by its number."""
SHUT = re.compile("^(workflow shutdown with strategy|Stopped with strategy)")
OWN = re.compile(r"main: Error \((exit code \d+)\): error: (.*?)\s*\n\s*fix: (.*)", re.DOTALL)
"""Argo's sentence on a pod that left the runner's own words: exit code, problem and fix."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One pod of a part."""

    node: str
    """Id of the node, which ends like the pod's name."""
    phase: str
    exit_code: str
    message: str
    progress: str
    """`3/10` replicates, as the runner reports them; Argo's `0/1` before it does."""
    host: str
    started: str
    finished: str
    log: str | None
    """Key of its archived log in the artifact repository."""
    shut: bool
    """True if it is the last one of a part that ended as its Workflow was shut down."""

    @property
    def end(self) -> End:
        if self.phase == "Succeeded":
            return "done"
        if self.phase in ("Pending", "Running"):
            return "running" if self.phase == "Running" else "waiting"
        if SHUT.search(self.message) or (self.shut and self.exit_code in SIGNALS):
            return "stopped"
        if re.search(SAID, self.message):
            return "preempted" if self.exit_code in SIGNALS else "retried" if self.exit_code == "3" else "failed"
        if re.search(FINAL, self.message):
            return "failed"
        if re.search(LOST, self.message) or self.exit_code in SIGNALS:
            return "preempted"
        return "retried" if self.exit_code == "3" or self.phase == "Error" else "failed"

    @property
    def seconds(self) -> float | None:
        """Wall time of the pod, init and upload of its log included."""
        if not (self.started and self.finished):
            return None
        began, ended = (datetime.fromisoformat(stamp) for stamp in (self.started, self.finished))
        return (ended - began).total_seconds()


@dataclass(frozen=True, kw_only=True)
class Part:
    """The work of one pod, however many attempts it takes."""

    name: str
    """`chain`, `gate`, `benchmark` or `report`."""
    workflow: str
    """Name of the Workflow that it is in; empty where Argo has forgotten it, and the store has what it found."""
    cohort: int
    level: int
    arm: str
    phase: str
    message: str
    attempts: tuple[Attempt, ...]
    outputs: dict[str, str]

    @property
    def title(self) -> str:
        if self.name == "report":
            return "report"
        cohort = f"cohort {self.cohort} " if self.cohort else ""
        return f"{cohort}level {self.level} {self.arm if self.name == 'chain' else self.name}"

    def count(self, end: End) -> int:
        """Attempts that ended so."""
        return sum(attempt.end == end for attempt in self.attempts)

    @property
    def stopped(self) -> bool:
        """True if it was ended by somebody, and not by what it ran into."""
        return bool(SHUT.search(self.message)) or (bool(self.attempts) and self.attempts[-1].end == "stopped")

    @property
    def reason(self) -> str:
        """Words on a wait (for a machine, an image, a quota, a lock), which are Argo's; or on a failure."""
        last = self.attempts[-1].message if self.attempts else ""
        if self.phase in FAILED:
            told = OWN.fullmatch(last)
            return f"{told[2]} ({told[1]})" if told else last or self.message or self.phase
        waits = not self.attempts or self.attempts[-1].end == "waiting"
        return (last or self.message) if waits else ""

    @property
    def fix(self) -> str:
        """The runner's advice on what it failed by; empty where it left none."""
        told = OWN.fullmatch(self.attempts[-1].message) if self.attempts and self.phase in FAILED else None
        return told[3] if told else ""

    def output(self, name: str) -> str | None:
        """The runner's output of this name; None before it gave one."""
        value = self.outputs.get(name, "none")
        return None if value == "none" else value


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A Workflow, seen as an experiment."""

    name: str
    run: str
    kind: str
    phase: str
    message: str
    created: str
    finished: str
    told: dict[str, str]
    """Outputs of the whole, which are there without the nodes too."""
    parts: tuple[Part, ...]

    def of(self, name: str, level: int | None = None, arm: str | None = None, cohort: int | None = None) -> Part | None:
        """The part of this name, level, arm and cohort, if it has begun."""
        parts = (part for part in self.parts if part.name == name and cohort in (None, part.cohort))
        return next((p for p in parts if level in (None, p.level) and arm in (None, p.arm)), None)

    def after(self, earlier: Iterable[Part]) -> "Tree":
        """The same with parts that were done before, unless it has them itself."""
        parts = {part.title: part for part in (*earlier, *self.parts)}
        return replace(self, parts=tuple(sorted(parts.values(), key=_place)))

    @property
    def verdict(self) -> str | None:
        """Status of the last round that a gate has judged."""
        judged = [part.output("status") for part in self.parts if part.name == "gate" and part.arm == "ticket"]
        told = self.told.get("verdict", "none")
        return next((status for status in reversed(judged) if status), None if told == "none" else told)

    @property
    def reason(self) -> str:
        """Argo's sentence on the whole, or on what one of its parts waits for, or failed by."""
        told = next((f"{part.title}: {part.reason}" for part in self.parts if part.reason and not part.stopped), "")
        return told if CHILD.match(self.message) else self.message

    def count(self, end: End) -> int:
        """Attempts of all parts that ended so."""
        return sum(part.count(end) for part in self.parts)


def tree(workflow: Document) -> Tree:
    """Read a Workflow. One that the controller has not seen yet is `Pending`, without parts."""
    metadata, status = workflow["metadata"], workflow.get("status") or {}
    labels, nodes = metadata.get("labels") or {}, status.get("nodes") or {}
    return Tree(
        name=metadata["name"],
        run=run_of(workflow),
        kind=labels.get("ticketsmith.dev/kind", ""),
        phase=status.get("phase") or "Pending",
        message=status.get("message") or "",
        created=metadata.get("creationTimestamp") or "",
        finished=status.get("finishedAt") or "",
        told=_parameters(status.get("outputs")),
        parts=tuple(
            sorted(_parts(metadata["name"], nodes, shut=bool(workflow.get("spec", {}).get("shutdown"))), key=_place)
        ),
    )


def _parts(workflow: str, nodes: dict[str, Document], shut: bool) -> Iterator[Part]:
    retried = {child for node in nodes.values() if node["type"] == "Retry" for child in node.get("children") or []}
    for node in nodes.values():
        if node.get("templateName") not in PARTS or node["id"] in retried or node["type"] not in ("Retry", "Pod"):
            continue
        children = [nodes[child] for child in node.get("children") or [] if child in nodes]
        pods = [node] if node["type"] == "Pod" else [child for child in children if child["type"] == "Pod"]
        given = _parameters(node.get("inputs"))
        pods.sort(key=lambda pod: str(pod.get("startedAt")))
        yield Part(
            name=node["templateName"],
            workflow=workflow,
            cohort=_number(given.get("cohort", "0")),
            level=_number(given.get("level", "")),
            arm=given.get("arm", "ticket"),
            phase=node["phase"],
            message=node.get("message") or "",
            attempts=tuple(_attempt(pod, shut and pod is pods[-1]) for pod in pods),
            outputs=_parameters(node.get("outputs")),
        )


def _place(part: Part) -> tuple[bool, int, int, int]:
    """Cohort by cohort, level by level; benchmark and report are of no cohort, and come last."""
    late = part.name in ("benchmark", "report")
    return late, part.cohort, part.level, PARTS.index(part.name)


def _number(value: str) -> int:
    """99 for a tag that Argo has not replaced, as in a part that was never reached."""
    return int(value) if value.isdigit() else 99


def _attempt(pod: Document, shut: bool) -> Attempt:
    outputs = pod.get("outputs") or {}
    logs = [artifact for artifact in outputs.get("artifacts") or [] if artifact["name"] == "main-logs"]
    return Attempt(
        node=pod["id"],
        phase=pod["phase"],
        exit_code=outputs.get("exitCode") or "",
        message=pod.get("message") or "",
        progress=pod.get("progress") or "",
        host=pod.get("hostNodeName") or "",
        started=pod.get("startedAt") or "",
        finished=pod.get("finishedAt") or "",
        log=logs[0].get("gcs", {}).get("key") if logs else None,
        shut=shut,
    )


def _parameters(section: Document | None) -> dict[str, str]:
    parameters = (section or {}).get("parameters") or []
    return {parameter["name"]: str(parameter.get("value", "none")) for parameter in parameters}
