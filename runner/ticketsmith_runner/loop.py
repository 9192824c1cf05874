"""The training loop: stretches of updates between evaluations. The same for every arm and trainer."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from torch import nn

from ticketsmith.lottery.spec import Training

from .trainers import Alone, Fed, Group, Network, State, Trainer

Look = Callable[[nn.Module], tuple[float, float]]
"""Mean loss and mean score on the validation split."""


@dataclass
class Trace:
    """The course of a training. Losses and scores are as recorded, None if not finite; steps are updates done."""

    final: State
    early: State
    """The weights at the evaluation with the least validation loss."""
    kept: State | None = None
    """The whole state after update k."""
    early_stop_step: int = 0
    looks: list[int] = field(default_factory=list)
    losses: list[float | None] = field(default_factory=list)
    scores: list[float | None] = field(default_factory=list)
    diverged_at: int | None = None
    seconds: float = field(default=0.0, compare=False)
    """In updates alone; of a group, this one's share."""


def train(trainer: Trainer, training: Training, *, span: range, keep: int | None, batches: Fed, look: Look) -> Trace:
    """Make the updates in `span`. `look(model)` gives validation loss and score.

    A loss that is not finite ends the training at the next evaluation, with the weights of the one before.
    """
    return train_all(Alone(trainer), training, span=span, keep=keep, batches=[batches], looks=[look])[0]


def train_all(
    group: Group,
    training: Training,
    *,
    span: range,
    keep: int | None,
    batches: Sequence[Fed],
    looks: Sequence[Look],
) -> list[Trace]:
    """The same for the members of a group; what one of them does or becomes changes nothing for the others."""
    at = span.start
    traces = [_begun(member, captured=keep == at) for member in group.members]
    for stop in _stops(span, training.evaluate_every, keep):
        began = time.perf_counter()
        group.advance(range(at, stop), batches)
        seconds, at = (time.perf_counter() - began) / len(traces), stop
        for trace, member, look in zip(traces, group.members, looks, strict=True):
            trace.seconds += seconds
            if trace.diverged_at is None:
                if at == keep:
                    trace.kept = member.capture()
                if (at % training.evaluate_every == 0 or at == span.stop) and not _note(trace, at, member, look):
                    trace.kept = trace.kept or member.capture()
        if all(trace.diverged_at for trace in traces):
            break
    return traces


def _begun(member: Network, captured: bool) -> Trace:
    before = member.weights()
    return Trace(final=before, early=before, kept=member.capture() if captured else None)


def _stops(span: range, every: int, keep: int | None) -> Iterator[int]:
    """The updates after which something is evaluated or captured, and the last."""
    return (done for done in range(span.start + 1, span.stop + 1) if done % every == 0 or done in (keep, span.stop))


def _note(trace: Trace, done: int, member: Network, look: Look) -> bool:
    """Evaluate on the validation split after `done` updates; False if the training has diverged."""
    loss, score = look(member.model)
    finite = math.isfinite(loss)
    trace.looks.append(done)
    trace.losses.append(loss if finite else None)
    trace.scores.append(score if finite and math.isfinite(score) else None)
    if not finite:
        trace.diverged_at = done
        return False
    trace.final = member.weights()
    if loss == min(seen for seen in trace.losses if seen is not None) and loss not in trace.losses[:-1]:
        trace.early, trace.early_stop_step = trace.final, done
    return True
