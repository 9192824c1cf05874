"""The pace of a run: its trainings as they end, and the time that those which are left are likely to take."""

import time
from collections.abc import Callable
from typing import Any

from ..report.numbers import duration


class Pace:
    """Trainings done of all. What was there already says nothing about the time of the others."""

    def __init__(self, trainings: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.trainings, self.clock = trainings, clock
        self.done: dict[str, int] = {}
        self.found: set[str] = set()
        """Those steps that were done before this run."""
        self.began: float | None = None
        self.last = 0.0

    def hear(self, event: dict[str, Any], of: int) -> None:
        """Take an event of a training of `of` replicates in."""
        key, now = event["step"], self.clock()
        self.began = now if self.began is None else self.began
        if event["event"] == "start":
            return
        self.done[key] = event["done"] if event["event"] == "replicate" else of
        if event.get("fresh", True):
            self.last = now
        else:
            self.found.add(key)

    @property
    def trained(self) -> int:
        """Number of networks that this run has trained."""
        return sum(count for key, count in self.done.items() if key not in self.found)

    @property
    def left(self) -> float | None:
        """Seconds until the last training ends; None before one has ended, and where none is left."""
        waiting = self.trainings - sum(self.done.values())
        if self.began is None or not self.trained or waiting <= 0:
            return None
        pace = (self.last - self.began) / self.trained
        return max(0.0, waiting * pace - (self.clock() - self.last))

    def __str__(self) -> str:
        return "" if self.left is None else f"about {duration(self.left)} of training left"
