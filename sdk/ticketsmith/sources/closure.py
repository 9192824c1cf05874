"""The code of a task: its file and every module of the user's that it imports, transitively."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import UsageError
from .imports import imports, literal, tree
from .modules import BUNDLED, ENGINE, Module, Modules, prefixes


class Task(Protocol):
    """A task before it is imported, as `references.find` gives it."""

    @property
    def module(self) -> str: ...
    @property
    def file(self) -> Path: ...
    @property
    def root(self) -> Path: ...


@dataclass(frozen=True)
class Closure:
    """The modules of a task, and the libraries that they need."""

    modules: tuple[Module, ...]
    libraries: tuple[str, ...]
    """Top-level names of what is imported from site-packages."""


def closure(task: Task, modules: Modules) -> Closure:
    """Follow the imports of a task's file. Names that cannot be found are left to whoever imports them."""
    walk = _Walk(task, modules)
    while walk.waiting:
        walk.follow(walk.waiting.pop())
    members = sorted(walk.modules.values(), key=lambda module: module.member)
    return Closure(tuple(members), tuple(sorted(walk.libraries)))


class _Walk:
    """A walk along imports, as far as it has got."""

    def __init__(self, task: Task, modules: Modules) -> None:
        self.task, self.everything = task, modules.behind(task.root)
        self.beside = Modules([str(task.root)], [])
        self.own = {task.module.partition(".")[0], BUNDLED}
        self.tops: dict[str, bool] = {}
        self.modules: dict[str, Module] = {}
        self.libraries: set[str] = set()
        self.waiting: list[Module] = []
        self._visit(task.module)
        if task.module not in self.modules:
            raise UsageError(f"{task.file} is gone", "name the task again")

    def follow(self, module: Module) -> None:
        assert module.file is not None
        source = tree(module.file)
        package = module.name if module.folders else module.name.rpartition(".")[0]
        for name in imports(source, package):
            for wanted in self._starred(name):
                self._visit(wanted)

    def _starred(self, name: str) -> Iterator[str]:
        """Modules that `from a import *` imports: those among the names in `__all__` of `a`."""
        package, _, last = name.rpartition(".")
        if last != "*":
            yield name
        elif self._mine(package) and (module := self._locate(package)) and module.source and module.file is not None:
            yield from (f"{package}.{public}" for public in _public(tree(module.file)))

    def _visit(self, name: str) -> None:
        if not name or not self._mine(name):
            return
        for prefix in prefixes(name):
            if prefix in self.modules:
                continue
            module = self._locate(prefix)
            if module is None:
                return
            if module.file is None:
                continue
            if module.installed and module.parts[0] not in self.own:
                self.libraries.add(prefix)
                return
            self.modules[prefix] = module
            self.waiting += [module] * module.source

    def _mine(self, name: str) -> bool:
        """False for the standard library, for the engine, and for what a library holds."""
        top = name.partition(".")[0]
        if top not in self.tops:
            self.tops[top] = top not in ENGINE and top not in sys.stdlib_module_names and self._mine_by_place(top)
        return self.tops[top]

    def _mine_by_place(self, top: str) -> bool:
        module = self._locate(top)
        if module is None or (module.installed and module.file and top not in self.own):
            self.libraries |= {top} if module else set()
            return False
        return True

    def _locate(self, name: str) -> Module | None:
        """A module where a run finds it: on the path, and last in the task's folder. Raises UsageError for two."""
        module = self.everything.find(name)
        if module is not None and module.file is not None and "." not in name:
            _one(module, self.beside.find(name), self.task.file)
        return module


def _one(module: Module, beside: Module | None, task: Path) -> None:
    """Raise UsageError where a module beside the task has the name of another one on the path, which would win."""
    assert module.file is not None
    if beside is None or beside.file is None or beside.installed:
        return
    if not module.file.samefile(beside.file):
        raise UsageError(
            f"{task.name} imports {module.name!r}, and there are two: {beside.file} and {module.file}",
            "rename the first, as a run looks beside the task last; if both are one project, `pip install -e` it",
        )


def _public(source: ast.Module) -> list[str]:
    try:
        return literal(source, "__all__") or []
    except (ValueError, TypeError):
        return []
