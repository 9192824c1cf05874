"""Imports a user's file: the only room that does."""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from ticketsmith.errors import Conflict, TicketSmithError, UsageError
from ticketsmith.task import Metric, Scaling

NEEDED = ("METRIC", "DEFAULTS", "data", "model", "loss")
CALLED = ("data", "model", "loss", "collate", "score", "record", "baseline", "sample", "inputs", "prunable")


@lru_cache(maxsize=8)
def imported(folder: str, module: str) -> ModuleType:
    """The module of a task. Raises UsageError if it is none, Conflict if another one was found under its name."""
    _go_before_other_tasks(folder)
    try:
        code = importlib.import_module(module) if "." in module else _from_file(folder, module)
    except (Exception, SystemExit) as error:
        if isinstance(error, TicketSmithError):
            raise
        place = line_of(error, folder)
        raise UsageError(
            f"task {module} cannot be imported{place}: {type(error).__name__}: {error}", remedy(error)
        ) from error
    if missing := [name for name in NEEDED if not hasattr(code, name)]:
        raise UsageError(
            f"task {module} has no {', '.join(missing)}",
            "`ticketsmith task new` writes a file that has all of them",
        )
    _refuse_others(folder)
    if unusable := [name for name in CALLED if hasattr(code, name) and not callable(getattr(code, name))]:
        raise UsageError(f"{', '.join(unusable)} of task {module} cannot be called", "make it a function")
    if not isinstance(code.DEFAULTS, Mapping):
        raise UsageError(
            f"DEFAULTS of task {module} is a {type(code.DEFAULTS).__name__}",
            'make it a dict of spec fields, for example {"replicates": 5, "training": {"steps": 1000}}',
        )
    if not isinstance(code.METRIC, Metric):
        raise UsageError(
            f"METRIC of task {module} is a {type(code.METRIC).__name__}",
            "take ACCURACY, NATS or BITS of ticketsmith.task, or a Metric(name=…, margin=…)",
        )
    _refuse_undeclared(module, code)
    return code


def _refuse_undeclared(module: str, code: ModuleType) -> None:
    """Raises UsageError for a `SCALING` or `CLASSES` that no package could carry."""
    if not isinstance(given := getattr(code, "SCALING", Scaling()), Scaling):
        raise UsageError(
            f"SCALING of task {module} is a {type(given).__name__}",
            "take Scaling(peak=255, mean=0.5, std=0.25) of ticketsmith.task",
        )
    names = getattr(code, "CLASSES", ["one"])
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name for name in names):
        raise UsageError(f"CLASSES of task {module} is no list of names", 'for example CLASSES = ["daisy", "rose"]')
    if len({*names}) < len(names) or not names:
        raise UsageError(
            f"CLASSES of task {module} is empty, or has a name twice", "give each output a name of its own"
        )


FOLDERS: list[str] = []
"""Folders of tasks that this process has imported, the newest first."""


def _go_before_other_tasks(folder: str) -> None:
    """Let names of a task's modules be its own, and not those of a task that the process ran before."""
    others = [place for place in FOLDERS if place != folder]
    for name in _names(folder):
        module = sys.modules.get(name)
        place = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
        if place is not None and any(Path(place).is_relative_to(other) for other in others):
            del sys.modules[name]
    libraries = [place for place in sys.path if place not in FOLDERS]
    if folder not in libraries:
        sys.path[:] = [*libraries, folder, *others]  # last: a task may not stand before a library
        FOLDERS[:] = [folder, *others]


def _names(folder: str) -> set[str]:
    """Names of the modules in a folder, and of the packages that they are in."""
    paths = [file.relative_to(folder).with_suffix("").parts for file in Path(folder).rglob("*.py")]
    return {".".join(parts[:end]) for parts in paths for end in range(1, len(parts) + 1)}


def _from_file(folder: str, module: str) -> ModuleType:
    """A file by its place: its name may be that of a library."""
    name = f"ticketsmith_task_{module}"
    spec = importlib.util.spec_from_file_location(name, Path(folder) / f"{module}.py")
    assert spec is not None and spec.loader is not None
    code = importlib.util.module_from_spec(spec)
    sys.modules[name] = code
    try:
        spec.loader.exec_module(code)
    except BaseException:
        del sys.modules[name]
        raise
    return code


def remedy(error: BaseException) -> str:
    """The fix for what a task raised as it was imported."""
    if isinstance(error, ModuleNotFoundError):
        name = str(error.name).partition(".")[0]
        return f"install {name} where the runner is (for pods: an image `FROM` ours), or put it beside the task's file"
    return "`python` on the file alone shows the whole traceback"


def _refuse_others(folder: str) -> None:
    """Raises Conflict if an installed copy of one of these modules was imported in its place, and is another one."""
    for ours in sorted(Path(folder).rglob("*.py")):
        parts = ours.relative_to(folder).with_suffix("").parts
        module = sys.modules.get(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
        theirs = Path(getattr(module, "__file__", None) or ours)
        if theirs.is_file() and not theirs.samefile(ours) and theirs.read_bytes() != ours.read_bytes():
            raise Conflict(
                f"{theirs} is installed and differs from the code of the run",
                "install the version that the run began with, or begin a run with this one",
            )


def line_of(error: BaseException, folder: str) -> str:
    """` in line 12 of flowers.py`: the last line of the user's own."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]
    return f" in line {own[-1].lineno} of {Path(own[-1].filename).name}" if own else ""
