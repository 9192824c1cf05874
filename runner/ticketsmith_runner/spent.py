"""Time of a pod by its use: starting (imports, data, workers), the store, and the work itself."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ticketsmith.ledger import MANIFEST
from ticketsmith.stores import Store

from . import BEGAN


class TimedStore:
    """A store that adds up the seconds spent in it. Worker processes have their own sums: theirs count as work.

    It reads a manifest once: a chain asks for its parents' before and after every step, and a bucket is slow.
    """

    def __init__(self, store: Store) -> None:
        self.store, self.url, self.seconds = store, store.url, 0.0
        self.manifests: dict[str, bytes] = {}

    def put_once(self, key: str, data: bytes) -> None:
        with self._timed():
            self.store.put_once(key, data)

    def get(self, key: str) -> bytes:
        if key in self.manifests:
            return self.manifests[key]
        with self._timed():
            data = self.store.get(key)
        if key.endswith(f"/{MANIFEST}"):
            self.manifests[key] = data
        return data

    def exists(self, key: str) -> bool:
        with self._timed():
            return self.store.exists(key)

    def list(self, prefix: str = "") -> Iterator[str]:
        with self._timed():
            return iter(list(self.store.list(prefix)))

    def written(self, key: str) -> float | None:
        with self._timed():
            return self.store.written(key)

    def replace(self, key: str, data: bytes) -> bool:
        with self._timed():
            return self.store.replace(key, data)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds += time.monotonic() - began


class Spent:
    """The seconds of this process, in three shares that add up to its wall time."""

    def __init__(self, store: TimedStore) -> None:
        self.store, self.started = store, time.monotonic()

    def begin(self) -> None:
        """The work begins now: everything before was starting, what the store took for it included."""
        self.started, self.store.seconds = time.monotonic(), 0.0

    def event(self) -> dict[str, Any]:
        """`start`, `store` and `work`, in seconds."""
        work = time.monotonic() - self.started - self.store.seconds
        shares = {"start": self.started - BEGAN, "store": self.store.seconds, "work": work}
        return {"event": "spent"} | {name: round(seconds, 3) for name, seconds in shares.items()}
