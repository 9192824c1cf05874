"""Where artifacts live: one protocol, one file per back-end. Keys are relative paths with `/`; bytes are immutable."""

from collections.abc import Iterator
from typing import Protocol

from ..errors import UsageError


class Store(Protocol):
    """A create-once map from keys to bytes."""

    url: str

    def put_once(self, key: str, data: bytes) -> None:
        """Create `key`. The same bytes again are fine; raises Conflict if it holds others."""

    def get(self, key: str) -> bytes:
        """The bytes at `key`. Raises KeyError if there are none."""

    def exists(self, key: str) -> bool: ...

    def list(self, prefix: str = "") -> Iterator[str]:
        """Every key that starts with `prefix`, sorted."""


def open_store(url: str) -> Store:
    """The store at `url`: a folder (`runs`, `/data/runs`)."""
    from .local import LocalStore

    if "://" in url:
        raise UsageError(f"store: no back-end for {url!r}", "give a folder, for example --store runs")
    return LocalStore(url)
