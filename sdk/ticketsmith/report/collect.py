"""Gather the findings of a run: walk its steps in order and take what is done."""

import json
from hashlib import sha256
from itertools import chain
from math import sqrt
from statistics import fmean, stdev

from .. import __version__
from ..documents import canonical
from ..ledger import TRAINERS, Ledger
from ..lottery.imp import imp
from ..lottery.results import Samples, Speed, Summary, TrainMetrics, Verdict
from ..lottery.schedule import rounds
from ..lottery.spec import Experiment
from ..lottery.steps import Benchmark, Gate, Report, Step, Train
from ..lottery.task import Task
from ..runs import steps
from ..tries import earlier
from .findings import Divergence, Findings


def collect(ledger: Ledger, spec: Experiment, task: Task) -> Findings:
    """The findings of a run as far as it got. Raises IntegrityError if an artifact is not what it was."""
    done, missing, stopped_at = _walk(ledger, spec)
    newest = {(s.level, s.arm): s for s in done if isinstance(s, Gate)}  # it judges the cohorts before as well
    gates = sorted(newest.values(), key=lambda gate: _order(gate, spec))
    verdicts = [_verdict(ledger, gate) for gate in gates]
    metrics = {
        s: TrainMetrics.model_validate_json(ledger.read(s, "metrics.json")) for s in done if isinstance(s, Train)
    }
    inputs = {step.key: ledger.digest(step) for step in done}
    trainers = {level: each["trainer"] for level, each in (ledger.agreed(TRAINERS) or {}).items()}
    seconds = _replicate_seconds({s: json.loads(ledger.read(s, "timing.json"))["seconds"] for s in metrics})
    tries = earlier(ledger)
    speed = next((ledger.read(s, "speed.json") for s in done if isinstance(s, Benchmark)), None)
    return Findings(
        run_id=ledger.run_id,
        digest=_digest(spec, task, inputs, speed, trainers, seconds, tries),
        version=__version__,
        task=task.summary,
        spec=spec,
        target=rounds(spec.pruning),
        stopped_at=stopped_at,
        dense_score=_dense(verdicts, metrics),
        verdicts=verdicts,
        speed=Speed.model_validate_json(speed) if speed else None,
        samples=_samples(ledger, gates),
        trainers=trainers,
        replicate_seconds=seconds,
        one_pool=not task.folds,
        tries=tries,
        diverged=list(chain.from_iterable(_diverged(step, each) for step, each in metrics.items())),
        inputs=inputs,
        missing=[step.key for step in missing],
    )


def _walk(ledger: Ledger, spec: Experiment) -> tuple[list[Step], list[Step], int | None]:
    """Steps done, steps missing, and the level whose FAIL ended the rounds. The report itself counts as neither."""
    stopped_at = _stopped_at(ledger, spec) if spec.stop_on_fail else None
    every = [step for step in steps(ledger, spec, stopped_at) if not isinstance(step, Report)]
    done = [step for step in every if ledger.done(step)]
    kept = set(done)
    return done, [step for step in every if step not in kept], stopped_at


def _stopped_at(ledger: Ledger, spec: Experiment) -> int | None:
    gates = (step for step in imp(spec) if isinstance(step, Gate) and step.arm == "ticket")
    return next((gate.level for gate in gates if ledger.done(gate) and _verdict(ledger, gate).status == "FAIL"), None)


def _verdict(ledger: Ledger, gate: Gate) -> Verdict:
    return Verdict.model_validate_json(ledger.read(gate, "verdict.json"))


def _order(gate: Gate, spec: Experiment) -> tuple[int, int]:
    return gate.level, ("ticket", *spec.controls).index(gate.arm)


def _digest(
    spec: Experiment,
    task: Task,
    inputs: dict[str, str],
    speed: bytes | None,
    trainers: dict[str, str],
    seconds: float | None,
    tries: list[str],
) -> str:
    """Everything that the report is made of; times lie outside their steps' manifests, so they count as well."""
    whole = {
        "spec": spec.model_dump(mode="json"),
        "task": task.summary,
        "steps": inputs,
        "trainers": trainers,
        "speed": sha256(speed).hexdigest() if speed else None,
        "seconds": seconds,
        "tries": tries,
    }
    return sha256(canonical(whole)).hexdigest()


def _dense(verdicts: list[Verdict], metrics: dict[Train, TrainMetrics]) -> Summary | None:
    """As the gate summed it up; before the first gate, the mean and its standard error."""
    if verdicts:
        return verdicts[0].dense_score
    for step, each in metrics.items():
        if step.arm == "dense":
            values = each.test_score
            se = stdev(values) / sqrt(len(values)) if len(values) > 1 else None
            return Summary(mean=fmean(values), se=se, low=None, high=None, n=len(values))
    return None


def _replicate_seconds(timings: dict[Train, list[float]]) -> float | None:
    """Everything that was trained, by the replicates that it was trained for."""
    replicates = sum(len(seconds) for step, seconds in timings.items() if step.arm == "dense")
    return sum(chain.from_iterable(timings.values())) / replicates if replicates else None


def _samples(ledger: Ledger, gates: list[Gate]) -> Samples | None:
    tickets = [gate for gate in gates if gate.arm == "ticket"]
    return Samples.model_validate_json(ledger.read(tickets[-1], "samples.json")) if tickets else None


def _diverged(step: Train, metrics: TrainMetrics) -> list[Divergence]:
    return [
        Divergence(arm=step.arm, level=step.level, replicate=replicate, update=update)
        for replicate, update in zip(metrics.replicates, metrics.diverged_at, strict=True)
        if update is not None
    ]
