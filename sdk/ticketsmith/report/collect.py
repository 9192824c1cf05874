"""Gather the findings of a run: walk its steps in order and take what is done."""

import json
from hashlib import sha256
from itertools import chain
from math import sqrt
from statistics import fmean, stdev

from .. import __version__
from ..documents import canonical
from ..ledger import TRAINERS, Ledger
from ..lottery.card import Card
from ..lottery.controls import beside, masked
from ..lottery.price import Rates
from ..lottery.results import Samples, Speed, Summary, TrainMetrics, Verdict
from ..lottery.schedule import rounds
from ..lottery.spec import Experiment
from ..lottery.steps import Benchmark, Gate, Report, Step, Train
from ..runs import last_level, recorded, steps, verdict
from ..tries import earlier
from .findings import Climbed, Divergence, Findings, Spent

SAMPLES = "samples.json"


def collect(ledger: Ledger, spec: Experiment, card: Card, rates: Rates | None = None) -> Findings:
    """The findings of a run as far as it got, and prices. Raises IntegrityError if an artifact is not what it was."""
    done, missing, last = _walk(ledger, spec)
    newest = {(s.level, s.arm): s for s in done if isinstance(s, Gate)}  # it judges the cohorts before as well
    gates = sorted(newest.values(), key=lambda gate: _order(gate, spec))
    verdicts = [verdict(ledger, gate) for gate in gates]
    metrics = {s: recorded(ledger, s, "metrics.json", TrainMetrics) for s in done if isinstance(s, Train)}
    inputs = {step.key: ledger.digest(step) for step in done}
    trainers = {level: entry["trainer"] for level, entry in (ledger.agreed(TRAINERS) or {}).items()}
    timings = {step: json.loads(ledger.read(step, "timing.json"))["seconds"] for step in metrics}
    searched = {step: entry for step, entry in timings.items() if step.level <= rounds(spec.pruning)}
    seconds, spent = _replicate_seconds(searched), _spent(searched, spec)
    shown = _samples(ledger, gates, spec) if spec.samples else {}
    tries = earlier(ledger)
    benchmark = next((s for s in done if isinstance(s, Benchmark)), None)
    speed = ledger.read(benchmark, "speed.json") if benchmark else None
    return Findings(
        run_id=ledger.run_id,
        digest=_digest(spec, card, inputs, speed, trainers, spent, tries, rates),
        version=__version__,
        task=card.summary,
        metric=card.metric,
        spec=spec,
        target=rounds(spec.pruning),
        stopped_at=last if last < rounds(spec.pruning) else None,
        dense_score=_dense(verdicts, metrics),
        verdicts=verdicts,
        speed=recorded(ledger, benchmark, "speed.json", Speed, speed) if benchmark else None,
        ladder=_ladder(metrics),
        samples=shown.pop("ticket", None),
        beside=shown,
        trainers=trainers,
        replicate_seconds=seconds,
        spent=spent,
        rates=rates,
        one_pool=not card.folds,
        tries=tries,
        diverged=list(chain.from_iterable(_diverged(step, entry) for step, entry in metrics.items())),
        inputs=inputs,
        missing=[step.key for step in missing],
    )


def _walk(ledger: Ledger, spec: Experiment) -> tuple[list[Step], list[Step], int]:
    """Steps done, steps missing, and the last level as far as verdicts have it. The report itself counts as neither."""
    last = last_level(ledger, spec, ledger.done)
    every = [step for step in steps(ledger, spec, last) if not isinstance(step, Report)]
    done = [step for step in every if ledger.done(step)]
    kept = set(done)
    return done, [step for step in every if step not in kept], last


def _order(gate: Gate, spec: Experiment) -> tuple[int, int]:
    return gate.level, ("ticket", *beside(spec, rounds(spec.pruning))).index(gate.arm)


def _digest(
    spec: Experiment,
    card: Card,
    inputs: dict[str, str],
    speed: bytes | None,
    trainers: dict[str, str],
    spent: list[Spent],
    tries: list[str],
    rates: Rates | None,
) -> str:
    """Everything that the report is made of; times lie outside their steps' manifests, so they count as well."""
    whole = {
        "spec": spec.model_dump(mode="json"),
        "card": card.model_dump(mode="json"),
        "steps": inputs,
        "trainers": trainers,
        "speed": sha256(speed).hexdigest() if speed else None,
        "spent": [arm.model_dump(mode="json") for arm in spent],
        "tries": tries,
        "rates": rates.model_dump(mode="json") if rates else None,
    }
    return sha256(canonical(whole)).hexdigest()


def _dense(verdicts: list[Verdict], metrics: dict[Train, TrainMetrics]) -> Summary | None:
    """As the gate summed it up; before the first gate, the mean and its standard error."""
    if verdicts:
        return verdicts[0].dense_score
    for step, training in metrics.items():
        if step.arm == "dense":
            values = [score for score in training.test_score if score is not None]
            if not values:
                return None
            se = stdev(values) / sqrt(len(values)) if len(values) > 1 else None
            return Summary(mean=fmean(values), se=se, low=None, high=None, n=len(values))
    return None


def _replicate_seconds(timings: dict[Train, list[float]]) -> float | None:
    """Everything that was trained, by the replicates that it was trained for."""
    replicates = sum(len(seconds) for step, seconds in timings.items() if step.arm == "dense")
    return sum(chain.from_iterable(timings.values())) / replicates if replicates else None


def _ladder(metrics: dict[Train, TrainMetrics]) -> list[Climbed]:
    """The networks of the ladder, each once."""
    networks = {
        step.arm: Climbed(arm=step.arm, rung=step.rung, updates=step.stop - step.start, **network.rung.model_dump())
        for step, network in metrics.items()
        if step.rung and network.rung
    }
    return sorted(networks.values(), key=lambda network: (network.weights, network.updates))


def _spent(timings: dict[Train, list[float]], spec: Experiment) -> list[Spent]:
    """Seconds by arm, in the order of the steps."""
    arms: dict[str, list[float]] = {}
    for step, seconds in timings.items():
        arms.setdefault(step.arm, []).extend(seconds)
    gpu = spec.training.device == "cuda"
    return [
        Spent(
            arm=arm,
            trainings=len(seconds),
            core_seconds=0 if gpu else sum(seconds),
            gpu_seconds=sum(seconds) if gpu else 0,
        )
        for arm, seconds in arms.items()
    ]


def _samples(ledger: Ledger, gates: list[Gate], spec: Experiment) -> dict[str, Samples]:
    """The samples that trainings left at the level that the report shows: ticket, then controls in the spec's order."""
    levels = [gate.level for gate in gates if gate.arm == "ticket" and gate.level <= rounds(spec.pruning)]
    judged = {gate.arm: gate for gate in gates if gate.level == max(levels, default=0)}
    arms = {arm: _left(ledger, judged[arm]) for arm in ("ticket", *masked(spec)) if arm in judged}
    return {arm: samples for arm, samples in arms.items() if samples}


def _left(ledger: Ledger, gate: Gate) -> Samples | None:
    """The samples that an arm's trainings left: those of the first cohort that did."""
    trains = (cohort.candidate for cohort in gate.pooled)
    named = (train for train in trains if SAMPLES in ledger.manifest(train)["files"])
    return next((recorded(ledger, train, SAMPLES, Samples) for train in named), None)


def _diverged(step: Train, metrics: TrainMetrics) -> list[Divergence]:
    return [
        Divergence(arm=step.arm, level=step.level, replicate=replicate, update=update)
        for replicate, update in zip(metrics.replicates, metrics.diverged_at, strict=True)
        if update is not None
    ]
