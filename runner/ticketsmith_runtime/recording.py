"""One token of one sample, as it was once computed step by step, recorded as the calls of a tape.

T: positions that the network knows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .along import Place
from .between import Between
from .execution import Execution, passed
from .int8.rows import Rows
from .network import Node
from .numerics import Numbers
from .sizes import Shape
from .tape import Aside, At, Tape, Word


class Step(Protocol):
    """A node at work on new positions, as `sequence` has it."""

    n: int
    node: Node
    value: int
    place: Place
    attributes: dict[str, Any]

    def moved(self, read: list[Numbers]) -> Numbers:
        """The node on other numbers, for the first token; what it keeps is not kept."""


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
        rules: Mapping[str, "Rule"],
    ) -> None:
        """`fixed`: values that do not depend on tokens.  `rooms`: shapes of what is kept of all T positions.

        `rules`: by operator, what records a node, and tells whether it did; numpy has the others.
        """
        self.tape, self._execution, self._fixed, self._rules = Tape(between, rooms), execution, fixed, rules
        self.threads = execution.threads
        self._places = dict[int, At]()
        self._later: list[tuple[Word, ...]] = []
        codes = [execution.code(n) for n in range(len(execution.network.nodes))]
        pitches = [code.pitch for code in codes if isinstance(code, Rows)]
        self.steps, self.scales = self.tape.taken(max(pitches, default=0) // 4), self.tape.taken(2)

    def record(self, step: Step, values: Sequence[Any]) -> None:
        """A node, as calls or as numpy's. `values`: of the token at the first position, all of them."""
        reads, output = step.node.reads, np.asarray(values[step.value])
        code = self._execution.code(step.n)
        played = Played(step=step, found=output, given=[values[read] for read in reads], code=code)
        rule = self._rules.get("passed" if code is passed else step.node.operator)
        if output.dtype == np.float32 and rule is not None and rule(self, played):
            return
        self.tape.parts.append(Aside(value=step.value, reads=reads, run=step))
        for read in reads:
            if read in self._places:
                self.view(read, values[read].shape)
        if output.dtype == np.float32 and step.place.along.keys is None:
            self.put(played)
            self.view(step.value, output.shape)

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

    def alias(self, played: Played, at: At) -> None:
        """The value is a part of another: no call at all."""
        self._places[played.step.value] = at

    def gathered(self, index: NDArray[Any]) -> At:
        """Floats of the arena, in the order of an index of its places."""
        y, held = self.tape.taken(index.size), self.tape.held(index.ravel().astype(np.int32))
        self.tape.call("moved", At(0), held, index.size, y)
        return y

    def at(self, played: Played, read: int) -> At | None:
        """The place of what was read."""
        return self._places.get(played.step.node.reads[read])

    def fixed(self, played: Played, read: int) -> Numbers | None:
        """The value that was read, if it does not depend on the token."""
        return self._fixed.get(played.step.node.reads[read])


Rule = Callable[[Recorder, Played], bool]
