"""Smaller dense networks: what the task's `smaller` makes of the ticket's weights, and what they would take."""

from collections.abc import Iterator

from ticketsmith.lottery import ladder

from ..ladder import rung
from .findings import Sentence, note
from .trial import Trial


def smaller(trial: Trial) -> Iterator[Sentence]:
    """Each rung that is smaller than dense. Raises UsageError for one that cannot be made."""
    if not hasattr(trial.task.code, "smaller"):
        return
    asked = trial.usable.model_copy(update={"controls": (ladder.LADDER,)})
    rungs = {name: rung(trial.context, name) for name in ladder.rungs(asked)}
    made = ", ".join(f"{network.weights:,} weights for {ladder.RUNGS[name]:g}x" for name, network in rungs.items())
    yield note(f"smaller() gives dense networks of {made} those of the ticket")
    if ladder.LADDER in trial.usable.controls:
        updates = len(rungs) * (trial.usable.training.steps + ladder.updates(trial.usable))
        yield note(
            f"the ladder takes {updates:,} updates of them, beside {ladder.updates(trial.usable):,} of the search"
        )
