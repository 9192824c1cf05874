"""A network of tokens that is fed a few at a time: keys and values are kept, nothing is computed twice.

B: samples.  T: positions that the network knows.  n: new ones.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .coded import Attended
from .execution import Execution, Step
from .network import Network
from .numerics import Numbers, attention
from .operators import OPERATORS
from .positions import Along, Place, followed
from .sizes import Shape

Tokens = NDArray[np.int64]
_Kind = Callable[[list[Numbers], "_Span"], Numbers]


@dataclass(eq=False)
class State:
    """A sequence so far, of B samples."""

    batch: int
    length: int = 0
    """Positions that were computed."""
    kept: dict[tuple[int, int], Numbers] = field(default_factory=dict)
    """Keys and values, by node and operand, with room for all T."""

    @property
    def bytes(self) -> int:
        """Memory of what is kept."""
        return sum(each.nbytes for each in self.kept.values())


class Incremental:
    """Tokens in, logits out, each position once. May be called by any number of threads, each with a state of its own.

    Raises Unsuited if a network mixes positions otherwise than by causal attention, naming the node.
    """

    def __init__(self, execution: Execution) -> None:
        self._execution, self.network = execution, execution.network
        self._programs: dict[int, _Program] = {}
        self._program(1)
        self.length = self.network.inputs[0].shape[0]

    @property
    def bytes(self) -> int:
        """Memory of code, weights and whatever else does not depend on tokens, as far as it was made."""
        tables = {id(each): each for program in self._programs.values() for each in program.used()}
        return sum(self._execution.bytes) + sum(each.nbytes for each in tables.values())

    def start(self, batch: int = 1) -> State:
        """An empty sequence, with its memory. Raises ValueError if the network knows one sample alone."""
        if batch != 1 and self.network.single:
            raise ValueError("the network knows one sample alone")
        return State(batch, kept=self._program(batch).room())

    def step(self, tokens: Any, state: State, last: bool = False) -> Numbers:
        """Logits of the new positions, (B, n) -> (B, n, V); `last`: of the last one alone, (B, 1, V).

        Raises ValueError for tokens that do not fit the state or the network.
        """
        tokens_Bn = fitting(tokens, state.batch, state.length, self.length)
        logits = self._program(state.batch)(tokens_Bn, state, last)
        state.length += tokens_Bn.shape[1]
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
        constants = {len(network.inputs) + n: each.array for n, each in enumerate(network.constants)}
        self._fixed: dict[int, Numbers] = {**constants, **execution.fixed(batch)}
        self._first, self._output, self._shapes = network.first, network.outputs[0], network.shapes(batch)
        places = followed(network, batch, self._fixed)
        self._alongs = {0: Along(1), **{network.first + n: place.along for n, place in places.items()}}
        self._early = {0, *_early(network, places)}
        self._base = [self._fixed.get(value) for value in range(network.first + len(network.nodes))]
        self._steps = [_Step(n, network, batch, place, self._shapes, execution.code(n), execution.attended) for n, place in places.items()]

    def used(self) -> Iterator[Numbers]:
        """Values without tokens that numpy reads."""
        for step in self._steps:
            if not step.sparse:
                yield from (self._fixed[read] for read in step.node.reads if read in self._fixed)

    def room(self) -> dict[tuple[int, int], Numbers]:
        """Memory for T positions of all that is kept."""
        return {
            (step.n, read): np.zeros(self._shapes[step.node.reads[read]], np.float32)
            for step in self._steps
            for read in step.place.kept
        }

    def __call__(self, tokens_Bn: Tokens, state: State, last: bool) -> Numbers:
        whole = _Span(state.length, state.length + tokens_Bn.shape[1])
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
            read = [found(each, early or place in step.place.kept) for place, each in enumerate(step.reads)]
            values[value] = step(read, whole if early else late, whole, state)
        return np.ascontiguousarray(found(self._output, False))

    def _all(self, tokens_Bn: Tokens, span: _Span, state: State) -> Numbers:
        """Logits of all new positions: what every token is waited for, with nothing to decide on the way."""
        values: list[Any] = self._base.copy()
        values[0] = tokens_Bn
        for step in self._steps:
            values[step.value] = step([values[each] for each in step.reads], span, span, state)
        return np.ascontiguousarray(values[self._output])


def _early(network: Network, places: Mapping[int, Place]) -> set[int]:
    """Values that keys and values are made of: all positions of these are needed, whichever logits are asked for."""
    found = set[int]()
    ahead = [network.nodes[n].reads[read] for n, place in places.items() for read in place.kept]
    while ahead:
        if (value := ahead.pop()) - network.first in places and value not in found:
            found.add(value)
            ahead += network.nodes[value - network.first].reads
    return found


def _last(array: Numbers, along: Along, count: int) -> Numbers:
    """The last of `count` positions."""
    before, behind = array.shape[: along.axis], array.shape[along.axis + 1 :]
    apart = array.reshape(*before, -1, count, along.inner, *behind)
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
        self._attributes, self._run = self.node.sized(batch), OPERATORS[self.node.operator].run
        self._shape, self._length = shapes[network.first + n], network.inputs[0].shape[0]
        self._kept, self._views = list(place.kept.items()), dict[int, list[int]]()
        if self.node.operator == "slice":
            axis, *ends = (self._attributes[name] for name in ("axis", "start", "stop", "step"))
            self._part: tuple[slice, ...] = (*(slice(None),) * (axis % len(self._shape)), slice(*ends))
        kinds: dict[str, _Kind] = {
            "view": self._moved,
            "expand": self._moved,
            "attention": self._attended,
            "permute": self._permuted,
            "slice": self._sliced,
        }
        self._compute = kinds.get(self.node.operator, self._computed) if code is None else lambda read, _: code(read[0])

    def __call__(self, read: list[Numbers], span: _Span, whole: _Span, state: State) -> Numbers:
        for cut in self.place.cuts:
            part = slice(0 if cut.keys else span.start, span.stop)
            read[cut.read] = read[cut.read][(*(slice(None),) * cut.axis, part)]
        for place, axis in self._kept:
            read[place] = _appended(state.kept[self.n, place], read[place], axis, whole)
        try:
            return self._compute(read, span)
        except (ValueError, IndexError, TypeError) as error:
            raise ValueError(f"node {self.n} ({self.node.operator}) cannot compute: {error}") from None

    def _computed(self, read: list[Numbers], span: _Span) -> Numbers:
        found = np.asarray(self._run(*read, **self._attributes))
        return found.astype(np.float32, copy=False) if found.dtype.kind == "f" else found

    def _moved(self, read: list[Numbers], span: _Span) -> Numbers:
        along, to = self.place.along, self._views.get(span.count)
        if to is None:
            to = self._views[span.count] = list(self._shape)
            to[along.axis] = to[along.axis] // self._length * span.count
        if along.keys is not None:
            to = [span.stop if axis == along.keys else size for axis, size in enumerate(to)]
        moved: Numbers = self._run(read[0], to=to)
        return moved

    def _permuted(self, read: list[Numbers], span: _Span) -> Numbers:
        return read[0].transpose(self._attributes["axes"])

    def _sliced(self, read: list[Numbers], span: _Span) -> Numbers:
        return read[0][self._part]

    def _attended(self, read: list[Numbers], span: _Span) -> Numbers:
        q, k, v, *masks = read
        if self.place.plain:
            looked: Numbers = self._looks(q, k, v, self._attributes["scale"])
            return looked
        if span.count > 1 and self._attributes["causal"]:
            masks = [*masks, np.tri(span.count, span.stop, span.start, dtype=np.bool_)]
        return attention(q, k, v, *masks, causal=False, scale=self._attributes["scale"])


def _appended(room: Numbers, new: Numbers, axis: int, span: _Span) -> Numbers:
    """All positions up to the last new one."""
    before: tuple[slice, ...] = (slice(None),) * axis
    room[(*before, slice(span.start, span.stop))] = new
    return room[(*before, slice(0, span.stop))]
