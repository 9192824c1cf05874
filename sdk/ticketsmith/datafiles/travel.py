"""Files of a data set on their way through a store: each under its digest, once, and last their manifest.

A store gives and takes whole files, so that one of 2 GiB takes 2 GiB of memory: larger ones do not travel. Data that is
large, or does not fit the disk of a pod, is mounted read-only.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import file_digest, sha256
from pathlib import Path

from ..errors import Conflict, IntegrityError, Retryable, TicketSmithError, UsageError
from ..stores import Store
from ..transport import listed, secret_name, size
from .entries import Entry, Manifest, parsed

LARGEST = 2 << 30
"""Bytes of a file that travels."""
WHOLE = 3 << 30
"""Bytes of a data set that travels: a pod has 4 GiB of disk, and needs some of it for itself."""
AT_A_TIME, SMALL = 8, 32 << 20
"""Files of up to so many bytes travel eight at a time, larger ones alone."""

MOUNT = "mount the data read-only instead, and submit with --mounted (docs/cluster.md)"

Done = Callable[[str, int, int], None]
"""Told after each file: its path, files done, files in all."""


def upload(store: Store, manifest: Manifest, root: Path, done: Done = lambda *_: None) -> int:
    """Put the files below `root` into the store, and last their manifest; returns the bytes that were new.

    Raises UsageError that lists secrets and files over 2 GiB, or for a whole over 3 GiB, before anything is sent;
    IntegrityError for a file that changed since. Files outside `root` do not travel.
    """
    _refuse(manifest)
    if store.exists(manifest_key(manifest.digest)):
        return 0
    present = set(store.list("data/blobs/"))
    missing = {key: entry for entry in manifest.travelling if (key := blob_key(entry.sha256)) not in present}
    _each(list(missing.values()), lambda entry: _send(store, entry, root), done)
    store.put_once(manifest_key(manifest.digest), manifest.data)
    return sum(entry.size for entry in missing.values())


def download(store: Store, digest: str, folder: Path, done: Done = lambda *_: None) -> Manifest:
    """Write the files of a manifest below `folder`, each verified by size and SHA-256. Equal ones there are kept.

    Raises UsageError if they do not fit, Conflict for another file in the place of one, IntegrityError for bytes that
    are not those of the manifest.
    """
    manifest = read(store, digest)
    wanted = [entry for entry in manifest.travelling if not _there(folder, entry)]
    _fits(wanted, folder)
    _each(wanted, lambda entry: _receive(store, entry, folder), done)
    return manifest


def read(store: Store, digest: str) -> Manifest:
    """The manifest with that digest. Raises IntegrityError if it is missing or says anything else."""
    data = _get(store, manifest_key(digest), digest, "the manifest of the data")
    try:
        return parsed(data)
    except ValueError as error:
        raise _broken(store, manifest_key(digest), str(error)) from error


def manifest_key(digest: str) -> str:
    """The key of a manifest in a store."""
    return f"data/{digest}.json"


def blob_key(digest: str) -> str:
    """The key of a file in a store."""
    return f"data/blobs/{digest}"


def _refuse(manifest: Manifest) -> None:
    entries = manifest.travelling
    if problems := [entry.path for entry in entries if secret_name(entry.path)]:
        raise UsageError(
            f"these data files may be secrets, by their names:{listed(problems)}",
            "leave them out of the `files` of the task's data, or rename what is none",
        )
    if problems := [f"{entry.path}: {size(entry.size)}" for entry in entries if entry.size > LARGEST]:
        raise UsageError(f"data files over {size(LARGEST)} do not travel:{listed(problems)}", MOUNT)
    if (whole := sum(entry.size for entry in entries)) > WHOLE:
        raise UsageError(f"the data is {size(whole)}, and {size(WHOLE)} travel at most", MOUNT)


def _each(entries: Sequence[Entry], move: Callable[[Entry], None], done: Done) -> None:
    """Move the small ones eight at a time, then the large ones alone: memory holds 256 MiB of them, or one."""
    count = 0
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for entry in _moved(pool, entries, move):
            count += 1
            done(entry.path, count, len(entries))


def _moved(pool: ThreadPoolExecutor, entries: Sequence[Entry], move: Callable[[Entry], None]) -> Iterator[Entry]:
    small = [entry for entry in entries if entry.size <= SMALL]
    for entry, _ in zip(small, pool.map(move, small), strict=True):
        yield entry
    for entry in entries:
        if entry.size > SMALL:
            move(entry)
            yield entry


def _send(store: Store, entry: Entry, root: Path) -> None:
    path = root / entry.path
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", "check the data root and its permissions") from error
    if (len(data), sha256(data).hexdigest()) != (entry.size, entry.sha256):
        raise IntegrityError(f"{path} changed since its digest was taken", "run the same command again")
    store.put_once(blob_key(entry.sha256), data)


def _receive(store: Store, entry: Entry, folder: Path) -> None:
    data = _get(store, blob_key(entry.sha256), entry.sha256, entry.path)
    if len(data) != entry.size:
        raise _broken(store, blob_key(entry.sha256), f"is {len(data)} bytes, expected {entry.size}")
    path = folder / entry.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if folder.resolve() not in [path.parent.resolve(), *path.parent.resolve().parents]:
            raise Conflict(f"{path.parent} is a link that leads out of {folder}", "give an empty folder")
        _write(path, data)
    except OSError as error:
        raise _unwritten(path, error) from error


def _write(path: Path, data: bytes) -> None:
    """Write a file that appears whole, read-only, and never in the place of another one."""
    temporary = path.with_name(f".tmp-{secrets.token_hex(8)}")
    try:
        with open(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o444), "wb") as file:
            file.write(data)
        os.link(temporary, path)
    except FileExistsError:
        if path.is_symlink() or path.read_bytes() != data:
            raise _other(path) from None
    finally:
        temporary.unlink(missing_ok=True)


def _there(folder: Path, entry: Entry) -> bool:
    """True for an equal file. Raises Conflict for another."""
    path = folder / entry.path
    if not os.path.lexists(path):
        return False
    if path.is_symlink() or not path.is_file() or path.stat().st_size != entry.size:
        raise _other(path)
    with path.open("rb") as file:
        if file_digest(file, "sha256").hexdigest() != entry.sha256:
            raise _other(path)
    return True


def _fits(entries: Sequence[Entry], folder: Path) -> None:
    if problems := [f"{entry.path}: {size(entry.size)}" for entry in entries if entry.size > LARGEST]:
        raise UsageError(f"data files over {size(LARGEST)} do not travel:{listed(problems)}", MOUNT)
    place = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    needed, free = sum(entry.size for entry in entries), shutil.disk_usage(place).free
    if needed > free:
        raise UsageError(f"the data is {size(needed)}, and {size(free)} are free at {place}", MOUNT)


def _get(store: Store, key: str, digest: str, name: str) -> bytes:
    try:
        data = store.get(key)
    except KeyError:
        raise _broken(store, key, f"is missing: {name}") from None
    if (got := sha256(data).hexdigest()) != digest:
        raise _broken(store, key, f"expected sha256 {digest[:16]}…, got {got[:16]}…")
    return data


def _broken(store: Store, key: str, problem: str) -> IntegrityError:
    return IntegrityError(f"{store.url}/{key} {problem}", "move it away and submit the task again, which sends it anew")


def _other(path: Path) -> Conflict:
    return Conflict(f"{path} is there already, and is another file", "give an empty folder, or move it away")


def _unwritten(path: Path, error: OSError) -> TicketSmithError:
    return Retryable(f"cannot write {path}: {error.strerror}", f"free space, or {MOUNT}")
