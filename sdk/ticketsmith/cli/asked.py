"""Options of the commands that make a run: one record, whichever command has them."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any

from .options import (
    AUTO,
    Config,
    DataRoot,
    MaxReplicates,
    Output,
    OutputKind,
    Replicates,
    Seed,
    Set,
    Sparsity,
    StoreUrl,
    Task,
)

if TYPE_CHECKING:
    from ..lottery.spec import Experiment


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The experiment that a command line describes, where it is kept, and how it is told."""

    config: Config = None
    task: Task = None
    sparsity: Sparsity = None
    replicates: Replicates = None
    max_replicates: MaxReplicates = None
    seed: Seed = None
    set: Set = None
    store: StoreUrl = "runs"
    data_root: DataRoot = "data"
    output: OutputKind = Output.text

    def spec(self, **flags: Any) -> "Experiment":
        """`--config` below, `--set` above it, the named flags on top; `flags` are fields besides these.

        Raises UsageError that lists every problem.
        """
        from ..specs import merge, overrides, read_spec

        named = {"task": self.task, "pruning.sparsity": self.sparsity, "seed": self.seed, **flags}
        named |= {"replicates": _count(self.replicates), "max_replicates": self.max_replicates}
        given = {key: value for key, value in named.items() if value is not None}
        above = merge(self._set(), overrides(given))
        spec = read_spec(self.config, above, self.data_root)
        if self.replicates == AUTO and spec.max_replicates is None:
            most = {"max_replicates": spec.looks * spec.replicates}
            return read_spec(self.config, merge(above, most), self.data_root)
        return spec

    def names(self, section: str, field: str) -> bool:
        """True where this field is asked for, by `--set` or `--config`, and is not left to a default."""
        from ..specs import given

        return field in (given(self.config, self._set()).get(section) or {})

    def _set(self) -> dict[str, Any]:
        from ..specs import assign, overrides

        return overrides(assign(self.set or []))


def asking(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command that takes an `Asked` first every option of that record, before its own."""
    _, *own = inspect.signature(command).parameters.values()
    shared = [
        inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=option.default, annotation=option.type)
        for option in fields(Asked)
    ]

    @wraps(command)
    def asked(**given: Any) -> int:
        record = Asked(**{option.name: given.pop(option.name) for option in shared})
        return command(record, **given)

    keyword = [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in own]
    signature = inspect.Signature([*shared, *keyword], return_annotation=int)
    asked.__signature__ = signature  # type: ignore[attr-defined]
    asked.__annotations__ = {option.name: option.annotation for option in signature.parameters.values()}
    del asked.__wrapped__  # or inspect follows it to the command
    return asked


def _count(replicates: str | None) -> int | None:
    """`--replicates` as a number; None where the task's holds. Raises UsageError."""
    if replicates is None or replicates == AUTO:
        return None
    try:
        return int(replicates)
    except ValueError:
        from ..errors import UsageError

        raise UsageError(
            f"--replicates: expected a number or {AUTO}, got {replicates!r}", "for example --replicates 20"
        ) from None
