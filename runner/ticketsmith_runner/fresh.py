"""Fresh processes, one at work at a time, each in two stages: it builds, and once nothing else runs, it measures.

None is a fork. Those of a process that has only imported spread as much as new ones in code that was generated for one
sample (7 %, on 2 busy cores), and less in libraries, which lie where they lay in the parent: by 0.4 and 0.6 % instead
of 1.7 and 1.2 %. An interval over forks would be too narrow by that. Others import while one builds: all of them where
memory is no question, else the next alone.
"""

import gc
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from ticketsmith.allowance import memory
from ticketsmith.errors import Retryable, TicketSmithError

from .backends import every
from .lifeline import follow
from .workers import single_thread

T = TypeVar("T")
Work = Callable[[], Callable[[], T]]
"""Builds, and gives what measures. It crosses a pipe, so it has to be of values and of names of the top level."""
IMPORTED = 300 * 2**20
"""Bytes that a process takes before it does anything."""
SHARE = 0.25
"""Share of the memory that processes may take which only wait; two are alive whatever it is."""


class Processes:
    """So many processes, the first of which have begun to import."""

    def __init__(self, count: int) -> None:
        self.waiting, self.alive = count, deque[_Process]()
        self.most = max(2, int(SHARE * memory() / IMPORTED))
        self._start()

    def each(self, works: Iterable[Work[T]]) -> Iterator[T]:
        """Measurements of each work, in a process of its own. Raises TicketSmithError."""
        for work in works:
            process = self.alive[0]
            process.imported()
            process.say(work)
            process.hear()  # it has built
            for peer in self.alive:
                peer.imported()
            process.say(None)
            yield process.hear()
            self.alive.popleft().end()
            self._start()

    def end(self) -> None:
        """End those that are left."""
        while self.alive:
            self.alive.popleft().end()

    def _start(self) -> None:
        while self.waiting and len(self.alive) < self.most:
            self.waiting -= 1
            self.alive.append(_Process())


@contextmanager
def processes(count: int) -> Iterator[Processes]:
    """As many, of which none is left at the end, whatever comes."""
    started = Processes(count)
    try:
        yield started
    finally:
        started.end()


class _Process:
    def __init__(self) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, os.getpid()), daemon=True)
        self._process.start()
        theirs.close()  # or nobody would hear that the process is gone
        self._imports = True

    def imported(self) -> None:
        """Wait until it has imported."""
        if self._imports:
            self.hear()
            self._imports = False

    def say(self, word: Any) -> None:
        try:
            self._pipe.send(word)
        except OSError:
            raise _gone() from None

    def hear(self) -> Any:
        """Listen for what it says next. Raises TicketSmithError."""
        try:
            word = self._pipe.recv()
        except (EOFError, OSError):
            raise _gone() from None
        if isinstance(word, TicketSmithError):
            raise word
        return word

    def end(self) -> None:
        self._pipe.close()
        self._process.kill()
        self._process.join()


def _gone() -> Retryable:
    return Retryable(
        "a process that measures speed was ended from outside",
        "run the same command again; if memory ran out, with smaller benchmark.batch_sizes",
    )


def _serve(pipe: Connection, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    follow(parent)
    single_thread()
    every()
    gc.freeze()  # or each collection looks through all of torch, for a tenth of the time that is measured
    pipe.send(None)
    try:
        measure = pipe.recv()()
        gc.freeze()
        pipe.send(None)
        pipe.recv()
        pipe.send(measure())
    except TicketSmithError as error:
        pipe.send(error)
    except Exception as error:
        traceback.print_exc()
        pipe.send(TicketSmithError(f"{type(error).__name__}: {error}", "this is a bug: report it with the lines above"))
