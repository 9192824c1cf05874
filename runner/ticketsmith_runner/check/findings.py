"""Sentences that a check yields."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from ticketsmith.lottery.examination import Finding

SHOWN = 5


class Sentence(NamedTuple):
    """A finding that does not know yet which check it is of."""

    kind: Literal["problem", "note"]
    text: str
    fix: str = ""

    def of(self, check: str) -> Finding:
        return Finding(check=check, kind=self.kind, text=self.text, fix=self.fix)


def problem(text: str, fix: str) -> Sentence:
    """A finding that ends or spoils a run, and what to do about it."""
    return Sentence("problem", text, fix)


def note(text: str, fix: str = "") -> Sentence:
    """A finding to be known."""
    return Sentence("note", text, fix)


def some(names: Iterable[object]) -> str:
    """The first few names, and how many more there are.

    >>> some(range(7))
    '0, 1, 2, 3, 4 and 2 more'
    """
    words = [str(name) for name in names]
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more
