"""The user's task: the only room that imports a user's file."""

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ticketsmith.errors import Conflict, TicketSmithError, UsageError
from ticketsmith.task import Metric

from .examples import Examples
from .memory import exhausted
from .seeds import seeded

NEEDED = ("METRIC", "DEFAULTS", "data", "model", "loss")
CALLED = ("data", "model", "loss", "collate", "score", "record", "sample", "inputs", "prunable")
MEND = "mend it; `ticketsmith task check` tries every part in seconds"
Loss = Callable[[nn.Module, Any], Tensor]


@dataclass(frozen=True)
class Task:
    """A task by where its code lies: it crosses process boundaries as two names, and is imported once in each."""

    folder: str
    """The folder that import names start from: the unpacked archive of the run."""
    module: str
    """The import name in it."""

    @property
    def code(self) -> ModuleType:
        """The user's module. Raises UsageError if it cannot be imported, or names are missing."""
        return _imported(self.folder, self.module)

    @property
    def metric(self) -> Metric:
        return cast(Metric, self.code.METRIC)

    @property
    def loss(self) -> Loss:
        return cast(Loss, self.code.loss)

    @property
    def score(self) -> Loss:
        """The loss, where the task has no score of its own."""
        return cast(Loss, getattr(self.code, "score", self.code.loss))

    @property
    def record(self) -> Callable[[nn.Module, Any], Mapping[str, Tensor]] | None:
        return getattr(self.code, "record", None)

    @property
    def sample(self) -> Callable[[nn.Module, torch.Generator], Sequence[str | Tensor]] | None:
        return getattr(self.code, "sample", None)

    def model(self, options: Mapping[str, Any], seed: int = 0) -> nn.Module:
        """The untrained network, theta_0 of one stream. Raises UsageError if it is none."""
        with self.told("model"), seeded(seed):
            network = self.code.model(**{name: _frozen(value) for name, value in options.items()})
        if not isinstance(network, nn.Module):
            raise UsageError(
                f"model() of task {self.module} returns a {type(network).__name__}", "return a torch.nn.Module"
            )
        if lazy := [name for name, value in network.state_dict(keep_vars=True).items() if is_lazy(value)]:
            raise UsageError(
                f"model() of task {self.module} leaves {', '.join(lazy)} without a shape",
                "give lazy layers their widths, or call the network once on zeros before it is returned",
            )
        return network

    def prunable(self, network: nn.Module) -> dict[str, int]:
        """Weights of each parameter that may be pruned. Raises UsageError if there are none, or a name is of none."""
        from .network import prunable

        chosen = getattr(self.code, "prunable", None)
        try:
            sizes = prunable(network, None if chosen is None else list(chosen(network)))
        except KeyError as error:
            names = ", ".join(name for name, _ in network.named_parameters())
            raise UsageError(
                f"prunable() of task {self.module} names {error}, which is no parameter", f"choose from {names}"
            ) from None
        if frozen := [name for name, value in network.named_parameters() if name in sizes and not value.requires_grad]:
            raise UsageError(
                f"prunable() of task {self.module} names {', '.join(frozen)}, which does not train",
                "leave it out, or let it train: requires_grad_()",
            )
        if not sizes:
            raise UsageError(
                f"the network of task {self.module} has nothing to prune: no weight of a Linear or Conv layer that "
                "trains",
                "name the parameters in `prunable(model)` of the task's file",
            )
        return sizes

    def examples(self, root: str) -> Examples:
        """The examples below `root`, read at the first use. Raises UsageError if they are none."""
        return _read(self, root)

    def inputs(self, batch: Any) -> Any:
        """Arguments of the network: a tensor, a tuple of them, or a dict by name."""
        if chosen := getattr(self.code, "inputs", None):
            return chosen(batch)
        return batch[0] if isinstance(batch, tuple | list) else batch

    def told(self, name: str) -> "_Told":
        """A context in which what the user's code raises becomes a UsageError that names the line."""
        return _Told(self, name)


class _Told:
    def __init__(self, task: Task, name: str) -> None:
        self.task, self.name = task, name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, TicketSmithError) or exhausted(error):
            return
        place = line_of(error, self.task)
        raise UsageError(
            f"{self.name}() of task {self.task.module} fails{place}: {type(error).__name__}: {error}",
            _remedy(error) if isinstance(error, ModuleNotFoundError) else MEND,
        ) from error


def line_of(error: BaseException, task: Task) -> str:
    """` in line 12 of flowers.py`: the last line of the user's own."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(task.folder)]
    return f" in line {own[-1].lineno} of {Path(own[-1].filename).name}" if own else ""


def options(task: Task) -> dict[str, Any]:
    """Keyword arguments of `model` with their defaults. Raises UsageError for one without a default."""
    signature = inspect.signature(task.code.model)
    plain = [p for p in signature.parameters.values() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    if bare := [p.name for p in plain if p.default is p.empty]:
        raise UsageError(
            f"model() of task {task.module} has no default for {', '.join(bare)}", "give each option a default"
        )
    return {p.name: _plain(task, p.name, p.default) for p in plain}


def _plain(task: Task, name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(task, name, under) for key, under in value.items()}
    if isinstance(value, list | tuple | range):
        return [_plain(task, name, under) for under in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise UsageError(
        f"option {name} of model() of task {task.module} is a {type(value).__name__}",
        "options are numbers, texts, true, false, null, and lists of them: they stand in the spec",
    )


def _frozen(value: Any) -> Any:
    return tuple(_frozen(under) for under in value) if isinstance(value, list) else value


@lru_cache(maxsize=8)
def _imported(folder: str, module: str) -> ModuleType:
    _go_before_other_tasks(folder)
    try:
        code = importlib.import_module(module) if "." in module else _from_file(folder, module)
    except (Exception, SystemExit) as error:
        if isinstance(error, TicketSmithError):
            raise
        place = line_of(error, Task(folder, module))
        raise UsageError(
            f"task {module} cannot be imported{place}: {type(error).__name__}: {error}", _remedy(error)
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
    return code


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


def _remedy(error: BaseException) -> str:
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


@lru_cache(maxsize=2)
def _read(task: Task, root: str) -> Examples:
    with task.told("data"):
        splits = task.code.data(Path(root))
    return Examples.of(splits, getattr(task.code, "collate", None))
