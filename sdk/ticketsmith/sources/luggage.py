"""The files of an archive before they are packed: those that a task names, and the reasons why one may not travel."""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from stat import S_ISREG

from ..errors import UsageError
from ..transport import below, listed, secret_name, secrets, size
from .imports import literal, text, tree
from .modules import Module, installed_file
from .tar import FILE_LIMIT, LIMIT, MOST_FILES

LEFT_OUT = frozenset({"__pycache__", ".git", ".ipynb_checkpoints", ".DS_Store"})
"""Things that a folder in `FILES` may hold that are no data."""

TOKENIZER = ".json"
"""Ending of a `VOCABULARY` that names a tokenizer's file, instead of holding the text of each token."""

FIX = "take them out of FILES and of the imports; what is large is data, which `data(root)` reads below its root"


@dataclass(frozen=True)
class Part:
    """A file of an archive."""

    name: str
    """Its path there."""
    file: Path
    root: Path
    """The folder that it may not lie outside of, by a link."""


def data_files(task: Module) -> list[Part]:
    """The files that the task's `FILES` names, those of its folders too, and the tokenizer's that `VOCABULARY` names.

    Raises UsageError for what is not there.
    """
    assert task.file is not None
    source = tree(task.file)
    try:
        named = [("FILES", name) for name in literal(source, "FILES") or []]
    except (ValueError, TypeError):
        raise UsageError(
            f"{task.file}: FILES has to be a list of names that stand there, as it is read and not executed",
            'for example FILES = ["labels.txt", "vocabulary/"]',
        ) from None
    if (words := text(source, "VOCABULARY")) and words.endswith(TOKENIZER):
        named.append(("VOCABULARY", words))
    folder, prefix = task.file.parent, task.member.rpartition("/")[0]
    files = [file for who, name in named for file in _expanded(task.file, who, name)]
    return [Part("/".join(filter(None, [prefix, file.relative_to(folder).as_posix()])), file, folder) for file in files]


def _expanded(task: Path, who: str, name: str) -> list[Path]:
    path = task.parent / name
    plain = name.removesuffix("/").removeprefix("./")
    if not below(plain):
        raise UsageError(
            f"{task}: {who} names {name!r}, which is not below the task's folder",
            "move it beside the task, or let `data(root)` read it below the data root",
        )
    if not path.exists():
        near = get_close_matches(path.name, sorted(os.listdir(path.parent)) if path.parent.is_dir() else [], n=1)
        raise UsageError(
            f"{task}: {who} names {name!r}, and there is no {path}",
            f"{f'did you mean {near[0]!r}? ' if near else ''}correct {who}, relative to the task's file",
        )
    files = list(_walk(task.parent / plain)) if path.is_dir() else [task.parent / plain]
    if not files:
        raise UsageError(f"{task}: {who} names {name!r}, an empty folder", f"take it out of {who}")
    return files


def _walk(folder: Path) -> Iterator[Path]:
    """Every file, in no order. A link to a folder is given as if it were a file, to be refused."""
    for place, folders, files in os.walk(folder):
        linked = [name for name in folders if os.path.islink(os.path.join(place, name))]
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        yield from (Path(place, name) for name in [*files, *linked] if name not in LEFT_OUT)


def refuse(task: Path, parts: Collection[Part]) -> None:
    """Raise UsageError that lists every file whose name, kind, place or size keeps it from travelling."""
    if len(parts) > MOST_FILES:
        raise UsageError(f"{task.name}: its code is {len(parts):,} files, and {MOST_FILES:,} are allowed", FIX)
    problems = sorted(f"{part.file}: {problem}" for part in parts if (problem := _problem(part)))
    if problems:
        raise UsageError(f"{task.name}: these files cannot travel with it:{listed(problems)}", FIX)
    sizes = sorted(((part.file.stat().st_size, part.name) for part in parts), reverse=True)
    total = sum(count for count, _ in sizes)
    if total > LIMIT:
        raise UsageError(
            f"{task.name}: its code is {size(total)}, and {size(LIMIT)} are allowed. The largest files:"
            + listed(f"{name}: {size(count)}" for count, name in sizes[:5]),
            FIX,
        )


def _problem(part: Part) -> str:
    if secret_name(part.name) or secret_name(_real(part.file).name):
        return "may be a secret, by its name"
    if part.file.suffix in (".so", ".pyd", ".dylib"):
        return "is compiled: build it into an image `FROM` ours, as a package of site-packages"
    if part.file.suffix == ".pyc":
        return "has no source"
    if not below(part.name):
        return "has a name that is not portable"
    if not installed_file(part.file) and _real(part.root) not in _real(part.file).parents:
        return f"is a link that leaves its folder, to {_real(part.file)}"
    return _unfit(part.file)


def _real(file: Path) -> Path:
    return Path(os.path.realpath(file))


def _unfit(file: Path) -> str:
    try:
        state = file.stat()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if not S_ISREG(state.st_mode):
        return "is a link to a folder: name the folder itself" if file.is_dir() else "is not a file"
    if state.st_size > FILE_LIMIT:
        return f"is larger than {size(FILE_LIMIT)} ({state.st_size:,} bytes)"
    return "" if os.access(file, os.R_OK) else "cannot be read (Permission denied)"


def refuse_contents(task: Path, files: Mapping[str, bytes]) -> None:
    """Raise UsageError that lists every line which looks like a secret."""
    contents = sorted(files.items())
    problems = [f"{name}, line {line}: {kind}" for name, data in contents for line, kind in secrets(data)]
    if problems:
        raise UsageError(
            f"{task.name}: its code holds what looks like a secret:{listed(problems)}",
            "read it from the environment, or from a file outside the code; revoke it if it ever left this machine",
        )
