"""One token on its way through a network as a list of calls, which code goes through: Python has no part in them.

What no call can do is left to numpy, between two stretches of calls.
"""

import ctypes
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .between import Between
from .numerics import Numbers
from .program import ALIGNED, aligned
from .sizes import Shape
from .tape_code import KINDS, PLAYED, WIDTH

LINE = ALIGNED // 4
"""Floats of a line of the cache: where every value begins."""


@dataclass(frozen=True)
class At:
    """A place in the arena, in floats."""

    place: int

    def behind(self, count: int) -> "At":
        """The place so many floats later."""
        return At(self.place + count)


Word = int | float | At


@dataclass(frozen=True, kw_only=True)
class Aside:
    """A node that numpy computes: its value, what it reads, and how."""

    value: int
    reads: Sequence[int]
    run: Any


@dataclass(frozen=True)
class Stretch:
    """Calls that follow each other."""

    first: int
    count: int


@dataclass(kw_only=True)
class Arena:
    """The memory of one sequence: every value of a token, and rooms for what is kept of all positions."""

    memory: NDArray[np.float32]
    calls: NDArray[np.int64]
    """(calls, WIDTH): addresses of functions, and of this memory."""
    rooms: dict[tuple[int, int], Numbers]
    views: dict[int, Numbers]
    """Values that numpy reads or writes, and the output."""
    context: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))


class Tape:
    """Calls as they are recorded, and then played for one token after the other."""

    def __init__(self, between: Between, rooms: Mapping[tuple[int, int], Shape]) -> None:
        self._between, self._size = between, 0
        self._play = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)(between.address("play"))
        self._functions = {kind: between.address(PLAYED + kind) for kind in KINDS}
        self._calls: list[list[Word]] = []
        self._held: list[Any] = []
        self.rooms = {key: (self.taken(math.prod(shape)), shape) for key, shape in rooms.items()}
        self.parts: list[Aside | Stretch] = []
        self.viewed: dict[int, tuple[At, Shape]] = {}
        self.tables: list[int] = []
        """Rows of the tables that the token is looked up in."""

    def taken(self, floats: int) -> At:
        """Room for so many, which begins at a line of the cache."""
        place, self._size = self._size, self._size + -(-floats // LINE) * LINE
        return At(place)

    def held(self, array: NDArray[Any]) -> int:
        """The address of an array that lives as long as the tape."""
        self._held.append(array)
        return int(array.ctypes.data)

    def call(self, kind: str, *words: Word) -> None:
        """Record a call, with the words of its kind."""
        if not self.parts or isinstance(self.parts[-1], Aside):
            self.parts.append(Stretch(len(self._calls), 0))
        before = self.parts[-1]
        assert isinstance(before, Stretch)
        self.parts[-1] = Stretch(before.first, before.count + 1)
        self._calls.append([self._functions[kind], *words])

    def knows(self, token: int) -> bool:
        """Tell whether every table has a row for the token."""
        return all(token < rows for rows in self.tables)

    def arena(self) -> Arena:
        """Memory for a sequence."""
        memory = aligned(self._size)
        calls, begin = np.zeros((len(self._calls), WIDTH), np.int64), memory.ctypes.data
        for row, words in zip(calls, self._calls, strict=True):
            row[: len(words)] = [_bits(word, begin) for word in words]
        rooms = {key: _view(memory, *place) for key, place in self.rooms.items()}
        views = {value: _view(memory, *place) for value, place in self.viewed.items()}
        return Arena(memory=memory, calls=calls, rooms=rooms, views=views)

    def __call__(self, arena: Arena, token: int, position: int) -> Iterator[Aside]:
        """Play one token; what is left to numpy is handed out in its turn, and has to be done before the next."""
        arena.context[:] = token, position
        calls, context = arena.calls.ctypes.data, arena.context.ctypes.data
        for part in self.parts:
            if isinstance(part, Aside):
                yield part
            else:
                self._play(calls + 8 * WIDTH * part.first, part.count, context)


def _view(memory: NDArray[np.float32], at: At, shape: Shape) -> Numbers:
    return memory[at.place : at.place + math.prod(shape)].reshape(shape)


def _bits(word: Word, begin: int) -> int:
    if isinstance(word, At):
        return begin + 4 * word.place
    return int.from_bytes(struct.pack("<f", word), "little") if isinstance(word, float) else int(word)
