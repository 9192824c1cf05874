"""A few updates: masked weights stay zero, the loss falls; and what a round will take."""

import math
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import get_args

import torch
from torch import Tensor

from ticketsmith.lottery.examination import Estimate
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.schedule import rounds
from ticketsmith.lottery.spec import Training
from ticketsmith.lottery.steps import Train

from .. import trainers
from ..network import restore
from ..planner import _unable
from ..room import needed
from ..trainers import Mask, Network, State, weights
from .findings import Sentence, note, problem, some
from .trial import Trial

UPDATES, LOOKS, FEW = 20, 4, 3
RISE = 0.1  # of the loss before, beyond which it counts
MOMENTUM = 0.9
MEASURED = 256  # examples of one evaluation
GIB = 2**30


@dataclass(frozen=True)
class Tried:
    """The first updates of the dense training, and what they showed."""

    losses: list[float]
    """Losses of the first batch, before and after each quarter of the updates."""
    update: float
    """Seconds."""
    memory: int
    """Bytes that a training adds to those of the process."""


def masked(trial: Trial) -> Iterator[Sentence]:
    """Weights outside the mask stay zero, and what an optimizer remembers of them: by each optimizer and trainer."""
    draws = torch.Generator().manual_seed(0)
    values = weights(trial.start)
    mask = {name: torch.rand(values[name].shape, generator=draws) < 0.5 for name in trial.sizes}
    start = {f"weights/{name}": torch.where(mask[name], v, 0) if name in mask else v for name, v in values.items()}
    for name in sorted({choice.trainer for choice in trial.choices.values()}):
        for optimizer in _optimizers():
            changes = {"optimizer": optimizer, "momentum": trial.spec.training.momentum or MOMENTUM}
            training = trial.spec.training.model_copy(update=changes)
            if _unable(name, training, trial.network, trial.subject):
                continue
            if moved := _moved(trial, name, start, mask, training):
                yield problem(
                    f"masked weights move under {optimizer} in {name}: {some(moved)}",
                    "a forward pass that writes into parameters, or a parametrization, undoes a mask: leave it out, "
                    "or leave those weights out of prunable(model)",
                )


def descends(trial: Trial) -> Iterator[Sentence]:
    """The loss of the first batch falls within 20 updates at the spec's learning rate."""
    before, *after = tried(trial).losses
    rate = trial.spec.training.learning_rate
    if not math.isfinite(before):
        return  # which stands at the loss, or at the data
    if any(not math.isfinite(loss) for loss in after):
        yield problem(
            f"the loss is not finite after {UPDATES} updates at training.learning_rate {rate:g}",
            "lower it: --set training.learning_rate=…, or look for a logarithm or a division by zero in loss()",
        )
    elif min(after) > before + RISE * abs(before):
        yield problem(
            f"the loss rises from {before:.4g} to {after[-1]:.4g} within {UPDATES} updates at training.learning_rate "
            f"{rate:g}",
            "lower it: --set training.learning_rate=…",
        )
    elif after[-1] >= before:
        yield note(
            f"the loss does not fall within {UPDATES} updates: {before:.4g}, then {after[-1]:.4g}",
            "look at training.learning_rate, and at what the loss compares",
        )
    else:
        yield note(f"the loss of one batch falls from {before:.4g} to {after[-1]:.4g} in {UPDATES} updates")


def room(trial: Trial) -> Iterator[Sentence]:
    """The machine has the memory that is needed at the least."""
    from ticketsmith.allowance import memory

    there = memory()
    for field, size, reason in needed(trial.context, trial.workers):
        if size > there:
            yield problem(
                f"{field}: {reason} take at least {size / GIB:,.1f} GiB of memory, {there / GIB:,.1f} GiB are here",
                f"a smaller {field}, or fewer --workers",
            )


def estimate(trial: Trial) -> Estimate:
    """Time and memory of dense and of a round, out of the first updates and one evaluation."""
    spec, seen = trial.spec, tried(trial)
    one = _evaluation(trial)
    validation, test = len(trial.split.validation), len(trial.split.test)
    at_once = 1 if spec.training.device == "cuda" else min(trial.workers, spec.replicates)
    waves = -(-spec.replicates // at_once)

    def seconds(step: Train) -> float:
        updates = step.stop - step.start
        looks = -(-updates // spec.training.evaluate_every)
        records = 2 if step.level else 3
        return waves * (updates * seen.update + one * (looks * validation + records * (validation + test)))

    steps = [step for step in imp(spec, last=1) if isinstance(step, Train)]
    return Estimate(
        workers=at_once,
        replicates=spec.replicates,
        update=seen.update,
        evaluation=one * (validation + test),
        dense=sum(seconds(step) for step in steps if not step.level),
        round=sum(seconds(step) for step in steps if step.level),
        rounds=rounds(spec.pruning),
        memory=_resident() + at_once * seen.memory,
    )


_tried: dict[int, Tried] = {}


def tried(trial: Trial) -> Tried:
    """The first updates, made once."""
    if id(trial) not in _tried:
        _tried[id(trial)] = _try(trial)
    return _tried[id(trial)]


def _try(trial: Trial) -> Tried:
    training, name = trial.spec.training, trial.choices[0].trainer
    before, part, fed = _resident(), max(1, min(UPDATES, training.steps) // LOOKS), trial.fed
    losses, seconds = [_loss(trial, trial.start)], []
    with trial.task.told("loss"):
        group = trainers.begin(name, trial.fresh(), [trial.start], [{}], training, trial.task.loss)
        for quarter in range(LOOKS):
            began = time.perf_counter()
            group.advance(range(quarter * part, (quarter + 1) * part), [fed])
            seconds.append((time.perf_counter() - began) / part)
            losses.append(_loss(trial, group.members[0].weights()))
    return Tried(losses, min(seconds[1:]), max(0, _peak() - before))


def _loss(trial: Trial, start: State) -> float:
    """Mean loss of the first batch as a training sees it: normalized by the batch, with the same noise each time."""
    network = trial.fresh()
    restore(network, weights(start))
    return float(torch.as_tensor(trial.asks("loss", network.train(), trial.batch)).double().mean())


def _moved(trial: Trial, name: str, start: State, mask: Mask, training: Training) -> list[str]:
    """Tensors that are not zero outside the mask after a few updates."""
    with trial.task.told("loss"):
        group = trainers.begin(name, trial.fresh(), [start], [mask], training, trial.task.loss)
        group.advance(range(min(FEW, training.steps)), [trial.fed])
    member: Network = group.members[0]
    return [
        key for key, value in member.capture().items()
        if (own := mask.get(key.split("/", 2)[-1] if key.startswith("optimizer/") else key.partition("/")[2]))
        is not None and value.shape == own.shape and _nonzero(value, own)
    ]  # fmt: skip


def _nonzero(value: Tensor, own: Tensor) -> bool:
    """True where a number stands outside the mask. NaN does for a loss that is none, which is another problem."""
    return bool(torch.where(own, 0, value).nan_to_num(0, 0, 0).any())


def _optimizers() -> tuple[str, ...]:
    return get_args(Training.model_fields["optimizer"].annotation)


def _evaluation(trial: Trial) -> float:
    """Seconds per example of an evaluation."""
    numbers, network = trial.split.test[:MEASURED], trial.network.eval()
    look = partial(trial.measure.look, network, numbers)
    look()
    began = time.perf_counter()
    look()
    return (time.perf_counter() - began) / len(numbers)


def _resident() -> int:
    """Bytes that the process holds now; on systems that do not tell, the most that it ever held."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return _peak()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
