"""Numbers that move: from one order to another, and from earlier tokens to this one."""

import math

import numpy as np
from numpy.typing import NDArray

from .recording import Played, Recorder
from .tape import At

MOVES = ("view", "expand", "permute", "slice", "select", "cat", "flip", "roll", "repeat")
"""Operators that put out what they read, in another order."""


def same(recorder: Recorder, played: Played) -> bool:
    """The same numbers in their order."""
    if (x := recorder.at(played, 0)) is not None:
        recorder.alias(played, x)
    return x is not None


def moved(recorder: Recorder, played: Played) -> bool:
    """Numbers in another order: no call where they lie in it already."""
    if played.step.place.kept:
        return shifted(recorder, played)
    indices = [placed(recorder, played, read) for read in range(len(played.given))]
    known = [places for places in indices if places is not None]
    if len(known) < len(indices):
        return False
    if not played.found.size:
        recorder.put(played)
        return True
    index = played.step.moved(known).ravel()
    if np.array_equal(index, np.arange(index[0], index[0] + index.size)):
        recorder.alias(played, At(int(index[0])))
    else:
        recorder.alias(played, recorder.gathered(index))
    return True


def placed(recorder: Recorder, played: Played, read: int) -> NDArray[np.int64] | None:
    """Places of the numbers that were read, in the shape that they had."""
    at, given = recorder.at(played, read), played.given[read]
    return None if at is None or given is None else at.place + np.arange(given.size).reshape(given.shape)


def shifted(recorder: Recorder, played: Played) -> bool:
    """Rows of earlier tokens, and room for those of this one."""
    place = played.step.place
    if place.front is None:
        return False
    ((read, axis),) = place.kept.items()
    new, x, places = played.given[read], recorder.at(played, read), place.front.shape[axis]
    if new is None or x is None or not places or math.prod(new.shape[: axis + 1]) != 1:
        return False
    tape, n, rows = recorder.tape, new.size, played.found.shape[axis]
    room, y = tape.taken(places * n), recorder.put(played)
    tape.rooms[played.step.n, read] = room, place.front.shape
    tape.call("copy", room, y, min(rows, places) * n)
    if rows > places:
        tape.call("copy", x, y.behind(places * n), n)
    if places > 1:
        recorder.later(room.behind(n), room, (places - 1) * n)
    recorder.later(x, room.behind((places - 1) * n), n)
    return True
