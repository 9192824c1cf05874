"""Follow a Workflow to its end, over streams that break: servers restart, watches are closed, networks blink."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

from ..errors import Retryable, TicketSmithError
from . import Argo, Document, Missing, ended

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
    counts: Counter[str] = Counter()

    def fresh() -> Iterator[tuple[str, str] | None]:
        """A stream that is opened again begins at the beginning: what was said is left out."""
        again: Counter[str] = Counter()
        over = ended(argo.get(name))
        for pod, line in argo.logs(name, follow=not over):
            again[pod] += 1
            if again[pod] > counts[pod]:
                counts[pod] += 1
                yield pod, line
        if over:
            yield None

    for entry in _again(fresh, say, sleep):
        if entry is None:
            return
        yield entry


def _again(stream: Callable[[], Iterator[T]], say: Say, sleep: Callable[[float], None]) -> Iterator[T]:
    """Open a stream whenever it ends. Its second item, or its end, resets the count of failures.

    Its first may be a look that says nothing of the stream: who may look and not watch would be asked for ever.
    Where it was right once, any answer may pass: while the API server starts, it knows no roles (403), and the Argo
    Server in front of it says that the request is bad (400).
    """
    failures, known = 0, False
    while True:
        try:
            for number, item in enumerate(stream()):
                if number and failures:
                    say("connected again")
                    failures = 0
                known = True
                yield item
            failures, pause = 0, 1.0
        except TicketSmithError as error:
            failures += 1
            passes = isinstance(error, Retryable) or (known and not isinstance(error, Missing))
            if failures >= PATIENCE or not passes:
                raise
            pause = min(2.0**failures, 30.0)
            say(f"{error.args[0]}; trying again in {pause:g} s")
        sleep(pause)
