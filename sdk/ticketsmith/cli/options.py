"""Options that several commands share."""

from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer

AUTO = "auto"


class Precision(StrEnum):
    """Numbers of a package's weights."""

    fp32 = "fp32"
    int8 = "int8"


class Output(StrEnum):
    """The form of standard output."""

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
OtherVersions = Annotated[
    bool, typer.Option("--other-versions", help="Go on with other versions of torch, numpy or numba than the run's.")
]
Workers = Annotated[
    int | None, typer.Option(min=1, max=1024, help="Processes of one thread each. [default: all cores]")
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, or its beginning.")]
AnyRun = Annotated[str | None, typer.Argument(metavar="[RUN]", help="Id of a run. Without: every run in the store.")]

Config = Annotated[str | None, typer.Option(callback=folder, help="Spec in YAML. Without: the defaults of the task.")]
Task = Annotated[
    str | None, typer.Option(help="A file (flowers.py), a module, or an installed task. [default: digits-mlp]")
]
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
NoSamples = Annotated[bool, typer.Option("--no-samples", help="No example in any report, given or drawn.")]
StopOnFail = Annotated[bool, typer.Option("--stop-on-fail", help="No further rounds after a FAIL.")]

Price = Annotated[
    str | None,
    typer.Option(metavar="DOLLARS|NAME", help="For an hour of the machine that serves; or its name in --prices."),
]
PriceList = Annotated[
    str | None,
    typer.Option("--prices", envvar="TICKETSMITH_PRICES", callback=folder, help="Price list in YAML (docs/cost.md)."),
]
PerDay = Annotated[
    float | None,
    typer.Option("--requests-per-day", callback=finite, help="Tokens, images or inferences asked for in a day."),
]

Replicate = Annotated[
    int | None, typer.Option(help="Replicate to measure. [default: the one with the median validation loss]")
]
