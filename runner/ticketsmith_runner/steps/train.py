"""Train one arm of one round: every replicate of the cohort, each from its own seed."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ticketsmith.documents import canonical
from ticketsmith.lottery.results import TrainMetrics
from ticketsmith.lottery.schedule import hold
from ticketsmith.lottery.steps import Train

from .. import trainers
from ..context import Artifacts, Context
from ..data import Data, Split, split
from ..loop import Look, Trace, train_all
from ..memory import free, halving, parts
from ..network import build, draw
from ..planner import settled
from ..records import answers, score, stack_ragged, take
from ..seeds import generator, permutation, seed_of
from ..tensors import member, pack, stack, unpack
from ..trainers import Batches, Forward, GroupFile, Mask, Network, State, weights


@dataclass(frozen=True)
class Replicate:
    """What one training leaves behind, ready to cross a process boundary: tensors as safetensors bytes."""

    weights: bytes
    kept: bytes | None
    records: bytes
    trace: Trace
    test_score: float
    test_loss: float | None
    early_stop_test_score: float
    seconds: float


def run(step: Train, context: Context) -> Artifacts:
    """`weights`, `records` (and `kept`) as safetensors with a leading R, `metrics.json`, volatile `timing.json`."""
    name = settled(context)[step.level]
    together = hasattr(trainers.trainer(name), "group")
    members = cohort(context, step, name) if together else context.each(partial(replicate, trainer=name), step)
    files = {
        "weights.safetensors": pack(stack([unpack(m.weights) for m in members])),
        "records.safetensors": pack(stack_ragged([unpack(m.records) for m in members])),
        "metrics.json": canonical(_metrics(step, context, members).model_dump(mode="json")),
    }
    if step.keep is not None:
        files["kept.safetensors"] = pack(stack([unpack(m.kept) for m in members if m.kept is not None]))
    times = {"seconds": [m.seconds for m in members], "updates": [m.trace.seconds for m in members]}
    return Artifacts(files=files, volatile={"timing.json": canonical(times)})


def replicate(context: Context, step: Train, r: int, *, trainer: str) -> Replicate:
    """Train replicate `r` of the cohort. Depends on its own number and seed, never on its neighbours."""
    return halving([r], lambda some: _trained(context, step, some, trainer))[0]


def cohort(context: Context, step: Train, trainer: str) -> list[Replicate]:
    """Train all replicates together, or as many at a time as fit into memory."""
    file = cast(GroupFile, trainers.trainer(trainer))
    free()  # or the arm before counts as memory that is taken
    most = file.most(build(context.spec.model, context.task), context.spec.training, context.task.shape)
    members: list[Replicate] = []
    for part in parts(len(context.replicates(step)), most):
        members += halving(part, lambda some: _trained(context, step, some, trainer))
        context.tell(step, len(members))
    return members


def _trained(context: Context, step: Train, members: Sequence[int], trainer: str) -> list[Replicate]:
    began = time.perf_counter()
    spec, numbers = context.spec, [context.replicates(step)[r] for r in members]
    data, network = context.data, build(spec.model, context.task)
    splits = [split(context.task, spec.seed, number) for number in numbers]
    training = hold(spec.training) if step.held else spec.training
    states, masks = [_start(context, step, r, network) for r in members], _masks(context, step, members)
    resident = data.on(training.device)
    traces = train_all(
        trainers.begin(trainer, network, states, masks, training),
        training,
        span=range(step.start, step.stop),
        keep=step.keep,
        batches=[
            ordered(resident, each, training.batch_size, spec.seed, number)
            for each, number in zip(splits, numbers, strict=True)
        ],
        looks=[looking(data, each) for each in splits],
    )
    seconds = (time.perf_counter() - began) / len(members)
    exact = training.model_copy(update={"device": "cpu", "precision": "float32"})
    again = partial(trainers.trainer(trainer).start, network, training=exact)
    return [
        _tested(context, step, partial(again, mask=mask), each, trace, seconds)
        for mask, each, trace in zip(masks, splits, traces, strict=True)
    ]


def _masks(context: Context, step: Train, members: Sequence[int]) -> list[Mask]:
    if step.mask is None:
        return [{} for _ in members]
    stacked = context.tensors(step.mask, "mask.safetensors")
    return [member(stacked, r) for r in members]


def _tested(
    context: Context, step: Train, again: Callable[[State], Network], each: Split, trace: Trace, seconds: float
) -> Replicate:
    """What a training leaves, with what the network, made `again`, says of the examples that it was not trained on."""
    began = time.perf_counter()
    records = take(again(trace.final).forward, context.data, each)
    early = records if trace.early is trace.final else take(again(trace.early).forward, context.data, each)
    accuracy, loss = score(records, context.data)
    return Replicate(
        weights=pack(weights(trace.final)),
        kept=pack(trace.kept) if trace.kept and step.keep is not None else None,
        records=pack(records),
        trace=replace(trace, final={}, early={}, kept=None),
        test_score=accuracy,
        test_loss=loss if math.isfinite(loss) else None,
        early_stop_test_score=score(early, context.data)[0],
        seconds=seconds + time.perf_counter() - began,
    )


def _start(context: Context, step: Train, r: int, network: nn.Module) -> State:
    """theta_0 from its own stream, or what the rewind step left."""
    if step.weights is not None:
        return member(context.tensors(step.weights, "start.safetensors"), r)
    drawn = draw(network, generator(context.spec.seed, context.replicates(step)[r], "init"))
    return {f"weights/{name}": value for name, value in drawn.items()}


def ordered(data: Data, each: Split, size: int, seed: int, number: int, stream: str = "order") -> Batches:
    """Each epoch is one shuffle from its own stream; its last, short batch is left out."""
    per_epoch, pool = len(each.train) // size, torch.from_numpy(each.train)
    orders: dict[int, Tensor] = {}

    def chosen(update: int) -> Tensor:
        epoch, position = divmod(update, per_epoch)
        if epoch not in orders:
            orders.clear()
            order = pool[torch.from_numpy(permutation(len(pool), seed, number, f"{stream}/{epoch}"))]
            orders[epoch] = order.to(data.labels.device)
        return orders[epoch][position * size : (position + 1) * size]

    return Batches(data.inputs, data.labels, chosen, lambda update: seed_of(seed, number, f"noise/{update}"))


def looking(data: Data, each: Split) -> Look:
    """Loss and accuracy on the validation split."""
    chosen = torch.from_numpy(each.validation)
    inputs, labels = data.inputs[chosen], data.labels[chosen]

    def look(forward: Forward) -> tuple[float, float]:
        logits = answers(forward, inputs)
        return float(cross_entropy(logits, labels)), float((logits.argmax(1) == labels).double().mean())

    return look


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
        validation_score=[over_looks(m.trace.accuracies) for m in members],
        early_stop_step=[m.trace.early_stop_step for m in members],
        early_stop_test_score=[m.early_stop_test_score for m in members],
        test_score=[m.test_score for m in members],
        test_loss=[m.test_loss for m in members],
        diverged_at=[m.trace.diverged_at for m in members],
    )
