"""Follow a Workflow to its end, over streams that break: servers restart, watches are closed, networks blink."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

from ..errors import Retryable
from . import Argo, Document, ended

PATIENCE = 12
"""Tries in a row before the other side counts as gone: about five minutes."""

T = TypeVar("T")
Say = Callable[[str], None]


def follow(argo: Argo, name: str, say: Say, sleep: Callable[[float], None] = time.sleep) -> Iterator[Document]:
    """States of a Workflow until it has ended. Raises Retryable if the other side stays away, Missing if it is gone."""
    for state in _again(lambda: argo.events(name), say, sleep):
        yield state
        if ended(state):
            return


def lines(
    argo: Argo, name: str, say: Say, *, follow: bool, sleep: Callable[[float], None] = time.sleep
) -> Iterator[tuple[str, str]]:
    """(pod, line), each once; with `follow` until the Workflow has ended."""
    if not follow:
        yield from argo.logs(name, follow=False)
        return
    said: Counter[str] = Counter()

    def fresh() -> Iterator[tuple[str, str] | None]:
        """A stream that is opened again begins at the beginning: what was said is left out."""
        again: Counter[str] = Counter()
        over = ended(argo.get(name))
        for pod, line in argo.logs(name, follow=not over):
            again[pod] += 1
            if again[pod] > said[pod]:
                said[pod] += 1
                yield pod, line
        if over:
            yield None

    for entry in _again(fresh, say, sleep):
        if entry is None:
            return
        yield entry


def _again(stream: Callable[[], Iterator[T]], say: Say, sleep: Callable[[float], None]) -> Iterator[T]:
    """Open a stream whenever it ends. What it yields resets the count of failures."""
    failures = 0
    while True:
        try:
            for each in stream():
                if failures:
                    say("connected again")
                failures = 0
                yield each
            pause = 1.0
        except Retryable as error:
            failures += 1
            if failures >= PATIENCE:
                raise
            pause = min(2.0**failures, 30.0)
            say(f"{error.args[0]}; trying again in {pause:g} s")
        sleep(pause)
