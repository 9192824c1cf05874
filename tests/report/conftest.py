"""A run without training: fake results, committed step by step to a real store through a real ledger."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ticketsmith import specs
from ticketsmith.documents import canonical
from ticketsmith.ledger import Ledger
from ticketsmith.lottery import results
from ticketsmith.lottery.card import Card
from ticketsmith.lottery.collapse import SURE, at_most
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.ladder import RUNGS
from ticketsmith.lottery.metric import ACCURACY, Metric
from ticketsmith.lottery.spec import Experiment
from ticketsmith.lottery.steps import Benchmark, Gate, Report, Step, Train
from ticketsmith.report import Findings, collect
from ticketsmith.stores.local import LocalStore

DENSE = [0.972, 0.975, 0.970, 0.978, 0.973]
PRUNABLE = 10_000
LEVELS = {1: 0.95, 4: 0.98065}
"""Confidence of each of so many looks that are held to 95 % together."""
STATUSES = ("PASS", "PASS", "PASS")
OVERLAP = Metric(name="intersection over union", higher_is_better=True, margin=0.01)


@dataclass(frozen=True, kw_only=True)
class Fake:
    """Answers of the fake steps."""

    metric: Metric = ACCURACY
    """The task's measure. For others than accuracy, changes are turned, and scaled to the margin."""
    samples: results.Samples | None = None
    """Samples of every training of the ticket; None: two digits."""
    sampled: bool = True
    """Whether trainings of the ticket leave samples."""
    behaves: bool = True
    """Whether verdicts have the behaviour of a classifier."""
    statuses: tuple[str, ...] = STATUSES
    control: str = "FAIL"
    lead: tuple[float, float | None, float | None] = (0.008, 0.003, 0.013)
    """The ticket minus a control: mean and 95 % interval."""
    broken: bool | None = True
    """Of every FAIL: is it one even where all levels are counted?"""
    needed: int | None = 15
    """Replicates that would settle an UNDECIDED."""
    words: str = "plain words"
    """Goes into every string that a runner chooses."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Fields of every ticket's difference that differ from those of its status."""
    ratio: tuple[float, float, float] = (1.84, 1.71, 1.93)
    int8: tuple[float, float, float] | None = None
    """Ratio of what was chosen to dense in int8; None: that was not timed."""
    int8_status: str | None = "PASS"
    """The gate's verdict on it; None: it was not judged."""
    int8_left: tuple[str, ...] = ()
    """Layers of the ticket in int8 that are left in fp32."""
    int8_ticket: float | None = None
    """Ratio of the ticket in int8 to dense in int8; None: it was not timed."""
    served: results.Served | None = None
    """The unit that is paid for; None: a version that did not time it."""
    reckons: bool = True
    """Whether verdicts say what calibration error chance alone gives; those of older versions do not."""
    diverged: Mapping[tuple[str, int], int] = field(default_factory=dict)
    """(arm, level) to the replicate that diverged there."""
    missing: Callable[[Step], bool] = lambda step: False
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Run:
    ledger: Ledger
    spec: Experiment
    card: Card

    @property
    def findings(self) -> Findings:
        return collect(self.ledger, self.spec, self.card)


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Run]:
    """`build(**fields of Fake)`: a run of three levels in a fresh store."""

    def make(**fields: Any) -> Run:
        return make_run(LocalStore(tmp_path / f"runs-{len(list(tmp_path.iterdir()))}"), Fake(**fields))

    return make


def make_run(store: LocalStore, fake: Fake) -> Run:
    options = {"replicates": 5, "controls": ["reinit"], "pruning": {"sparsity": 0.48, "fraction": 0.2}} | dict(
        fake.options
    )
    spec = specs.resolve(options, whose := card(fake.metric))
    run = Run(ledger=Ledger(store, "fake-0123456789ab"), spec=spec, card=whose)
    gone: set[str] = set()
    for step in imp(spec):
        if isinstance(step, Report):
            continue
        if fake.missing(step) or any(parent.key in gone for parent in step.parents):
            gone.add(step.key)
            continue
        run.ledger.commit(step, *_files(step, fake, spec))
    return run


def _files(step: Step, fake: Fake, spec: Experiment) -> tuple[dict[str, bytes], dict[str, bytes]]:
    if isinstance(step, Train):
        samples = {"samples.json": _dump(fake.samples or digits())} if step.arm == "ticket" and fake.sampled else {}
        timing = {"timing.json": canonical({"seconds": [2.3] * len(DENSE)})}
        return {"metrics.json": _dump(_metrics(step, fake))} | samples, timing
    if isinstance(step, Gate):
        return {"verdict.json": _dump(_verdict(step, fake, spec))}, {}
    if isinstance(step, Benchmark):
        speed = with_int8(_speed(fake), fake) if fake.int8 else _speed(fake)
        return {}, {"speed.json": _dump(speed.model_copy(update={"served": fake.served}))}
    return {"made.txt": step.key.encode()}, {}


def _dump(record: results.Record) -> bytes:
    return canonical(record.model_dump(mode="json"))


