"""SHA-256 of files, several at a time, and remembered by path, size, inode and times of change.

A file that changed within the last two seconds is not remembered: it could change again within one tick of its clock.
"""

import json
import os
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import file_digest
from pathlib import Path
from stat import S_ISREG

from .allowance import cores
from .errors import UsageError

SETTLED = 2.0
"""Seconds without a change."""
MOST = 200_000
"""Files that are remembered."""

Digest = tuple[int, str]
"""Size and SHA-256."""
Seen = list[int | str]
"""Size, inode, mtime and ctime in nanoseconds, SHA-256."""


def cache_file() -> Path:
    """The file that remembers, in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expanduser(home)) / "ticketsmith" / "files.json"


def digests(files: Sequence[Path], cache: Path | None = None) -> list[Digest]:
    """Size and digest of each file, in their order. Raises UsageError for what is no file, or changes meanwhile."""
    cache = cache or cache_file()
    known = _read(cache)
    with ThreadPoolExecutor(min(8, 2 * cores())) as pool:
        seen = list(pool.map(lambda file: _digest(file, known.get(str(file))), files))
    now = time.time()
    new = {
        str(file): state
        for file, state in zip(files, seen, strict=True)
        if known.get(str(file)) != state and now - int(state[2]) / 1e9 > SETTLED
    }
    if new:
        _write(cache, _read(cache) | new)
    return [(int(state[0]), str(state[-1])) for state in seen]


def _digest(file: Path, known: Seen | None) -> Seen:
    try:
        state = _state(file)
        if known is not None and known[:-1] == state:
            return known
        with file.open("rb") as reader:
            digest = file_digest(reader, "sha256").hexdigest()
        if _state(file) != state:
            raise UsageError(f"{file} changed while it was read", "wait until it is written, then try again")
        return [*state, digest]
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}", "correct the `files` of the task's data") from error


def _state(file: Path) -> Seen:
    state = file.stat()
    if not S_ISREG(state.st_mode):
        what = "a folder" if file.is_dir() else "no regular file"
        raise UsageError(f"{file} is {what}", 'list files, for example [p for p in root.rglob("*") if p.is_file()]')
    return [state.st_size, state.st_ino, state.st_mtime_ns, state.st_ctime_ns]


def _read(cache: Path) -> dict[str, Seen]:
    """The remembered digests; nothing, where they cannot be read."""
    try:
        document = json.loads(cache.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return {path: seen for path, seen in document.items() if _whole(seen)} if isinstance(document, dict) else {}


def _whole(seen: object) -> bool:
    match seen:
        case [int(), int(), int(), int(), str(digest)]:
            return re.fullmatch("[0-9a-f]{64}", digest) is not None
    return False


def _write(cache: Path, seen: Mapping[str, Seen]) -> None:
    """Replace the file as a whole; without the right to, nothing is remembered."""
    latest = dict(list(seen.items())[-MOST:])
    with suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=cache.parent, prefix=".tmp-")
        try:
            with open(handle, "w") as file:
                json.dump(latest, file)
            os.replace(temporary, cache)
        except OSError:
            os.unlink(temporary)
            raise
