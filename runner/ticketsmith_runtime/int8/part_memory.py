"""Memory of a sample on its way through a part of a network, and the records that say what is done in it.

C: channels.  H, W: rows and columns of a plane.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .records_code import ARGUMENTS, CALL, RECORD

LINE = 64
"""Bytes of a line of the cache, at which all memory begins."""
PAGE = 4096
"""Bytes after which a cache puts things into the same place again."""


@dataclass(eq=False)
class Room:
    """Bytes of a sample's piece; `at` is known when all records are."""

    size: int
    at: int = 0


@dataclass(frozen=True)
class Between:
    """Bytes from the first to the second."""

    start: Room
    end: Room


@dataclass(frozen=True)
class Word:
    """A word of the call: input number n, or output number n."""

    input: bool
    n: int


Argument = int | Room | Between | Word | NDArray[np.generic]


@dataclass
class Record:
    """A function of `part_code.code`, and what it is called with."""

    function: str
    arguments: Mapping[str, Argument]

    def rooms(self) -> Iterator[Room]:
        """Memory that it reads or writes."""
        for argument in self.arguments.values():
            if isinstance(argument, Room):
                yield argument
            elif isinstance(argument, Between):
                yield from (argument.start, argument.end)


@dataclass
class Records:
    """All records of a part, in order."""

    inputs: int
    """Number of arrays that it reads."""
    found: list[Record] = field(default_factory=list)

    def add(self, function: str, **arguments: Argument) -> None:
        self.found.append(Record(function, arguments))

    def placed(self) -> int:
        """Give each room its place, as near to the beginning as is free, and return the size of all."""
        last = {id(room): n for n, record in enumerate(self.found) for room in record.rooms()}
        alive: list[Room] = []
        size = 0
        for n, record in enumerate(self.found):
            for room in record.rooms():
                if room not in alive:
                    room.at = _free(alive, room.size)
                    alive.append(room)
                    size = max(size, room.at + room.size)
            alive = [room for room in alive if last[id(room)] > n]
        size = _up(size)
        return size + LINE if size % PAGE == 0 else size

    def words(self, addresses: Mapping[str, int]) -> NDArray[np.int64]:
        """The records as code reads them. Arrays have to stay where they are."""
        words = np.zeros((len(self.found), RECORD), np.int64)
        for row, record in zip(words, self.found, strict=True):
            row[0] = addresses[record.function]
            for n, name in enumerate(ARGUMENTS[record.function]):
                row[n + 1] = self._number(record.arguments[name])
        return words

    def _number(self, argument: Argument) -> int:
        match argument:
            case Room():
                return argument.at
            case Between():
                return argument.end.at - argument.start.at
            case Word():
                place = 2 * argument.n if argument.input else 2 * self.inputs + argument.n
                return len(CALL) - 1 + place
            case np.ndarray():
                return argument.ctypes.data
        return argument


def _free(alive: Sequence[Room], size: int) -> int:
    """The first place that nothing else has."""
    at = 0
    for room in sorted(alive, key=lambda room: room.at):
        if at + size <= room.at:
            return at
        at = max(at, _up(room.at + room.size))
    return at


def _up(size: int) -> int:
    return -(-size // LINE) * LINE