def _metrics(step: Train, fake: Fake) -> results.TrainMetrics:
    n = len(DENSE)
    lost = fake.diverged.get((step.arm, step.level))
    return results.TrainMetrics(
        replicates=list(range(n)),
        start=step.start,
        stop=step.stop,
        looks=[20, 40],
        validation_loss=[[0.2, 0.1]] * n,
        validation_score=[[0.9, 0.95]] * n,
        early_stop_step=[40] * n,
        early_stop_test_score=[0.97] * n,
        test_score=_scores(fake.metric),
        test_loss=[0.1] * n,
        diverged_at=[40 if r == lost else None for r in range(n)],
        rung=results.Rung(weights=round(RUNGS[step.rung] * PRUNABLE / 5), options={"width": 7}) if step.rung else None,
    )


# Mean and bounds that a status follows from, at a margin of 0.005.
CHANGES = {
    "PASS": {"mean": -0.0008, "low": -0.0031, "high": 0.0015},
    "UNDECIDED": {"mean": -0.0042, "low": -0.0081, "high": -0.0003},
    "FAIL": {"mean": -0.0120, "low": -0.0152, "high": -0.0088},
}


def _scores(metric: Metric, change: float = 0.0) -> list[float]:
    """Those of dense and, with a change, of a candidate: shares of accuracy, or scores of the same size in margins."""
    if metric == ACCURACY:
        return [round(value + change, 6) for value in DENSE]
    return [round(1 + turned(metric, value - DENSE[0] + change), 6) for value in DENSE]


def turned(metric: Metric, change: float) -> float:
    """A change of accuracy as one of another metric that does as much harm, counted in margins."""
    return metric.harm(ACCURACY.harm(change)) * metric.margin / ACCURACY.margin


