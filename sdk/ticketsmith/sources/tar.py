"""Canonical tar files: equal files have equal bytes, wherever and whenever they are packed.

Names are sorted; there are no dates, owners, folders or links; names that are long or not ASCII get a PAX header.
https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
"""

import io
import os
import secrets
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from ..errors import IntegrityError, Retryable
from ..transport import below, size

FILE_LIMIT = 8 << 20
"""Bytes of one file."""
LIMIT = 32 << 20
"""Bytes of all files."""
MOST_FILES = 4096

FIX = "submit the task again: its archive of code is damaged, or was made by something else"


def pack(files: Mapping[str, bytes]) -> bytes:
    """The archive of files by their names.

    >>> digest(pack({"b.py": b"", "a.py": b"x"})) == digest(pack({"a.py": b"x", "b.py": b""}))
    True
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8") as archive:
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(files[name]), 0o644
            archive.addfile(member, io.BytesIO(files[name]))
    return buffer.getvalue()


def digest(data: bytes) -> str:
    """SHA-256 of an archive."""
    return sha256(data).hexdigest()


def code_key(sha: str) -> str:
    """The key of an archive in a store.

    >>> code_key("0" * 64)[:12]
    'code/0000000'
    """
    return f"code/{sha}.tar"


def listing(archive: bytes) -> list[tuple[str, int, str]]:
    """Name, size and SHA-256 of each file of an archive."""
    return [(name, len(data), digest(data)) for name, data in _files(archive)]


def unpack(data: bytes, sha256: str, folder: Path) -> None:
    """Write the files of an archive below `folder`, read-only: all of them, or none. One that is there is compared.

    Raises IntegrityError for an archive that is not the one with that digest, or could write anywhere else.
    """
    if (got := digest(data)) != sha256:
        raise IntegrityError(f"the archive of code: expected sha256 {sha256[:16]}…, got {got[:16]}…", FIX)
    files = dict(_files(data))
    temporary = folder.with_name(f".tmp-{secrets.token_hex(8)}")
    try:
        temporary.mkdir(parents=True)
        for name, content in files.items():
            _write(temporary / name, content)
        _place(temporary, folder, files)
    except OSError as error:
        raise Retryable(
            f"cannot unpack the code into {folder}: {error.strerror}", "free space, or check its permissions"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _files(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file. Nothing is written, and no more is read than an archive may hold."""
    names: set[str] = set()
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:", encoding="utf-8", errors="strict") as tar:
            for member in tar:
                total += member.size
                if problem := _problem(member, names, total):
                    raise IntegrityError(f"the archive of code: {member.name[:200]!r} {problem}", FIX)
                names.add(member.name)
                reader = tar.extractfile(member)
                data = reader.read() if reader else b""
                if len(data) != member.size:
                    raise IntegrityError(f"the archive of code: {member.name[:200]!r} is cut short", FIX)
                yield member.name, data
    except (tarfile.TarError, ValueError, LookupError, ArithmeticError, EOFError) as error:
        raise IntegrityError(f"the archive of code is no tar file ({error})", FIX) from error


def _problem(member: tarfile.TarInfo, names: set[str], total: int) -> str:
    if not member.isreg() or member.issparse():
        return "is not a regular file"
    if not below(member.name):
        return "leads out of its folder"
    if member.name in names or any(parent in names for parent in _parents(member.name)):
        return "is there twice"
    if not 0 <= member.size <= FILE_LIMIT:
        return f"is larger than {size(FILE_LIMIT)}"
    if total > LIMIT:
        return f"makes it larger than {size(LIMIT)}"
    return f"is one file too many ({MOST_FILES:,} are allowed)" if len(names) >= MOST_FILES else ""


def _parents(name: str) -> Iterator[str]:
    while name := name.rpartition("/")[0]:
        yield name


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o444), "wb") as file:
        file.write(data)


def _place(temporary: Path, folder: Path, files: Mapping[str, bytes]) -> None:
    """Rename the whole; a folder that is there, perhaps another process's work, has to hold the same."""
    if not folder.is_symlink():
        try:
            os.rename(temporary, folder)  # an empty folder may be replaced
            return
        except OSError:
            if not folder.is_dir():
                raise
    if _contents(folder) != files:
        raise IntegrityError(f"{folder} is there already, with other code", "move it away, or give another folder")


def _contents(folder: Path) -> dict[str, bytes] | None:
    """Every file below a folder, less what Python compiles; None if there are links."""
    paths = [path for path in folder.rglob("*") if "__pycache__" not in path.parts]
    if folder.is_symlink() or any(path.is_symlink() for path in paths):
        return None
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.is_file()}
