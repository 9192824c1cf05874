"""Copy a run from one store to another: every artifact against its manifest's digest, manifests last."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

from .errors import Conflict, IntegrityError
from .ledger import MANIFEST, SETTLED, VOLATILE
from .stores import Store

AT_A_TIME = 8
NOTES = "/notes/"
LOOSE = ("/spec/", "/report/", NOTES)
"""Folders that no manifest names."""

Copied = Callable[[str, int, int], None]
"""Told after each file: key, files done, files in all."""


def fetch(source: Store, target: Store, run: str, copied: Copied) -> int:
    """Copy the committed files of a run; returns their number. What is there already is compared, never replaced.

    Raises IntegrityError before a file that is not what its manifest says is written, Conflict if the target holds
    other bytes. Files that no manifest names are left: attempts that were cut short wrote them.
    """
    keys = list(source.list(f"{run}/"))
    manifests = [key for key in keys if key.endswith(f"/{MANIFEST}")]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        expected: dict[str, str | None] = {}
        for files in pool.map(lambda key: dict(_named(source, key)), manifests):
            expected |= files
        loose = [
            key for key in keys if any(folder in key for folder in LOOSE) or key.removeprefix(f"{run}/") in SETTLED
        ]
        first = [*expected, *loose]
        total = len(first) + len(manifests)
        done = 0
        for batch in (first, manifests):  # a manifest is written when what it names is there
            for key in pool.map(lambda key: _copy(source, target, key, expected.get(key)), batch):
                done += 1
                copied(key, done, total)
    return total


def _named(source: Store, manifest: str) -> Iterator[tuple[str, str | None]]:
    """The files that a manifest names, with their digests."""
    folder = manifest.removesuffix(MANIFEST)
    document = _document(source, manifest)
    for name, entry in document["files"].items():
        yield f"{folder}{entry.get('place', name)}", entry["sha256"]
    if document["volatile"]:
        yield f"{folder}{VOLATILE}", None
        for name, entry in _document(source, f"{folder}{VOLATILE}").items():
            yield f"{folder}{name}", entry["sha256"]


def _document(source: Store, key: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(source.get(key))
        return document
    except (ValueError, KeyError) as error:
        raise _broken(source, key, f"not a manifest ({error})") from error


def _copy(source: Store, target: Store, key: str, expected: str | None) -> str:
    try:
        data = source.get(key)
    except KeyError:
        raise _broken(source, key, "missing") from None
    if expected is not None and (got := sha256(data).hexdigest()) != expected:
        raise _broken(source, key, f"expected sha256 {expected[:16]}…, got {got[:16]}…")
    try:
        target.put_once(key, data)
    except Conflict as conflict:
        if NOTES in key:
            return key  # the copy was given words of its own: they stand
        raise Conflict(
            conflict.args[0], "another attempt left it here: give another --to, or move the run away"
        ) from None
    return key


def _broken(source: Store, key: str, problem: str) -> IntegrityError:
    return IntegrityError(
        f"{source.url}/{key}: {problem}",
        "move its step's folder and every later level away and run the same command again: what is whole is kept",
    )
