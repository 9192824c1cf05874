"""Threads of numpy's products: as many as a model was loaded with, while it answers, and not every core.

The library that numpy's products come from has one number for the whole process. It is set where a call begins that
needs products, and set back where the last of them ends; what another thread has numpy do meanwhile sees it too.
"""

import os
import threading
from functools import cache
from types import TracebackType
from typing import Any

from threadpoolctl import ThreadpoolController


class _Libraries:
    """The libraries of products in this process, and the calls that are at work with them."""

    def __init__(self) -> None:
        self._lock, self._calls, self._threads, self._before = threading.Lock(), 0, 0, list[int]()
        if hasattr(os, "register_at_fork"):  # a child has none of the parent's calls, nor who would give the lock back
            os.register_at_fork(after_in_child=self._alone)

    def enter(self, threads: int) -> None:
        """Calls that overlap share the number of the first; where somebody else has set one, that holds."""
        with self._lock:
            self._calls += 1
            if self._calls > 1:
                return
            self._threads, self._before = threads, [library.get_num_threads() for library in _found()]
            for library in _found():
                library.set_num_threads(threads)

    def leave(self) -> None:
        """Set back what was there, with the last call."""
        with self._lock:
            self._calls -= 1
            if not self._calls:
                self._restore()

    def _restore(self) -> None:
        for library, count in zip(_found(), self._before, strict=True):
            if library.get_num_threads() == self._threads:
                _free(library)  # it obeys the thread that set a number first, which may not be the one that ends last
                library.set_num_threads(count)
                _free(library)

    def _alone(self) -> None:
        self._lock, calls, self._calls = threading.Lock(), self._calls, 0
        if calls:
            self._restore()


def _free(library: Any) -> None:
    """Let any thread set the number."""
    if hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread(force=True)


@cache
def _found() -> list[Any]:
    """All that are there when a model first needs one; what takes no number is none of them."""
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


LIBRARIES = _Libraries()


class Limit:
    """A context in which numpy's products take so many threads."""

    def __init__(self, threads: int) -> None:
        self._threads = threads

    def __enter__(self) -> None:
        LIBRARIES.enter(self._threads)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        LIBRARIES.leave()
