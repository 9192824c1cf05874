"""From the nodes of a network to the calls of a tape: one token of one sample, as it was once computed step by step.

T: positions that the network knows.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .along import Place
from .between import Bent, Between, Norm
from .execution import Execution, passed
from .int8.rows import Rows
from .layers import Rows as Floats
from .network import Node
from .numerics import Numbers
from .sizes import Shape
from .tape import Aside, At, Tape, Word
from .tape_code import COMBINED


class Step(Protocol):
    """A node at work on new positions, as `sequence` has it."""

    n: int
    node: Node
    value: int
    place: Place
    attributes: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Played:
    """A node that was at work for one token."""

    step: Step
    found: Numbers
    """The value that it put out."""
    given: Sequence[Numbers | None]
    """The values that it read, as they were before anything was cut."""
    code: Any

    def of(self, name: str) -> Any:
        """An attribute of the node."""
        return self.step.attributes[name]


class Recorder:
    """Records node after node. What depends on the token lies in the arena, all else where it is."""

    def __init__(
        self,
        execution: Execution,
        between: Between,
        fixed: Mapping[int, Numbers],
        rooms: Mapping[tuple[int, int], Shape],
    ) -> None:
        """`fixed`: values that do not depend on tokens.  `rooms`: shapes of what is kept of all T positions."""
        self.tape, self._execution, self._fixed = Tape(between, rooms), execution, fixed
        self._places = dict[int, At]()
        self._later: list[tuple[Word, ...]] = []
        codes = [execution.code(n) for n in range(len(execution.network.nodes))]
        pitches = [each.pitch for each in codes if isinstance(each, Rows)]
        self.steps, self.scales = self.tape.taken(max(pitches, default=0) // 4), self.tape.taken(2)

    def record(self, step: Step, values: Sequence[Any]) -> None:
        """A node, as calls or as numpy's. `values`: of the token at the first position, all of them."""
        reads, found = step.node.reads, np.asarray(values[step.value])
        code = self._execution.code(step.n)
        played = Played(step=step, found=found, given=[values[read] for read in reads], code=code)
        rule = same if code is passed else RULES.get(step.node.operator)
        if found.dtype == np.float32 and rule is not None and rule(self, played):
            return
        self.tape.parts.append(Aside(value=step.value, reads=reads, run=step))
        for read in reads:
            if read in self._places:
                self.view(read, values[read].shape)
        if found.dtype == np.float32 and step.place.along.keys is None:
            self.put(played)
            self.view(step.value, found.shape)

    def later(self, *copied: Word) -> None:
        """Copy when the token is through, so that one that fails on its way has changed nothing."""
        self._later.append(copied)

    def ended(self) -> Tape:
        """All calls."""
        for copied in self._later:
            self.tape.call("copy", *copied)
        return self.tape

    def view(self, value: int, shape: Shape) -> None:
        """Let numpy see a value of the arena."""
        self.tape.viewed[value] = self._places[value], shape

    def put(self, played: Played, floats: int = 0) -> At:
        """The place for a value, of so many floats at least."""
        at = self._places[played.step.value] = self.tape.taken(max(floats, played.found.size))
        return at

    def alias(self, played: Played, start: int = 0) -> bool:
        """The value is the first one that was read, or a part of it: no call at all."""
        if (at := self._places.get(played.step.node.reads[0])) is None:
            return False
        self._places[played.step.value] = at.behind(start)
        return True

    def at(self, played: Played, read: int) -> At | None:
        """The place of what was read."""
        return self._places.get(played.step.node.reads[read])

    def fixed(self, played: Played, read: int) -> Numbers | None:
        """The value that was read, if it does not depend on the token."""
        return self._fixed.get(played.step.node.reads[read])


def same(recorder: Recorder, played: Played) -> bool:
    """The same numbers in their order."""
    return played.given[0] is not None and played.given[0].size == played.found.size and recorder.alias(played)


def permuted(recorder: Recorder, played: Played) -> bool:
    """Axes of one number may go anywhere."""
    shape = played.given[0].shape if played.given[0] is not None else ()
    moved = [axis for axis in (axis % len(shape) for axis in played.of("axes")) if shape[axis] > 1]
    return moved == sorted(moved) and recorder.alias(played)


def sliced(recorder: Recorder, played: Played) -> bool:
    """A part of the first axis that has several numbers."""
    assert played.given[0] is not None
    shape, axis = played.given[0].shape, played.of("axis") % played.given[0].ndim
    if math.prod(shape[:axis]) != 1 or played.of("step") != 1:
        return False
    if (start := played.step.place.start) is None:
        start = range(shape[axis])[played.of("start") : played.of("stop")].start
    return recorder.alias(played, start * math.prod(shape[axis + 1 :]))


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


def beside(recorder: Recorder, played: Played) -> bool:
    """Values behind each other in memory, or one that is shifted."""
    if played.step.place.front is not None:
        return shifted(recorder, played)
    reads = range(len(played.given))
    found, axis = [recorder.at(played, read) for read in reads], played.of("axis") % played.found.ndim
    places = [at for at in found if at is not None]
    if len(places) < len(found) or math.prod(played.found.shape[:axis]) != 1:
        return False
    y = recorder.put(played)
    for at, given in zip(places, played.given, strict=True):
        assert given is not None
        recorder.tape.call("copy", at, y, given.size)
        y = y.behind(given.size)
    return True


