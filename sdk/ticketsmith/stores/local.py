"""A folder as a store. A write is a temporary file, fsync, and a hard link: it appears whole, once, or not at all."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from ..errors import Conflict, Denied, Retryable, UsageError
from . import TEMPORARY, checked, folder


class LocalStore:
    """Files below `root`, read-only once written. Safe under concurrent writers and under SIGKILL."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        self.url = str(root)

    def put_once(self, key: str, data: bytes) -> None:
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not _create(path, data) and path.read_bytes() != data:
                raise Conflict(
                    f"{path} already holds other bytes; it was not changed",
                    "another version or machine wrote this run: choose another --store, or move the run away",
                )
        except PermissionError as error:
            raise Denied(f"cannot write {path}: {error.strerror}", "choose a writable folder with --store") from error
        except (FileExistsError, NotADirectoryError) as error:
            raise UsageError(f"{path.parent} is not a folder", "choose a folder with --store") from error
        except FileNotFoundError as error:  # as in /proc, where no folder is ever made
            raise UsageError(f"no folder can be made at {path.parent}", "choose another one with --store") from error
        except IsADirectoryError as error:
            raise UsageError(f"{path} is a folder", "choose another folder with --store") from error
        except OSError as error:
            raise Retryable(
                f"cannot write {len(data)} bytes to {path}: {error.strerror}",
                "free space or check the disk, then run the same command again: finished steps are kept",
            ) from error

    def get(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise KeyError(key) from None
        except PermissionError as error:
            raise _unreadable(error) from error

    def exists(self, key: str) -> bool:
        try:
            return self._path(key).is_file()
        except PermissionError as error:
            raise _unreadable(error) from error

    def list(self, prefix: str = "") -> Iterator[str]:
        # Sorted as text, not as paths: `a-b/c` stands before `a/b`, here as in any bucket.
        yield from sorted(key for key in self._keys(folder(prefix)) if key.startswith(prefix))

    def written(self, key: str) -> float | None:
        try:
            return self._path(key).stat().st_mtime
        except OSError:
            return None

    def replace(self, key: str, data: bytes) -> bool:
        path = self._path(key)
        temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
        try:
            temporary.write_bytes(data)
            os.replace(temporary, path)
        except PermissionError as error:
            raise Denied(f"cannot write {path}: {error.strerror}", "choose a writable folder with --store") from error
        except IsADirectoryError as error:
            raise UsageError(f"{path} is a folder", "choose another folder with --store") from error
        except OSError as error:
            raise Retryable(
                f"cannot write {path}: {error.strerror}", "free space or check the folder, then run it again"
            ) from error
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def _keys(self, below: str) -> Iterator[str]:
        """Files that are there now: what somebody deletes meanwhile is left out, as is what is half written."""
        for place, folders, names in os.walk(self.root / below):
            folders[:] = [name for name in folders if not name.startswith(TEMPORARY)]
            for path in (Path(place, name) for name in names if not name.startswith(TEMPORARY)):
                if os.path.isfile(path):
                    yield path.relative_to(self.root).as_posix()

    def _path(self, key: str) -> Path:
        return self.root / checked(key)


def _unreadable(error: OSError) -> Denied:
    return Denied(f"cannot read {error.filename}: {error.strerror}", "check the folder's permissions")


def _create(path: Path, data: bytes) -> bool:
    """Write `data` so that it appears at `path` whole; False if something is there already."""
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    try:
        with open(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o444), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)  # unlike a rename, a link never replaces what is there
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True
