"""The networks of the ladder: what the task's `smaller` makes of a number of weights, held to it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ticketsmith.errors import UsageError
from ticketsmith.lottery import ladder
from ticketsmith.lottery.choices import guess
from ticketsmith.lottery.results import Rung

if TYPE_CHECKING:
    from .context import Context

FAR = 0.25
"""Share of the weights asked for by which a rung may miss them: layers are as wide as whole numbers of units allow."""


def rung(context: "Context", name: str) -> Rung:
    """A rung as the task makes it. Raises UsageError for options that its model lacks, or another number of weights."""
    task, dense = context.task, context.task.prunable(context.network())
    asked = ladder.weights(context.spec, dense, name)
    call = f"smaller({asked}) of task {task.module}"
    if asked < 1:
        raise UsageError(f"controls: the ticket has {asked} weights, and a smaller network one at least", "prune less")
    options = _known(task.smaller(asked), context.card.options, call)
    made = sum(task.prunable(task.model(context.spec.options | options)).values())
    if made >= (whole := sum(dense.values())):
        problem = f"{call} gives a network of {made:,} weights, no smaller than dense with {whole:,}"
        raise UsageError(problem, "give options of a smaller one")
    if abs(made - asked) > FAR * asked:
        raise UsageError(
            f"{call} gives a network of {made:,} weights, {made / asked - 1:+.0%} of what was asked for",
            f"give options of one within {FAR:.0%}: biases, norms and whatever is not pruned do not count",
        )
    return Rung(weights=made, options=options)


def _known(options: object, known: Mapping[str, Any], call: str) -> dict[str, Any]:
    if not isinstance(options, Mapping):
        raise UsageError(f"{call} returns a {type(options).__name__}", "return a dict: options of model(**options)")
    names = [str(name) for name in options]
    if unknown := sorted({*names} - {*known}):
        choices = f"known: {', '.join(known)}" if known else "its model takes none"
        problem = f"{call} gives options that model() does not take: {', '.join(unknown)}"
        raise UsageError(problem, f"{guess(unknown[0], [*known])}{choices}")
    return {name: _plain(value) for name, value in zip(names, options.values(), strict=True)}


def _plain(value: Any) -> Any:
    """Tuples become lists, as in a spec."""
    return [_plain(under) for under in value] if isinstance(value, list | tuple) else value
