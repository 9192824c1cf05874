"""From what stands after `--task` to the task's source, without importing it.

A path (`flowers.py`, `tasks/flowers.py`), an entry point of the group `ticketsmith.tasks` (`digits-mlp`), or a module
(`my_pkg.flowers`), in the current folder or installed. An entry point wins over a module of the same name.
"""

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from .errors import UsageError
from .lottery.choices import guess
from .sources.imports import relative, tree
from .sources.modules import ENGINE, Module, Modules
from .stores import expanded

GROUP = "ticketsmith.tasks"
NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
"""A label of DNS: it begins the names of runs, of workflows and of keys."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A task that nobody has imported yet."""

    name: str
    """The file's name, that of the entry point, or the last part of the module's."""
    module: str
    """Its import name, also within its archive."""
    file: Path
    root: Path
    """The folder that its import names start from."""


def find(reference: str, folder: Path | None = None, path: Sequence[str] | None = None) -> Reference:
    """The task that is meant, seen from `folder` with `path` as Python's. Raises UsageError with the nearest names."""
    folder, path = folder or Path.cwd(), sys.path if path is None else path
    if reference.endswith(".py") or "/" in reference or os.sep in reference:
        task = _file(reference, folder, path)
    else:
        entries = entry_points(path)
        module = entries.get(reference, reference)
        located = _module(module, folder, path)
        if located is None:
            raise _nothing(reference, module, entries, folder, path)
        name = reference if reference in entries else module.rpartition(".")[2]
        task = _reference(name, located)
    tree(task.file)
    return task


def entry_points(path: Sequence[str] | None = None) -> dict[str, str]:
    """Modules of installed tasks by their names; of two with one name the first on the path."""
    from importlib.metadata import distributions

    modules: dict[str, str] = {}
    for distribution in distributions(path=list(sys.path if path is None else path)):
        for entry in distribution.entry_points:
            if entry.group == GROUP:
                modules.setdefault(entry.name, entry.value.partition(":")[0].strip())
    return dict(sorted(modules.items()))


def _file(reference: str, folder: Path, path: Sequence[str]) -> Reference:
    typed = folder / expanded(reference)
    if not typed.is_file():
        raise _no_file(typed, reference)
    if typed.suffix != ".py":
        raise UsageError(f"{reference} is not a Python file", "name a file that ends in .py")
    file = typed.resolve()
    packaged = file.name == "__init__.py" or (relative(tree(file)) and _outermost(file.parent) != file.parent)
    if relative(tree(file)) and not packaged:
        raise UsageError(
            f"{reference}: it imports with leading dots, and its folder is no package",
            f"import what lies beside it by its name alone, or put an __init__.py into {file.parent}",
        )
    root = _outermost(file.parent) if packaged else file.parent
    whole = file.parent if file.name == "__init__.py" else file.with_suffix("")
    module = ".".join(whole.relative_to(root).parts)
    if module.count(".") != len(whole.relative_to(root).parts) - 1:
        raise UsageError(f"{reference}: no module has a dot in its name", f"rename it, for example {_label(module)}.py")
    name = file.parent.name if file.name == "__init__.py" else typed.stem
    return _reference(name, _unrivalled(Module(module, file, ()), root, Modules(path)), root)


def _outermost(folder: Path) -> Path:
    """The folder above every package that this folder is in; itself, if it is none."""
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder


def _module(name: str, folder: Path, path: Sequence[str]) -> Module | None:
    """The module of this name, installed or in the current folder, if it is one that a task can be."""
    if not all(part.isidentifier() for part in name.split(".")) or _reserved(name):
        return None
    modules = Modules(path)
    module = modules.behind(folder).find(name)
    if module is None or module.file is None:
        return None
    if (beside := Modules([str(folder)], []).find(name.partition(".")[0])) and beside.file:
        _unrivalled(beside, folder, modules)
    if not module.source:
        raise UsageError(f"{name}: {module.file} has no source", "a task is a file of Python")
    return module


def _unrivalled(module: Module, root: Path, modules: Modules) -> Module:
    """The module, if nothing else on the path has the first part of its name. Raises UsageError otherwise."""
    top = module.name.partition(".")[0]
    if _reserved(top):
        raise UsageError(f"{module.file}: {top!r} is a module of Python's or of TicketSmith's", "rename the file")
    own, other = Modules([str(root)], []).find(top), modules.find(top)
    if own and own.file and other and other.file and not own.file.samefile(other.file):
        raise UsageError(
            f"{module.file}: {top!r} is also {other.file}, which Python would import",
            "rename it; if both are one project, `pip install -e` the folder of its pyproject.toml",
        )
    return module


def _reserved(name: str) -> bool:
    top = name.partition(".")[0]
    return top in ENGINE or top in sys.stdlib_module_names


def _reference(name: str, module: Module, root: Path | None = None) -> Reference:
    assert module.file is not None
    label = _label(name)
    if not NAME.fullmatch(label):
        raise UsageError(
            f"a task's name begins with a letter and has at most 40 letters, digits and hyphens, got {label!r}",
            f"rename {module.file.name}, for example to flowers.py",
        )
    return Reference(name=label, module=module.name, file=module.file, root=root or module.root)


def _label(name: str) -> str:
    """A name as a label.

    >>> _label("My_Flowers.v2")
    'my-flowers-v2'
    """
    return re.sub(r"[_.]", "-", name.lower())


def _no_file(path: Path, reference: str) -> UsageError:
    if path.is_dir():
        inside = sorted(file.name for file in path.glob("*.py"))
        example = path.name + "/" + (inside[0] if inside else "flowers.py")
        return UsageError(f"{reference} is a folder", f"name the task's file in it, for example {example}")
    beside = sorted(file.name for file in path.parent.glob("*.py")) if path.parent.is_dir() else []
    hint = guess(path.name, beside) or "check the path; "
    new = path.with_suffix(".py") if path.parent.is_dir() else Path(f"{path.stem}.py")
    writes = "" if new.exists() else f"`ticketsmith task new {quote(str(new))}` writes one"
    return UsageError(f"{reference}: there is no such file", f"{hint}{writes}".strip(" ;"))


def _nothing(reference: str, module: str, entries: dict[str, str], folder: Path, path: Sequence[str]) -> UsageError:
    choices = f"choose from {', '.join([*entries, 'a file (flowers.py)', 'a module (my_pkg.flowers)'])}"
    if reference in entries:
        return UsageError(
            f"the task {reference!r} is {module}, and there is no such module", "install its package again"
        )
    if _reserved(reference):
        return UsageError(f"no task {reference!r}: that is a module of Python's or of TicketSmith's", choices)
    return UsageError(f"no task {reference!r}", f"{guess(reference, _near(reference, entries, folder, path))}{choices}")


def _near(reference: str, entries: dict[str, str], folder: Path, path: Sequence[str]) -> list[str]:
    """Names that may have been meant: entry points, files of the current folder, modules of the package."""
    package = reference.rpartition(".")[0]
    parent = Modules(path).behind(folder).find(package) if package and not _reserved(package) else None
    folders = [Path(name) for name in parent.folders] if parent else []
    siblings = [f"{package}.{file.stem}" for place in folders for file in place.glob("*.py")]
    return [*entries, *sorted(file.name for file in folder.glob("*.py")), *sorted(siblings)]
