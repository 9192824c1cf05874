"""Find the file of a module by its import name, without executing anything: no parent package, no `__init__.py`.

Folders are read anew each time, by the finder that Python itself uses for a folder.
https://docs.python.org/3/library/importlib.html#importlib.machinery.FileFinder
"""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from typing import Any

ENGINE = frozenset({"ticketsmith", "ticketsmith_runner", "ticketsmith_runtime", "ticketsmith_workflows"})
"""TicketSmith's own packages. Their digest is another part of a run id."""
BUNDLED = "ticketsmith_tasks"
"""The package of the tasks that come with it, which are tasks as any other."""


@dataclass(frozen=True)
class Module:
    """A module, and the file that it would be executed from."""

    name: str
    """Its import name."""
    file: Path | None
    """None: a folder without `__init__.py`, a namespace package."""
    folders: tuple[str, ...]
    """Folders of its submodules; empty for a module that is no package."""

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.name.split("."))

    @property
    def source(self) -> bool:
        return self.file is not None and self.file.suffix in SOURCE_SUFFIXES

    @property
    def member(self) -> str:
        """Path of its file within an archive."""
        assert self.file is not None
        return "/".join([*self.parts, self.file.name] if self.folders else [*self.parts[:-1], self.file.name])

    @property
    def root(self) -> Path:
        """The folder that its import name starts from."""
        assert self.file is not None
        return self.file.parents[len(self.parts) - (not self.folders)]

    @cached_property
    def installed(self) -> bool:
        """True if it is a library: in site-packages, in the standard library, or where pip put other distributions."""
        if installed_file(self.file or Path(self.folders[0])):
            return True
        return self.file is not None and any(self.root.glob("*.dist-info"))


class Modules:
    """The modules that a process with this path would import. Other places are finders of editable installations."""

    def __init__(self, path: Sequence[str] | None = None, finders: Sequence[Any] | None = None) -> None:
        self.path = [entry for entry in (sys.path if path is None else path) if entry and os.path.isdir(entry)]
        self.finders = _editable() if finders is None else finders
        self._finders: dict[str, FileFinder] = {}

    def find(self, name: str) -> Module | None:
        """The module of that name; None if there is none, also if a parent is no package."""
        module: Module | None = None
        for prefix in prefixes(name):
            if module is not None and not module.folders:
                return None
            folders = self.path if module is None else module.folders
            module = self._module(prefix, folders) or (self._elsewhere(prefix) if module is None else None)
            if module is None:
                return None
        return module

    def behind(self, folder: Path) -> "Modules":
        """The same with `folder` last on the path."""
        return Modules([*self.path, str(folder)], self.finders)

    def _module(self, name: str, folders: Sequence[str]) -> Module | None:
        portions: list[str] = []
        for folder in folders:
            spec = self._finder(folder).find_spec(name)
            if spec is not None and spec.origin is not None:
                return _of(name, spec)
            portions += (spec and spec.submodule_search_locations) or []
        return Module(name, None, tuple(portions)) if portions else None

    def _elsewhere(self, name: str) -> Module | None:
        """A package that an editable installation maps to its folder: setuptools writes such finders."""
        for finder in self.finders:
            spec = finder.find_spec(name, None)
            if spec is not None and spec.origin is not None:
                return _of(name, spec)
        return None

    def _finder(self, folder: str) -> FileFinder:
        if folder not in self._finders:
            self._finders[folder] = FileFinder(
                folder,
                (ExtensionFileLoader, EXTENSION_SUFFIXES),
                (SourceFileLoader, SOURCE_SUFFIXES),
                (SourcelessFileLoader, BYTECODE_SUFFIXES),
            )
        return self._finders[folder]


def installed_file(file: Path) -> bool:
    """True if a file lies in site-packages, or in the standard library."""
    return bool({"site-packages", "dist-packages"} & set(file.parts)) or Path(os.__file__).parent in file.parents


def prefixes(name: str) -> Iterator[str]:
    """A module's packages, from the outermost, and itself.

    >>> list(prefixes("a.b.c"))
    ['a', 'a.b', 'a.b.c']
    """
    parts = name.split(".")
    return (".".join(parts[: depth + 1]) for depth in range(len(parts)))


def _of(name: str, spec: ModuleSpec) -> Module:
    assert spec.origin is not None
    return Module(name, Path(os.path.abspath(spec.origin)), tuple(spec.submodule_search_locations or ()))


def _editable() -> list[Any]:
    """Finders of editable installations, by the names that setuptools, hatch and meson give their modules."""
    kinds = ((finder, finder if isinstance(finder, type) else type(finder)) for finder in sys.meta_path)
    return [finder for finder, kind in kinds if "editable" in kind.__module__ and hasattr(finder, "find_spec")]
