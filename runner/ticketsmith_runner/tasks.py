"""The user's task: its functions, each with what may be wrong with what it gives."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ticketsmith.errors import TicketSmithError, UsageError
from ticketsmith.task import Metric, Scaling

from .examples import Examples
from .importing import imported, line_of, remedy
from .memory import exhausted
from .seeds import seeded

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
        return imported(self.folder, self.module)

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
    def baseline(self) -> Callable[[Any], Callable[[Any], Tensor]] | None:
        return getattr(self.code, "baseline", None)

    @property
    def sample(self) -> Callable[[nn.Module, torch.Generator], Sequence[str | Tensor]] | None:
        return getattr(self.code, "sample", None)

    @property
    def vocabulary(self) -> Sequence[str] | None:
        return getattr(self.code, "VOCABULARY", None)

    @property
    def scaling(self) -> Scaling | None:
        return getattr(self.code, "SCALING", None)

    @property
    def classes(self) -> Sequence[str] | None:
        return getattr(self.code, "CLASSES", None)

    def smaller(self, weights: int) -> object:
        """Options of a dense network with about so many prunable weights. Raises UsageError where the task has none."""
        if (make := getattr(self.code, "smaller", None)) is None:
            raise UsageError(f"task {self.module} has no smaller()", "write it, or leave the control out")
        with self.told("smaller"):
            return make(weights)

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
        place = line_of(error, self.task.folder)
        raise UsageError(
            f"{self.name}() of task {self.task.module} fails{place}: {type(error).__name__}: {error}",
            remedy(error) if isinstance(error, ModuleNotFoundError) else MEND,
        ) from error


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


@lru_cache(maxsize=2)
def _read(task: Task, root: str) -> Examples:
    with task.told("data"):
        splits = task.code.data(Path(root))
    return Examples.of(splits, getattr(task.code, "collate", None))
