"""Stores of artifacts: one protocol, one file per kind. Keys are relative paths with `/`; bytes are immutable."""

import os
import re
from collections.abc import Iterator
from typing import Protocol

from ..errors import UsageError

TEMPORARY = ".tmp-"
"""Beginning of the local store's unfinished files: no key has it, so that a list never shows one."""


ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/|(gs|s3|az|abfss?|wasbs?|hdfs|https?|file):", re.IGNORECASE)
"""Beginning of an address, one that lacks a slash too."""


class Store(Protocol):
    """A create-once map from keys to bytes. A store can be pickled, and used by threads and forked processes."""

    url: str

    def put_once(self, key: str, data: bytes) -> None:
        """Create `key`. The same bytes again are fine; raises Conflict if it holds others."""

    def get(self, key: str) -> bytes:
        """The bytes at `key`. Raises KeyError if there are none."""

    def exists(self, key: str) -> bool: ...

    def list(self, prefix: str = "") -> Iterator[str]:
        """Every key that starts with `prefix`, sorted as strings."""

    def written(self, key: str) -> float | None:
        """The time at which `key` came into this store, in seconds since 1970; None if that is not known."""

    def replace(self, key: str, data: bytes) -> bool:
        """Put what is no record, over what is there; False, and nothing is done, where nothing may be replaced."""


def open_store(url: str) -> Store:
    """The store at `url`: a folder (`runs`, `/data/runs`, `~/runs`) or `gs://bucket/prefix`.

    Raises UsageError for another, and for what was meant to be one: a mistyped address must not become a folder.
    """
    if url.startswith("gs://"):
        return _bucket(url)
    if not url.strip() or ADDRESS.match(url) or "://" in url:
        raise UsageError(
            f"store: no back-end for {url!r}", "give a folder or gs://bucket/prefix, for example --store runs"
        )
    from .local import LocalStore

    return LocalStore(expanded(url))


def expanded(path: str) -> str:
    """`path`, with the home of a user in place of a leading `~`: no shell does that after a `=`. Raises UsageError."""
    whole = os.path.expanduser(path)
    if whole.startswith("~") or (not os.path.isabs(whole) and path.startswith("~")):
        raise UsageError(f"{path}: there is no such home folder", "write the folder in full, or ./~ for one named so")
    return whole


def _bucket(url: str) -> Store:
    try:
        from .gcs import GcsStore
    except ImportError as error:
        raise UsageError(
            f"store: {url!r} needs google-cloud-storage ({error})", "`pip install 'ticketsmith[gcs]'`"
        ) from error
    return GcsStore(url)


def checked(key: str) -> str:
    """`key`, if every back-end can hold it. Raises UsageError if it could leave the root, or is odd.

    >>> checked("run/cohort-00/manifest.json")
    'run/cohort-00/manifest.json'
    """
    if len(key.encode(errors="replace")) > 900 or not all(_plain(part) for part in key.split("/")):
        raise UsageError(f"store: {key!r} is not a valid key", "use short printable names separated by single slashes")
    return key


def folder(prefix: str) -> str:
    """The folder that holds every key with this prefix; empty for the root. Raises UsageError like `checked`.

    >>> folder("run/cohort-0"), folder("run/"), folder("run")
    ('run', 'run', '')
    """
    head, slash, _ = prefix.rpartition("/")
    return checked(head) if slash else ""


def _plain(part: str) -> bool:
    odd = part in ("", ".", "..") or "\\" in part or not part.isprintable() or part.startswith(TEMPORARY)
    return not odd and len(part.encode()) <= 255
