"""A network of tokens that is fed a few at a time: keys and values are kept, nothing is computed twice.

B: samples.  T: positions that the network knows.  n: new ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


@dataclass(frozen=True)
class _Span:
    """New positions, from one to before another."""

    start: int
    stop: int

    @property
    def count(self) -> int:
        return self.stop - self.start


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
        self._steps = [_Step(n, network, batch, place, self._shapes, execution.code(n)) for n, place in places.items()]

    def room(self) -> dict[tuple[int, int], Numbers]:
        """Memory for T positions of all that is kept."""
        return {
            (step.n, read): np.zeros(self._shapes[step.node.reads[read]], np.float32)
            for step in self._steps
            for read in step.place.kept
        }

    def __call__(self, tokens_Bn: Tokens, state: State, last: bool) -> Numbers:
        whole = _Span(state.length, state.length + tokens_Bn.shape[1])
        late = _Span(whole.stop - 1, whole.stop) if last else whole
        values: dict[int, Numbers] = {0: tokens_Bn}
        narrow: dict[int, Numbers] = {}

        def found(value: int, all_of_it: bool) -> Numbers:
            if value in self._fixed:
                return self._fixed[value]
            if all_of_it or late.count == whole.count or value not in self._early:
                return values[value]
            if value not in narrow:
                narrow[value] = _last(values[value], self._alongs[value], whole.count)
            return narrow[value]

        for step in self._steps:
            value = self._first + step.n
            early = value in self._early
            read = [found(each, early or place in step.place.kept) for place, each in enumerate(step.node.reads)]
            values[value] = step(read, whole if early else late, whole, state)
        return np.ascontiguousarray(found(self._output, False))


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
        self, n: int, network: Network, batch: int, place: Place, shapes: Sequence[Shape], code: Step | None
    ) -> None:
        self.n, self.node, self.place = n, network.nodes[n], place
        self._attributes, self._run = self.node.sized(batch), OPERATORS[self.node.operator].run
        self._shape, self._length = shapes[network.first + n], network.inputs[0].shape[0]
        kinds: dict[str, _Kind] = {"view": self._moved, "expand": self._moved, "attention": self._attended}
        self._compute = kinds.get(self.node.operator, self._computed) if code is None else lambda read, _: code(read)

    def __call__(self, read: list[Numbers], span: _Span, whole: _Span, state: State) -> Numbers:
        for cut in self.place.cuts:
            part = slice(0 if cut.keys else span.start, span.stop)
            read[cut.read] = read[cut.read][(*(slice(None),) * cut.axis, part)]
        for place, axis in self.place.kept.items():
            read[place] = _appended(state.kept[self.n, place], read[place], axis, whole)
        try:
            return self._compute(read, span)
        except (ValueError, IndexError, TypeError) as error:
            raise ValueError(f"node {self.n} ({self.node.operator}) cannot compute: {error}") from None

    def _computed(self, read: list[Numbers], span: _Span) -> Numbers:
        found = np.asarray(self._run(*read, **self._attributes))
        return found.astype(np.float32, copy=False) if found.dtype.kind == "f" else found

    def _moved(self, read: list[Numbers], span: _Span) -> Numbers:
        along, to = self.place.along, list(self._shape)
        to[along.axis] = to[along.axis] // self._length * span.count
        if along.keys is not None:
            to[along.keys] = span.stop
        return np.asarray(self._run(read[0], to=to))

    def _attended(self, read: list[Numbers], span: _Span) -> Numbers:
        q, k, v, *mask = read
        masks = [] if self.place.plain else mask
        if span.count > 1 and (self.place.plain or self._attributes["causal"]):
            masks = [*masks, np.tri(span.count, span.stop, span.start, dtype=np.bool_)]
        return attention(q, k, v, *masks, causal=False, scale=self._attributes["scale"])


def _appended(room: Numbers, new: Numbers, axis: int, span: _Span) -> Numbers:
    """All positions up to the last new one."""
    before: tuple[slice, ...] = (slice(None),) * axis
    room[(*before, slice(span.start, span.stop))] = new
    return room[(*before, slice(0, span.stop))]
