"""A network of tokens that is fed a few at a time: keys, values and the last rows of what is shifted are kept.

B: samples.  T: positions that the network knows.  n: new ones.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .along import Along, Place
from .execution import Attended, Execution, Step
from .network import Network
from .numerics import Numbers, attention
from .operators import OPERATORS
from .positions import followed
from .recording import Recorder
from .rules import RULES
from .sizes import Shape
from .tape import Arena, Tape

Tokens = NDArray[np.int64]
_Kind = Callable[[list[Numbers], "_Span"], Numbers]


@dataclass(eq=False)
class State:
    """A sequence so far, of B samples."""

    batch: int
    length: int = 0
    """Positions that were computed."""
    kept: dict[tuple[int, int], Numbers] = field(default_factory=dict)
    """By node and operand: keys and values, with room for all T, and as many rows as a shift has places."""
    arena: Arena | None = None
    """Memory for a token on its way, where code goes through it."""
    coming: dict[tuple[int, int], Numbers] = field(default_factory=dict)
    """Rows that will be kept, once the new positions are through: a step that fails may be followed by another."""

    def through(self, count: int) -> None:
        """So many new positions were computed."""
        self.length += count
        for key, rows in self.coming.items():
            self.kept[key][...] = rows

    @property
    def bytes(self) -> int:
        """Memory of what is kept."""
        return sum(room.nbytes for room in self.kept.values())


class Incremental:
    """Tokens in, logits out, each position once. May be called by any number of threads, each with a state of its own.

    Raises Unsuited if a network mixes positions otherwise than by causal attention and shifts, naming the node.
    """

    def __init__(self, execution: Execution) -> None:
        self._execution, self.network = execution, execution.network
        self._programs: dict[int, _Program] = {}
        self._program(1)
        self.length = self.network.inputs[0].shape[0]

    @property
    def bytes(self) -> int:
        """Memory of code, weights and whatever else does not depend on tokens, as far as it was made."""
        tables = {id(table): table for program in self._programs.values() for table in program.used()}
        return sum(self._execution.bytes) + sum(table.nbytes for table in tables.values())

    def start(self, batch: int = 1) -> State:
        """An empty sequence, with its memory. Raises ValueError if the network knows one sample alone."""
        if batch != 1 and self.network.single:
            raise ValueError("the network knows one sample alone")
        return self._program(batch).start()

    def step(self, tokens: Any, state: State, last: bool = False) -> Numbers:
        """Logits of the new positions, (B, n) -> (B, n, V); `last`: of the last one alone, (B, 1, V).

        Raises ValueError for tokens that do not fit the state or the network.
        """
        tokens_Bn = fitting(tokens, state.batch, state.length, self.length)
        state.coming.clear()
        logits = self._program(state.batch)(tokens_Bn, state, last)
        state.through(tokens_Bn.shape[1])
        return logits

    def _program(self, batch: int) -> "_Program":
        if batch not in self._programs:
            self._programs[batch] = _Program(self._execution, batch)
        return self._programs[batch]


def fitting(tokens: Any, batch: int, before: int, length: int) -> Tokens:
    """New tokens. Raises ValueError if they are none, or more than there are positions."""
    array = np.asarray(tokens)
    if array.dtype.kind not in "iu" or array.ndim != 2 or len(array) != batch:
        raise ValueError(f"tokens are {array.dtype} {array.shape}, not whole numbers ({batch}, n)")
    if not 0 < array.shape[1] <= length - before:
        raise ValueError(f"{array.shape[1]} tokens after {before}: the network knows {length} positions")
    if (least := array.min(initial=0)) < 0:
        raise ValueError(f"token {least} is less than 0")
    return array.astype(np.int64, copy=False)


class _Span:
    """New positions, from one to before another."""

    def __init__(self, start: int, stop: int) -> None:
        self.start, self.stop, self.count = start, stop, stop - start


class _Program:
    """The nodes that depend on tokens, for so many samples."""

    def __init__(self, execution: Execution, batch: int) -> None:
        network = execution.network
        constants = {len(network.inputs) + n: constant.array for n, constant in enumerate(network.constants)}
        self._fixed: dict[int, Numbers] = {**constants, **execution.fixed(batch)}
        self._batch, self._first, self._output, self._shapes = (
            batch,
            network.first,
            network.outputs[0],
            network.shapes(batch),
        )
        places = followed(network, batch, self._fixed)
        self._alongs = {0: Along(1), **{network.first + n: place.along for n, place in places.items()}}
        self._limit = execution.limit
        self._early = {0, *_early(network, places)}
        self._base = [self._fixed.get(value) for value in range(network.first + len(network.nodes))]
        self._steps = [
            _Step(n, network, batch, place, self._shapes, execution.code(n), execution.attended)
            for n, place in places.items()
        ]
        self._tape = self._recorded(execution) if batch == 1 else None

    def used(self) -> Iterator[Numbers]:
        """Values without tokens that numpy reads."""
        for step in self._steps:
            if not step.sparse:
                yield from (self._fixed[read] for read in step.node.reads if read in self._fixed)

    def start(self) -> State:
        """An empty sequence."""
        if self._tape is None:
            return State(self._batch, kept=self._room())
        arena = self._tape.arena()
        for step in self._steps:
            for room in [arena.rooms[key] for key in step.fronts & arena.rooms.keys()]:
                room[...] = step.place.front
        return State(self._batch, kept=arena.rooms, arena=arena)

    def _room(self) -> dict[tuple[int, int], Numbers]:
        return {key: np.zeros(shape, np.float32) for key, shape in self._kept().items()}

    def _kept(self) -> dict[tuple[int, int], Shape]:
        """Shapes for T positions of keys and values."""
        lasting = [step for step in self._steps if step.place.front is None]
        return {(step.n, read): self._shapes[step.node.reads[read]] for step in lasting for read in step.place.kept}

    def _recorded(self, execution: Execution) -> Tape | None:
        """A token as calls; None where there is no code, or no token."""
        if execution.between is None:
            return None
        try:
            values = self._values(np.zeros((1, 1), np.int64), _Span(0, 1), State(1, kept=self._room()))
        except ValueError:  # said when it is asked for
            return None
        if values[self._output].dtype != np.float32:  # no logits
            return None
        recorder = Recorder(execution, execution.between, self._fixed, self._kept(), RULES)
        for step in self._steps:
            recorder.record(step, values)
        recorder.view(self._output, values[self._output].shape)
        return recorder.ended()

    def __call__(self, tokens_Bn: Tokens, state: State, last: bool) -> Numbers:
        whole = _Span(state.length, state.length + tokens_Bn.shape[1])
        if whole.count == 1 and state.arena and self._tape and self._tape.knows(int(tokens_Bn[0, 0])):
            return self._played(tokens_Bn, whole, state, state.arena, self._tape)
        with self._limit:
            return self._computed(tokens_Bn, whole, state, last)

    def _computed(self, tokens_Bn: Tokens, whole: _Span, state: State, last: bool) -> Numbers:
        if not last or whole.count == 1:
            return self._all(tokens_Bn, whole, state)
        late = _Span(whole.stop - 1, whole.stop)
        values: dict[int, Numbers] = {0: tokens_Bn}
        narrow: dict[int, Numbers] = {}

        def found(value: int, all_of_it: bool) -> Numbers:
            if value in self._fixed:
                return self._fixed[value]
            if all_of_it or value not in self._early:
                return values[value]
            if value not in narrow:
                narrow[value] = _last(values[value], self._alongs[value], whole.count)
            return narrow[value]

        for step in self._steps:
            value = self._first + step.n
            early = value in self._early
            read = [found(source, early or place in step.place.kept) for place, source in enumerate(step.reads)]
            values[value] = step(read, whole if early else late, whole, state)
        return np.ascontiguousarray(found(self._output, False))

    def _all(self, tokens_Bn: Tokens, span: _Span, state: State) -> Numbers:
        """Logits of all new positions: what every token is waited for, with nothing to decide on the way."""
        return np.ascontiguousarray(self._values(tokens_Bn, span, state)[self._output])

    def _values(self, tokens_Bn: Tokens, span: _Span, state: State) -> list[Any]:
        values: list[Any] = self._base.copy()
        values[0] = tokens_Bn
        for step in self._steps:
            values[step.value] = step([values[read] for read in step.reads], span, span, state)
        return values

    def _played(self, tokens_Bn: Tokens, span: _Span, state: State, arena: Arena, tape: Tape) -> Numbers:
        """The same for one token, by code where there is some."""
        values: list[Any] = []
        for aside in tape(arena, int(tokens_Bn[0, 0]), span.start):
            if not values:
                values = self._seen(tokens_Bn, arena)
            with self._limit:
                output = values[aside.value] = aside.run([values[read] for read in aside.reads], span, span, state)
            if aside.value in arena.views:
                arena.views[aside.value][...] = output
        return arena.views[self._output].copy()

    def _seen(self, tokens_Bn: Tokens, arena: Arena) -> list[Any]:
        """Values that numpy may read: those that are fixed, and those of the arena."""
        values: list[Any] = self._base.copy()
        values[0] = tokens_Bn
        for value, view in arena.views.items():
            values[value] = view
        return values


def _early(network: Network, places: Mapping[int, Place]) -> set[int]:
    """Values that are kept, and what they are made of: all their positions are needed, whichever logits are."""
    values = set[int]()
    ahead = [network.nodes[n].reads[read] for n, place in places.items() for read in place.kept]
    while ahead:
        if (value := ahead.pop()) - network.first in places and value not in values:
            values.add(value)
            ahead += network.nodes[value - network.first].reads
    return values


def _last(array: Numbers, along: Along, count: int) -> Numbers:
    """The last of `count` positions."""
    before, behind = array.shape[: along.axis], array.shape[along.axis + 1 :]
    apart = array.reshape(*before, -1, count + max(along.more, 0), along.inner, *behind)
    return apart[(*(slice(None),) * (len(before) + 1), slice(count - 1, None))].reshape(*before, -1, *behind)


class _Step:
    """A node at work on new positions."""

    def __init__(
        self,
        n: int,
        network: Network,
        batch: int,
        place: Place,
        shapes: Sequence[Shape],
        code: Step | None,
        looks: Attended,
    ) -> None:
        self.n, self.node, self.place = n, network.nodes[n], place
        self.value, self.reads = network.first + n, list(self.node.reads)
        self.sparse, self._looks = code is not None, looks
        self.attributes: dict[str, Any] = self.node.sized(batch)
        self._run = OPERATORS[self.node.operator].run
        self._shape, self._length = shapes[network.first + n], network.inputs[0].shape[0]
        self._kept, self._views = list(place.kept.items()), dict[int, list[int]]()
        self._more = max(place.along.more, 0)
        self.fronts = set[tuple[int, int]]() if place.front is None else {(n, read) for read in place.kept}
        """Rooms that begin with what stands before the first token's rows."""
        if self.node.operator == "slice":
            axis, *ends = (self.attributes[name] for name in ("axis", "start", "stop", "step"))
            self._part: tuple[slice, ...] = (*(slice(None),) * (axis % len(self._shape)), slice(*ends))
        kinds: dict[str, _Kind] = {
            "view": self._moved,
            "expand": self._moved,
            "attention": self._attended,
            "permute": self._permuted,
            "slice": self._sliced if place.start is None else self._narrowed,
        }
        self._compute = kinds.get(self.node.operator, self._computed) if code is None else lambda read, _: code(read[0])

    def __call__(self, read: list[Numbers], span: _Span, whole: _Span, state: State) -> Numbers:
        for cut in self.place.cuts:
            part = slice(0 if cut.keys else span.start, span.stop)
            read[cut.read] = read[cut.read][(*(slice(None),) * cut.axis, part)]
        if self.place.front is not None:
            return self._shifted(read, span, whole, state)
        for place, axis in self._kept:
            read[place] = _appended(state.kept[self.n, place], read[place], axis, whole)
        try:
            return self._compute(read, span)
        except (ValueError, IndexError, TypeError) as error:
            raise ValueError(f"node {self.n} ({self.node.operator}) cannot compute: {error}") from None

    def moved(self, read: list[Numbers]) -> Numbers:
        """The node on other numbers, for the first token of a sequence of its own."""
        return self(read, _Span(0, 1), _Span(0, 1), State(1))

    def _computed(self, read: list[Numbers], span: _Span) -> Numbers:
        output = np.asarray(self._run(*read, **self.attributes))
        return output.astype(np.float32, copy=False) if output.dtype.kind == "f" else output

    def _moved(self, read: list[Numbers], span: _Span) -> Numbers:
        along, to = self.place.along, self._views.get(span.count)
        if to is None:
            to = list(self._shape)
            to[along.axis] = to[along.axis] // (self._length + along.more) * (span.count + self._more)
            self._views[span.count] = to  # whole: another thread may read it at once
        if along.keys is not None:
            to = [span.stop if axis == along.keys else size for axis, size in enumerate(to)]
        moved: Numbers = self._run(read[0], to=to)
        return moved

    def _permuted(self, read: list[Numbers], span: _Span) -> Numbers:
        return read[0].transpose(self.attributes["axes"])

    def _sliced(self, read: list[Numbers], span: _Span) -> Numbers:
        return read[0][self._part]

    def _narrowed(self, read: list[Numbers], span: _Span) -> Numbers:
        assert self.place.start is not None
        return read[0][_part(self.place.along.axis, self.place.start, span.count + self._more)]

    def _shifted(self, read: list[Numbers], span: _Span, whole: _Span, state: State) -> Numbers:
        """New rows behind the last ones before them, and those that will be the last ones are kept."""
        ((place, axis),) = self._kept
        new, front, key = read[place], self.place.front, (self.n, place)
        assert front is not None
        if key not in state.kept:
            joint = new.dtype if self.node.operator == "pad" else np.result_type(front, new)
            state.kept[key] = front.astype(np.float32 if joint.kind == "f" else joint)
        room = state.kept[key]
        rows = np.concatenate([room, new], axis, dtype=room.dtype)
        state.coming[key] = rows[_part(axis, whole.count, room.shape[axis])]
        return rows[_part(axis, span.start - whole.start, span.count + self._more)]

    def _attended(self, read: list[Numbers], span: _Span) -> Numbers:
        q, k, v, *masks = read
        if self.place.plain:
            looked: Numbers = self._looks(q, k, v, self.attributes["scale"])
            return looked
        if span.count > 1 and self.attributes["causal"]:
            masks = [*masks, np.tri(span.count, span.stop, span.start, dtype=np.bool_)]
        return attention(q, k, v, *masks, causal=False, scale=self.attributes["scale"])


def _appended(room: Numbers, new: Numbers, axis: int, span: _Span) -> Numbers:
    """All positions up to the last new one."""
    before: tuple[slice, ...] = (slice(None),) * axis
    room[(*before, slice(span.start, span.stop))] = new
    return room[(*before, slice(0, span.stop))]


def _part(axis: int, start: int, count: int) -> tuple[slice, ...]:
    """So many rows of an axis."""
    return (*(slice(None),) * axis, slice(start, start + count))
