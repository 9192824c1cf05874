"""Options that several commands share."""

from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..lottery.spec import Experiment


AUTO = "auto"


class Output(StrEnum):
    """What is printed on standard output."""

    text = "text"
    json = "json"


def folder(path: str | None) -> str | None:
    """A path as it was meant: `--store=~/x` reaches us with its `~`. Raises UsageError."""
    from ..stores import expanded

    return path if path is None else expanded(path)


def file(path: Path | None) -> Path | None:
    """The same of a file."""
    return path if path is None else Path(str(folder(str(path))))


def finite(value: float | None) -> float | None:
    """A number: no range excludes `nan`. Raises typer.BadParameter."""
    if value is not None and not isfinite(value):
        raise typer.BadParameter(f"expected a number, got {value}")
    return value


StoreUrl = Annotated[
    str,
    typer.Option(
        "--store", "--runs-prefix", envvar="TICKETSMITH_STORE", help="Folder of the runs, or gs://bucket/prefix."
    ),
]
DataRoot = Annotated[
    str, typer.Option(callback=folder, help="Folder of the data sets; downloaded there where the task needs it.")
]
OutputKind = Annotated[Output, typer.Option("--output", "-o", help="text for people, json for programs.")]
Workers = Annotated[
    int | None, typer.Option(min=1, max=1024, help="Processes of one thread each. [default: all cores]")
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, or its beginning.")]
AnyRun = Annotated[str | None, typer.Argument(metavar="[RUN]", help="Id of a run. Without: every run in the store.")]

Config = Annotated[str | None, typer.Option(callback=folder, help="Spec in YAML. Without: the defaults of the task.")]
Task = Annotated[str | None, typer.Option(help="Data set, network and protocol. [default: digits-mlp]")]
Sparsity = Annotated[float | None, typer.Option(help="Share of the weights to remove, in (0, 1). [default: 0.8]")]
Replicates = Annotated[
    str | None,
    typer.Option(metavar="N|auto", help="Independent repetitions; auto: until decided. [default: those of the task]"),
]
MaxReplicates = Annotated[
    int | None, typer.Option(help="Go on until decided, up to this many replicates. [auto: all that the looks allow]")
]
Seed = Annotated[int | None, typer.Option(help="Root of every random stream. [default: 0]")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any spec field, e.g. gate.margin=0.01.")
]
Trainer = Annotated[str | None, typer.Option(help="Who trains every level. [default: auto, by network and density]")]
StopOnFail = Annotated[bool, typer.Option("--stop-on-fail", help="No further rounds after a FAIL.")]

Replicate = Annotated[
    int | None, typer.Option(help="Replicate to measure. [default: the one with the median validation loss]")
]


def read(
    config: str | None,
    assignments: list[str] | None,
    flags: dict[str, Any],
    replicates: str | None = None,
    max_replicates: int | None = None,
) -> "Experiment":
    """The spec that the flags describe: `--config` below, `--set` above it, the named flags on top."""
    from ..specs import assign, merge, overrides, read_spec

    flags = {**flags, "replicates": _count(replicates), "max_replicates": max_replicates}
    given = {key: value for key, value in flags.items() if value is not None}
    above = merge(overrides(assign(assignments or [])), overrides(given))
    spec = read_spec(config, above)
    if replicates == AUTO and spec.max_replicates is None:
        return read_spec(config, merge(above, {"max_replicates": spec.looks * spec.replicates}))
    return spec


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
