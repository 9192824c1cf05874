"""Declarations of a task on raw inputs and on its classes, as a package carries them."""

import sys
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from ticketsmith_runtime.graph import Graph
from ticketsmith_runtime.network import Network
from ticketsmith_runtime.raw import Classes, Scaling, input_of, outputs_of

from .tasks import Task

SCALES = "give SCALING one number each, or one for each channel: Scaling(peak=255, mean=0.5, std=0.25)"
NAMES = 'give CLASSES a name for each output of the network, for example ["daisy", "rose"]'


class Fitting(Protocol):
    """Something that is said of an input or an output."""

    def fits(self, shape: Sequence[int]) -> None:
        """Raises ValueError unless it can be said of this shape."""


S = TypeVar("S", bound=Fitting)


def scaling(task: Task) -> Scaling | None:
    """None if the task has none."""
    return None if task.scaling is None else Scaling(**vars(task.scaling))


def classes(task: Task) -> Classes | None:
    """None if the task has none."""
    return None if task.classes is None else Classes(task.classes)


def ends(graph: Graph | Network, task: Task) -> tuple[Scaling | None, Classes | None]:
    """Both, where they fit the network. Where not, somebody is told, and the ticket is packed all the same."""
    if isinstance(graph, Network) and not graph.traced:  # weights alone answer nothing
        return None, None
    return (
        _fitting("SCALING", lambda: scaling(task), lambda: input_of(graph), task),
        _fitting("CLASSES", lambda: classes(task), lambda: outputs_of(graph), task),
    )


def _fitting(name: str, make: Callable[[], S | None], shape: Callable[[], Sequence[int]], task: Task) -> S | None:
    try:
        if (declaration := make()) is not None:
            declaration.fits(shape())
        return declaration
    except ValueError as error:
        print(f"{name} of task {task.module} is not packed: {error}", file=sys.stderr)
        return None