def _turned(metric: Metric, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a difference; an interval that is turned has its ends in the other order."""
    moved = {name: None if changes[name] is None else turned(metric, changes[name]) for name in ("mean", "low", "high")}
    errors = {name: abs(turned(metric, changes[name])) for name in changes if name.startswith("se") and changes[name]}
    ends = {} if metric.higher_is_better else {"low": moved["high"], "high": moved["low"]}
    return dict(changes) | errors | moved | ends


def _verdict(step: Gate, fake: Fake, spec: Experiment) -> results.Verdict:
    status = fake.statuses[step.level - 1] if step.arm == "ticket" else fake.control
    changes = CHANGES[status] | (dict(fake.changes) if step.arm == "ticket" else {})
    metric, lost = fake.metric, 0
    scores, dense = _scores(metric, changes["mean"]), _scores(metric)
    half = abs(turned(metric, 0.003))
    kept = round(PRUNABLE * 0.8**step.level)
    errors = {"se_replicates": 0.0011, "se_items": 0.0009, "se": 0.0011, "examples": 1797}
    errors["kind"] = "share" if metric == ACCURACY else "amount"
    difference = results.Difference(**_turned(metric, errors | changes) if metric != ACCURACY else errors | changes)
    return results.Verdict(
        arm=step.arm,
        level=step.level,
        sparsity=1 - kept / PRUNABLE,
        kept=kept,
        prunable=PRUNABLE,
        status=status,  # type: ignore[arg-type]
        reason=f"{status}: {fake.words}",
        margin=spec.gate.margin,
        loss_margin=spec.gate.loss_margin,
        confidence=LEVELS[spec.looks],
        look=step.cohort + 1,
        looks=spec.looks,
        replicates=list(range(5)),
        test_score=scores,
        dense_test_score=dense,
        score=summary(scores, half),
        dense_score=summary(dense, half),
        early_stop_step=summary([160, 170, 150, 160, 165], 9),
        dense_early_stop_step=summary([200, 210, 190, 200, 205], 9),
        difference=difference,
        loss_difference=results.Difference(
            mean=0.004, se_replicates=0.001, se_items=0.001, se=0.001, low=0.002, high=0.006
        ),
        behaviour=results.Behaviour(
            churn=summary([0.010, 0.012, 0.008, 0.011, 0.009], 0.002),
            calibration_error=summary([0.021] * 5, 0.001),
            dense_calibration_error=summary([0.019] * 5, 0.001),
            calibrated_error=summary([0.0205] * 5, 0.002) if fake.reckons else None,
            dense_calibrated_error=summary([0.0195] * 5, 0.002) if fake.reckons else None,
            worst_class=8,
            worst_class_change=summary([-0.02] * 5, 0.004),
        )
        if fake.behaves
        else None,
        dividend=None if step.ticket is None else _lead(*fake.lead),
        collapses=collapses(lost, 5, 2 * metric.scale * spec.gate.margin),
        replicates_needed=fake.needed if status == "UNDECIDED" else None,
        broken=fake.broken if status == "FAIL" else False,
    )


def _lead(mean: float, low: float | None, high: float | None) -> results.Difference:
    return results.Difference(mean=mean, se_replicates=0.001, se_items=0.001, se=0.001, low=low, high=high)


def summary(values: list[float], half: float) -> results.Summary:
    mean = math.fsum(values) / len(values)
    return results.Summary(mean=mean, se=half / 2.776, low=mean - half, high=mean + half, n=len(values))


def collapses(lost: int, of: int, points: float = 1.0) -> results.Collapses:
    return results.Collapses(by=points, lost=lost, of=of, at_most=at_most(lost, of, SURE))


def card(metric: Metric = ACCURACY) -> Card:
    training = {"steps": 360, "batch_size": 64, "learning_rate": 3e-3}
    return Card(
        name="fake", module="fake", summary="A net on examples", metric=metric, defaults={"training": training},
        options={}, smaller=True, examples=1797, test=360, folds=5, validation=120,
        engine="e" * 64, code="c" * 64, data="d" * 64,
    )  # fmt: skip


def picture(pixels: bytes, height: int = 8, width: int = 8, channels: int = 1) -> results.Picture:
    return results.Picture(height=height, width=width, channels=channels, pixels=pixels.hex())


def digits() -> results.Samples:
    dark, blank = picture(bytes((31 * i) % 256 for i in range(64))), picture(bytes(64))
    samples = [
        results.Sample(example=7, given=dark, truth="3", dense="3", candidate="5"),
        results.Sample(example=9, given=blank, truth="8", dense="8", candidate="8"),
    ]
    return results.Samples(replicate=0, agreement=0.9944, samples=samples)


def _speed(fake: Fake) -> results.Speed:
    words = fake.words
    median, low, high = fake.ratio
    timing = {"p50": 0.00021, "p95": 0.00024, "p99": 0.0003, "throughput": 1.2e6}
    row = results.SpeedRow(backend=f"codegen {words}", batch_size=256, ratio=median, low=low, high=high, **timing)
    dense = results.SpeedRow(backend="torch", batch_size=256, ratio=1.0, low=1.0, high=1.0, **timing)
    machine = results.Machine(
        cpu=f"A CPU {words}", cores=2, device=f"cpu {words}", threads=1,
        versions={f"torch {words}": f"2.15.0 {words}"}, date=f"2026-01-01T00:00:00Z {words}",
    )  # fmt: skip
    return results.Speed(
        machine=machine,
        replicate=2,
        sparsity=0.488,
        max_abs_difference={row.backend: 1.2e-6, "torch": 0.0},
        rows=[dense, row],
        refused=[results.Refusal(backend=f"csr {words}", reason=f"outputs differ {words}")],
        chosen=row.backend,
        headline=row,
    )


def with_int8(speed: results.Speed, fake: Fake) -> results.Speed:
    """The same with dense in int8 beside it."""
    assert fake.int8
    middle, low, high = fake.int8
    to = results.Ratio(to="small", ratio=middle, low=low, high=high)
    fp32 = results.Ratio(to="torch", ratio=speed.headline.ratio, low=speed.headline.low, high=speed.headline.high)
    best = to if middle < speed.headline.ratio else fp32
    chosen = speed.headline.model_copy(update={"int8": to, "any": best})
    quick = {"p50": chosen.p50 * middle, "backend": "small", "ratio": chosen.ratio / middle}
    small = chosen.model_copy(update=quick | {"low": 0.9 * quick["ratio"], "high": 1.1 * quick["ratio"]})
    rows = [row for row in speed.rows if row.backend != chosen.backend]
    added = {"rows": [*rows, small, chosen], "headline": chosen, "precisions": {"small": "int8"}}
    if fake.int8_status is None:
        return speed.model_copy(update=added | {"unjudged": f"it asks for parts {fake.words}"})
    changes = CHANGES[fake.int8_status]
    scores = _scores(fake.metric, changes["mean"])
    errors = {"se_replicates": 0.0011, "se_items": 0.0009, "se": 0.0011, "examples": 1797}
    kind = "share" if fake.metric == ACCURACY else "amount"
    judged = results.Quantized(
        backend="small",
        status=fake.int8_status,  # type: ignore[arg-type]
        reason=f"{fake.int8_status}: {fake.words}",
        replicates=list(range(5)),
        score=summary(scores, abs(turned(fake.metric, 0.003))),
        difference=results.Difference(**_turned(fake.metric, errors | changes), kind=kind),
    )
    if fake.int8_ticket is None:
        return speed.model_copy(update=added | {"quantized": [judged]})
    ours = results.Ratio(to="small", ratio=fake.int8_ticket, low=0.95 * fake.int8_ticket, high=1.1 * fake.int8_ticket)
    same = {"backend": "ticket-int8", "p50": small.p50 / fake.int8_ticket, "ratio": small.ratio * fake.int8_ticket}
    ticket = small.model_copy(update=same | {"int8": ours, "any": ours})
    added |= {"rows": [*added["rows"], ticket], "precisions": {"small": "int8", "ticket-int8": "int8"}}
    verdict = judged.model_copy(update={"backend": "ticket-int8", "ticket": True, "left": [*fake.int8_left]})
    return speed.model_copy(update=added | {"quantized": [verdict, judged]})
