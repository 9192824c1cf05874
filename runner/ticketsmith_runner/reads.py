"""Files below the data root that a task reads: what it does not name in its `files` would not be there in a pod.

Python tells of each file that it opens, and of each folder that it lists. A library that opens files by itself (Arrow,
HDF5) tells nothing: there, the folder that was listed is all that is known.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ticketsmith.sources.modules import installed_file

from .examples import Examples
from .tasks import Task

SAMPLED = 16
"""Examples that are read to learn which files they come from, where named files stand for all of them."""
FILES, FOLDERS = ("open", "sqlite3.connect"), ("os.listdir", "os.scandir")
"""Events of Python's audit hooks."""


class Reads:
    """The files below a folder that this process reads, and the folders that it lists, from here on."""

    def __init__(self, root: Path) -> None:
        self.roots = {os.path.abspath(root), os.path.realpath(root)}
        self.files: dict[str, None] = {}
        self.folders: dict[str, None] = {}
        sys.addaudithook(self._hear)

    def unnamed(self, named: Iterable[Path], code: Path) -> str | None:
        """The first file below the root that is not named; where none is named, the first folder that was listed.

        Code, its folder and libraries do not count.
        """
        places = {form for place in named for form in (str(place), os.path.realpath(place))}
        if file := next((file for file in self.files if file not in places and _counts(Path(file), code)), None):
            return file
        if any(map(self._below, places)):
            return None
        return next((folder for folder in self.folders if _counts(Path(folder), code)), None)

    def listed(self, files: Iterable[str], code: Path) -> list[str]:
        """The folders that were listed, and those of these files: in them a further example would be."""
        folders = {*self.folders, *(os.path.dirname(file) for file in files)}
        return sorted(folder for folder in folders if os.path.isdir(folder) and code not in Path(folder, "a").parents)

    def _below(self, path: str) -> bool:
        return any(path == root or path.startswith(root.rstrip(os.sep) + os.sep) for root in self.roots)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in (*FILES, *FOLDERS) or not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        if not self._below(path := os.path.abspath(os.fsdecode(arguments[0]))):
            return
        if event in FOLDERS:
            self.folders.setdefault(path)
        elif event != "open" or _to_read(arguments[2]):
            self.files.setdefault(path)


def _to_read(flags: int) -> bool:
    """False for what is written, or would be made if it were not there, such as a lock."""
    return flags & os.O_ACCMODE != os.O_WRONLY and not flags & (os.O_CREAT | os.O_DIRECTORY)


def _counts(path: Path, code: Path) -> bool:
    around = (path, *path.parents)
    if path.suffix in (".py", ".pyc") or installed_file(path) or code in around or not path.exists():
        return False
    return not path.is_dir() or not {str(place) for place in around} & set(sys.path)


def sample(task: Task, examples: Examples) -> None:
    """Read examples from all over the data set."""
    with task.told("data"):
        for number in range(0, examples.count, max(1, examples.count // SAMPLED)):
            examples.item(number, number)