def row(recorder: Recorder, played: Played) -> bool:
    """A row of a table, in floats, or in steps with a step for each row."""
    eight = played.step.node.operator == "embedding8"
    found = [recorder.fixed(played, read) for read in ((1, 2) if eight else (0,))]
    tables = [each for each in found if each is not None and each.flags.c_contiguous]
    ours = played.step.node.reads[0 if eight else 1] == 0
    if not ours or [str(each.dtype) for each in tables] != (["int8", "float32"] if eight else ["float32"]):
        return False
    recorder.tape.tables.append(len(tables[0]))
    places = map(recorder.tape.held, tables)
    recorder.tape.call("token8" if eight else "token", *places, played.found.size, recorder.put(played))
    return True


def combined(recorder: Recorder, played: Played) -> bool:
    """Numbers beside numbers; the second may have a row for each position."""
    one, other = (_operand(recorder, played, read) for read in (0, 1))
    if one is None or other is None or one[1]:
        return False
    name, size = played.step.node.operator, played.found.size
    recorder.tape.call(name, one[0], *other, size, recorder.put(played))
    return True


def _operand(recorder: Recorder, played: Played, read: int) -> tuple[Word, int] | None:
    """The place of what is read, and how many floats on it is for the next position."""
    array, cuts = recorder.fixed(played, read), [cut for cut in played.step.place.cuts if cut.read == read]
    if array is None:
        at, given = recorder.at(played, read), played.given[read]
        return None if at is None or given is None or given.size != played.found.size else (at, 0)
    if array.dtype != np.float32 or len(cuts) > 1 or any(cut.keys for cut in cuts):
        return None
    if not cuts:
        return recorder.tape.held(np.broadcast_to(array, played.found.shape).copy()), 0
    before, behind = array.shape[: cuts[0].axis], array.shape[cuts[0].axis + 1 :]
    if math.prod(before) != 1 or math.prod(behind) != played.found.size:
        return None
    return recorder.tape.held(np.ascontiguousarray(array)), played.found.size


def normed(recorder: Recorder, played: Played) -> bool:
    """A norm over all numbers of the token."""
    x, norm, n = recorder.at(played, 0), played.code, played.found.shape
    if x is None or not isinstance(norm, Norm):
        return False
    width = math.prod(n[len(n) - norm.axes :])
    if width != played.found.size:
        return False
    gains = map(recorder.tape.held, norm.gains(width))
    words = (1, width, *gains, 1 / width, norm.eps, int(norm.centred))
    recorder.tape.call("norm", x, recorder.put(played), *words)
    return True


def bent(recorder: Recorder, played: Played) -> bool:
    """GELU by tanh."""
    x = recorder.at(played, 0)
    if x is None or not isinstance(played.code, Bent):
        return False
    recorder.tape.call("bend", x, recorder.put(played), played.found.size)
    return True


def linear8(recorder: Recorder, played: Played) -> bool:
    """A Linear in int8, if one thread does it."""
    x, layer = recorder.at(played, 0), played.code
    if x is None or not isinstance(layer, Rows) or not layer.alone:
        return False
    words = layer.words(recorder.steps, recorder.scales, recorder.tape.held(np.zeros(1, np.int32)))
    recorder.tape.call("linear8", layer.address, x, recorder.put(played, layer.width), *words)
    return True


def linear(recorder: Recorder, played: Played) -> bool:
    """A Linear in floats, if one thread does it."""
    x, layer = recorder.at(played, 0), played.code
    if x is None or not isinstance(layer, Floats) or (program := layer.alone()) is None:
        return False
    x_to_y = (x, recorder.put(played), 1, recorder.tape.taken(program.work), recorder.tape.held(program.stream))
    recorder.tape.call("program", program.address, *x_to_y)
    return True


def looked(recorder: Recorder, played: Played) -> bool:
    """Attention to all positions so far, whose keys and values have rooms."""
    found = [recorder.at(played, read) for read in range(3)]
    ends = [each for each in found if each is not None]
    if len(ends) < 3 or not played.step.place.plain:
        return False
    q, _, v = (np.asarray(each) for each in played.given[:3])
    (queries, f), d = q.shape[-2:], v.shape[-1]
    if queries != 1:
        return False
    tape, heads = recorder.tape, math.prod(q.shape[:-2])
    rooms = [tape.rooms[played.step.n, read][0] for read in (1, 2)]
    length = tape.rooms[played.step.n, 1][1][-2]
    sizes = (heads, length, f, d, float(played.of("scale")), tape.taken(f + length))
    tape.call("look", *ends, recorder.put(played), *rooms, *sizes)
    return True


RULES: dict[str, Callable[[Recorder, Played], bool]] = {
    **dict.fromkeys(COMBINED, combined),
    **dict.fromkeys(("view", "expand"), same),
    **dict.fromkeys(("embedding", "embedding8"), row),
    **dict.fromkeys(("layer_norm", "rms_norm"), normed),
    "permute": permuted,
    "slice": sliced,
    "pad": shifted,
    "cat": beside,
    "gelu_tanh": bent,
    "linear8": linear8,
    "linear": linear,
    "attention": looked,
}
"""By operator: records calls, and tells whether it did. One that is not there is numpy's."""
