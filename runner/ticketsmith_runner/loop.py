"""The training loop: stretches of updates between looks at the validation split. The same for every arm and trainer."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ticketsmith.lottery.spec import Training

from .trainers import Batches, Forward, State, Trainer

Look = Callable[[Forward], tuple[float, float]]


@dataclass
class Trace:
    """What a training saw on the way. Losses are nats, accuracies fractions, steps updates done."""

    final: State
    early: State
    """The weights at the look with the least validation loss."""
    kept: State | None = None
    """The whole state after update k."""
    early_stop_step: int = 0
    looks: list[int] = field(default_factory=list)
    losses: list[float | None] = field(default_factory=list)
    accuracies: list[float | None] = field(default_factory=list)
    diverged_at: int | None = None


def train(
    trainer: Trainer, training: Training, *, span: range, keep: int | None, batches: Batches, look: Look
) -> Trace:
    """Make the updates in `span`. `look(forward)` gives validation loss and accuracy.

    A loss that is not finite ends the training at the next look, with the weights of the look before.
    """
    before, at = trainer.weights(), span.start
    trace = Trace(final=before, early=before, kept=trainer.capture() if keep == at else None)
    for stop in _stops(span, training.evaluate_every, keep):
        trainer.advance(range(at, stop), batches)
        at = stop
        if at == keep:
            trace.kept = trainer.capture()
        if (at % training.evaluate_every == 0 or at == span.stop) and not _note(trace, at, trainer, look):
            trace.kept = trace.kept or trainer.capture()
            break
    return trace


def _stops(span: range, every: int, keep: int | None) -> Iterator[int]:
    """The updates after which something is looked at or kept, and the last."""
    return (done for done in range(span.start + 1, span.stop + 1) if done % every == 0 or done in (keep, span.stop))


def _note(trace: Trace, done: int, trainer: Trainer, look: Look) -> bool:
    """Look at the validation split after `done` updates; False if the training has diverged."""
    loss, accuracy = look(trainer.forward)
    finite = math.isfinite(loss)
    trace.looks.append(done)
    trace.losses.append(loss if finite else None)
    trace.accuracies.append(accuracy if finite else None)
    if not finite:
        trace.diverged_at = done
        return False
    trace.final = trainer.weights()
    if loss == min(seen for seen in trace.losses if seen is not None) and loss not in trace.losses[:-1]:
        trace.early, trace.early_stop_step = trace.final, done
    return True
