"""A file of a package, out of a folder or a zip, and never more of it than was expected."""

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn

MANIFEST, WEIGHTS, TOKENIZER = "manifest.json", "weights.safetensors", "tokenizer.json"
READ = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class BadPackage(ValueError):
    """Not a ticket package, or a damaged one. The message says what is wrong with which file."""


def bad(where: str, what: str) -> NoReturn:
    raise BadPackage(f"{where}: {what}")


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str, limit: int) -> bytes:
        """Raises BadPackage if it is not there, or longer."""
        try:
            with _regular(self.path / name) as file:
                content = file.read(limit + 1)
        except OSError as error:
            raise BadPackage(f"{name}: {error.strerror}") from None
        return content if len(content) <= limit else bad(name, f"is larger than {limit:,} bytes")

    def only(self, *names: str) -> None:
        """Nothing: what else lies in a folder is left alone."""


class Zip:
    """Read in place: no file of it is ever written to disk, whatever its names say."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str, limit: int) -> bytes:
        """Raises BadPackage if it is not there once, or longer."""
        with self._opened() as archive:
            if archive.namelist().count(name) != 1:
                bad(self.path.name, f"holds no {name}, or several")
            with archive.open(name) as file:
                content = file.read(limit + 1)
        return content if len(content) <= limit else bad(name, f"is larger than {limit:,} bytes")

    def only(self, *names: str) -> None:
        """Raises BadPackage if it holds other files than these."""
        with self._opened() as archive:
            if sorted(archive.namelist()) != sorted(names):
                bad(self.path.name, f"holds other files than {' and '.join(names)}")

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        """The archive. Raises BadPackage for whatever is wrong with it, then and later."""
        try:
            with _regular(self.path) as opened, zipfile.ZipFile(opened) as archive:
                if any(entry.compress_type not in READ for entry in archive.infolist()):
                    bad(self.path.name, "is compressed in a way that is not read")
                yield archive
        except OSError as error:
            raise BadPackage(f"{self.path.name}: {error.strerror or error}") from None
        except BadPackage:
            raise
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, zlib.error) as error:
            raise BadPackage(f"{self.path.name}: {error}") from None


def _regular(path: Path) -> BinaryIO:
    """The file, opened. Raises BadPackage for a pipe or a device: to open or read one can wait for ever, or do harm."""
    _check(path.name, path.stat())
    file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115
    try:
        _check(path.name, os.fstat(file.fileno()))  # it may have been replaced since
    except BadPackage:
        file.close()
        raise
    return file


def _check(name: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        bad(name, "is not a regular file")


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
