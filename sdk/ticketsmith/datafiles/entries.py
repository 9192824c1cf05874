"""The manifest of a data set: path, size and SHA-256 of each file."""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..digests import digests
from ..documents import canonical
from ..errors import UsageError
from ..sources.modules import installed_file
from ..transport import below

OUTSIDE = "outside/"


@dataclass(frozen=True, order=True)
class Entry:
    """One file."""

    path: str
    """Relative to the data root, with `/`; for a library's own file `outside/` and its name."""
    size: int
    sha256: str
    outside: bool = False
    """True if it lies elsewhere: it counts, and does not travel."""


@dataclass(frozen=True)
class Manifest:
    """The files of a data set, sorted."""

    entries: tuple[Entry, ...]

    @cached_property
    def data(self) -> bytes:
        """Canonical JSON."""
        return canonical({"files": [vars(entry) for entry in self.entries]})

    @property
    def digest(self) -> str:
        """SHA-256 of that: the data's part of a run id."""
        return sha256(self.data).hexdigest()

    @property
    def travelling(self) -> list[Entry]:
        return [entry for entry in self.entries if not entry.outside]

    @property
    def luggage(self) -> "Manifest | None":
        """The manifest of those that travel; None if there are none."""
        return Manifest(tuple(self.travelling)) if self.travelling else None


def manifest(root: Path, files: Iterable[Path], cache: Path | None = None) -> Manifest:
    """The manifest of `files`, in any order. Digests come from `cache` where nothing changed. Raises UsageError."""
    places = sorted({Path(os.path.abspath(file)) for file in files})
    entries = set()
    for file, (count, digest) in zip(places, digests(places, cache), strict=True):
        path = _within(file, root)
        entries.add(Entry(path or OUTSIDE + file.name, count, digest, outside=path is None))
    for entry in entries:
        if not below(entry.path):
            raise UsageError(f"the data file {entry.path!r} has a name that is not portable", "rename it")
    return Manifest(tuple(sorted(entries)))


def parsed(data: bytes) -> Manifest:
    """The manifest that these bytes are. Raises ValueError for any others, and for paths that lead out of a folder."""
    try:
        entries = tuple(_entry(**document) for document in json.loads(data)["files"])
    except (LookupError, TypeError) as error:
        raise ValueError(f"is no manifest of data ({error})") from error
    manifest = Manifest(entries)
    paths = {entry.path for entry in manifest.travelling}
    if manifest.data != data or list(entries) != sorted(set(entries)) or len(paths) < len(manifest.travelling):
        raise ValueError("is no canonical manifest of data")
    if nested := paths & {parent.as_posix() for path in paths for parent in Path(path).parents}:
        raise ValueError(f"names {min(nested)!r} as a file and as a folder")
    return manifest


def _within(file: Path, root: Path) -> str | None:
    """Path below the root as it is written, or else with links followed; None outside, and for what packages bring."""
    if installed_file(file):  # an environment may lie below the root
        return None
    for place, folder in ((file, Path(os.path.abspath(root))), (file.resolve(), root.resolve())):
        if folder in place.parents:
            return place.relative_to(folder).as_posix()
    return None


def _entry(**document: Any) -> Entry:
    match document:
        case {"path": str(path), "size": int(count), "sha256": str(digest), "outside": bool(outside), **rest}:
            if below(path) and type(count) is int and count >= 0 and re.fullmatch("[0-9a-f]{64}", digest) and not rest:
                return Entry(path, count, digest, outside)
    raise ValueError(f"is no manifest of data (it holds {str(document)[:200]})")
