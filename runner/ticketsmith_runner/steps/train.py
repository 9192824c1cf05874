"""Train one arm of one round: every replicate of the cohort, each from its own seed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

from ticketsmith.documents import canonical
from ticketsmith.lottery.results import Samples, TrainMetrics
from ticketsmith.lottery.schedule import hold, stretched
from ticketsmith.lottery.spec import Training
from ticketsmith.lottery.steps import Step, Train

from .. import fitted, ladder, samples, trainers
from ..context import Artifacts, Context
from ..evaluate import Evaluation, mean, of_test, score_of, stack_ragged
from ..loop import Trace, train_all
from ..memory import free, halving, parts
from ..network import restore
from ..order import evaluation, fed
from ..planner import trainer_at
from ..splits import Split
from ..tensors import member, pack, stack, unpack
from ..trainers import GroupFile, Mask, Network, State, weights


@dataclass(frozen=True)
class Replicate:
    """The remains of one training, ready to cross a process boundary: tensors as safetensors bytes."""

    weights: bytes
    kept: bytes | None
    records: bytes
    trace: Trace
    test_score: float | None
    test_loss: float | None
    early_stop_test_score: float | None
    seconds: float


def run(step: Train, context: Context) -> Artifacts:
    """`weights`, `records` (and `kept`) as safetensors with a leading R, `metrics.json`, volatile `timing.json`.

    That of an arm beside dense has `samples.json` too, where there is something to show.
    """
    name = trainer_at(context, step.rung or step.level)
    together = hasattr(trainers.trainer(name), "group")
    members = cohort(context, step, name) if together else context.each(partial(replicate, trainer=name), step)
    files = {
        "weights.safetensors": pack(stack([unpack(m.weights) for m in members])),
        "records.safetensors": pack(stack_ragged([unpack(m.records) for m in members])),
        "metrics.json": canonical(_metrics(step, context, members).model_dump(mode="json", exclude_defaults=True)),
    }
    if step.keep is not None:
        files["kept.safetensors"] = pack(stack([unpack(m.kept) for m in members if m.kept is not None]))
    if shown := _samples(step, context, members[0]):
        files["samples.json"] = canonical(shown.model_dump(mode="json"))
    times = {"seconds": [m.seconds for m in members], "updates": [m.trace.seconds for m in members]}
    return Artifacts(files=files, volatile={"timing.json": canonical(times)})


def replicate(context: Context, step: Train, r: int, *, trainer: str) -> Replicate:
    """Train replicate `r` of the cohort. Depends on its own number and seed, never on its neighbours."""
    return halving([r], lambda some: _trained(context, step, some, trainer))[0]


def cohort(context: Context, step: Train, trainer: str) -> list[Replicate]:
    """Train all replicates together, or as many at a time as fit into memory."""
    file = cast(GroupFile, trainers.trainer(trainer))
    free()  # or the arm before counts as memory that is taken
    probe = context.examples.batch(context.split(0).train[:2])
    most = file.most(context.network(rung=step.rung), context.spec.training, context.task.loss, probe)
    members: list[Replicate] = []
    for part in parts(len(context.replicates(step)), most):
        members += halving(part, lambda some: _trained(context, step, some, trainer))
        context.tell(step, len(members))
    return members


def _trained(context: Context, step: Train, members: Sequence[int], trainer: str) -> list[Replicate]:
    began = time.perf_counter()
    numbers = [context.replicates(step)[r] for r in members]
    splits, measures = [context.split(n) for n in numbers], [evaluation(context, n) for n in numbers]
    training, network = _training(step, context.spec.training), context.network(rung=step.rung)
    states, masks = [_start(context, step, r) for r in members], _masks(context, step, members)
    loss = context.task.loss
    with context.task.told("loss"):
        traces = train_all(
            trainers.begin(trainer, network, states, masks, training, loss),
            training,
            span=range(step.start, step.stop),
            keep=step.keep,
            batches=[fed(context, n, split, training) for n, split in zip(numbers, splits, strict=True)],
            looks=[
                partial(measure.look, numbers=split.validation) for measure, split in zip(measures, splits, strict=True)
            ],
        )
    seconds = (time.perf_counter() - began) / len(members)
    exact = training.model_copy(update={"device": "cpu", "precision": "float32"})
    again = partial(trainers.trainer(trainer).start, network, training=exact, loss=loss)
    return [
        _tested(step, partial(again, mask=mask), measure, split, start, trace, seconds)
        for mask, measure, split, start, trace in zip(masks, measures, splits, states, traces, strict=True)
    ]


def _training(step: Train, training: Training) -> Training:
    if step.held:
        return hold(training)
    return stretched(training, step.stop) if step.stop != training.steps else training


def _masks(context: Context, step: Train, members: Sequence[int]) -> list[Mask]:
    if step.mask is None:
        return [{} for _ in members]
    stacked = context.tensors(step.mask, "mask.safetensors")
    return [member(stacked, r) for r in members]


def _tested(
    step: Train,
    again: Callable[[State], Network],
    measure: Evaluation,
    split: Split,
    start: State,
    trace: Trace,
    seconds: float,
) -> Replicate:
    """The remains of a training, with the answers of the network, made `again`, for examples it was not trained on."""
    began = time.perf_counter()
    records = measure.records(again(trace.final).model, split)
    early = records if trace.early is trace.final else measure.records(again(trace.early).model, split)
    if not step.level:  # theta_0, which dense has to beat
        records |= {"untrained": measure.records(again(start).model, split)["score"]} | fitted.baseline(measure, split)
    return Replicate(
        weights=pack(weights(trace.final)),
        kept=pack(trace.kept) if trace.kept and step.keep is not None else None,
        records=pack(records),
        trace=replace(trace, final={}, early={}, kept=None),
        test_score=score_of(records, measure.task.metric),
        test_loss=mean(of_test(records, "loss")),
        early_stop_test_score=score_of(early, measure.task.metric),
        seconds=seconds + time.perf_counter() - began,
    )


def _start(context: Context, step: Train, r: int) -> State:
    """theta_0 from its own stream, under given weights; or what the rewind step left."""
    if step.weights is not None:
        return member(context.tensors(step.weights, "start.safetensors"), r)
    return context.start(context.replicates(step)[r], step.rung).state


def _samples(step: Train, context: Context, first: Replicate) -> Samples | None:
    """Dense and this arm side by side, of the cohort's first replicate; of test examples, the ticket's alone.

    None for the ladder, which is trained beside dense and knows nothing of it.
    """
    if not context.spec.samples or step.rung or (dense := dense_of(step)) is step:
        return None
    if context.task.sample is None and step.arm != "ticket":
        return None
    number = context.replicates(step)[0]
    if context.task.sample is None:
        records = {name: rows[0] for name, rows in context.tensors(dense, "records.safetensors").items()}
        return samples.answered(context, number, records, unpack(first.records))
    networks = context.network(), context.network()
    for network, values in zip(
        networks, (member(context.tensors(dense, "weights.safetensors"), 0), unpack(first.weights)), strict=True
    ):
        restore(network, values)
    return samples.drawn(context, number, *networks)


def dense_of(step: Train) -> Train:
    """The dense training whose mask, or values, a training goes back to; of the dense training, itself."""
    above: list[Step] = [step]
    while (last := above.pop()).arm != "dense" or not isinstance(last, Train):
        above += last.parents
    return last


def _metrics(step: Train, context: Context, members: list[Replicate]) -> TrainMetrics:
    looks = max((m.trace.looks for m in members), key=len)

    def over_looks(values: list[float | None]) -> list[float | None]:
        return values + [None] * (len(looks) - len(values))  # a diverged replicate looked less often

    return TrainMetrics(
        replicates=list(context.replicates(step)),
        start=step.start,
        stop=step.stop,
        looks=looks,
        validation_loss=[over_looks(m.trace.losses) for m in members],
        validation_score=[over_looks(m.trace.scores) for m in members],
        early_stop_step=[m.trace.early_stop_step for m in members],
        early_stop_test_score=[m.early_stop_test_score for m in members],
        test_score=[m.test_score for m in members],
        test_loss=[m.test_loss for m in members],
        diverged_at=[m.trace.diverged_at for m in members],
        rung=ladder.rung(context, step.rung) if step.rung else None,
        **_given(step, context),
    )


def _given(step: Train, context: Context) -> dict[str, Any]:
    """Facts of a dense training that are the same for every replicate: what it has to beat, and how weights fit."""
    if step.level:
        return {}
    named = {"baseline": fitted.name(context.task)}
    if context.spec.sources.weights is None:
        return named
    start = context.start(context.replicates(step)[0])
    return named | {"prefix": start.prefix, "drawn": start.drawn, "unused": start.unused}
