"""A node's part in the sequence: where that lies in the node's value, and what of earlier positions the node needs.

B: samples.  T: positions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from .graph import Unsuited
from .network import Node
from .numerics import Numbers
from .sizes import Shape


@dataclass(frozen=True)
class Along:
    """A value with the sequence in it."""

    axis: int
    """Its size is so many times T + `more`: samples before, `inner` places of each position behind."""
    inner: int = 1
    more: int = 0
    """Rows that it has before the first token's: row i knows tokens up to i - more. Below 0: so many are cut off at the
    end."""
    keys: int | None = None
    """In scores, which have the sequence twice: the axis of those that are looked at."""
    stage: str = ""
    """Scores are `masked`, then `shares`, which are zero for later keys."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """An operand that does not depend on tokens and has a number for each position, or for each key."""

    read: int
    axis: int
    keys: bool = False


@dataclass(frozen=True, kw_only=True)
class Place:
    """A node's part in the sequence."""

    along: Along
    cuts: Sequence[Cut] = ()
    kept: Mapping[int, int] = field(default_factory=dict)
    """Operands of which earlier positions are needed, and their axis of positions."""
    front: Numbers | None = None
    """Rows before the first token's: what is kept is shifted by their number; as many of its last rows are needed."""
    start: int | None = None
    """The first row of a part of the axis, where the node takes one."""
    plain: bool = False
    """True for attention whose mask says who comes later, and nothing else."""


@dataclass(frozen=True, kw_only=True)
class Operand:
    shape: Shape
    along: Along | None
    """None: it does not depend on tokens."""
    array: Numbers | None


@dataclass(frozen=True, kw_only=True)
class Question:
    """A node, what it reads, and the shape of what it puts out."""

    node: Node
    reads: Sequence[Operand]
    shape: Shape
    attributes: Mapping[str, Any]
    length: int
    """T."""

    @property
    def moving(self) -> list[tuple[int, Operand, Along]]:
        """Operands that have the sequence."""
        return [(n, operand, operand.along) for n, operand in enumerate(self.reads) if operand.along]

    def alone(self, read: int = 0) -> tuple[Shape, Along]:
        """The one operand that has the sequence. Raises Unsuited if there are others."""
        operands = self.moving
        if [n for n, _, _ in operands] != [read]:
            refuse("its weights or indices depend on tokens")
        return operands[0][1].shape, operands[0][2]

    def untouched(self, axes: Sequence[int]) -> tuple[Shape, Along]:
        """The operand at 0, none of whose axes of positions is among `axes`."""
        shape, along = self.alone()
        if {axis % len(shape) for axis in axes} & {along.axis, along.keys}:
            refuse("it mixes positions")
        return shape, along


def refuse(why: str) -> NoReturn:
    raise Unsuited(why)
