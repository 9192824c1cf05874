"""Options that several commands share."""

from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer

from .completion import run_id, spec_key, task

AUTO = "auto"


class Precision(StrEnum):
    """Numbers of a package's weights."""

    fp32 = "fp32"
    int8 = "int8"


class EvenIf(StrEnum):
    """Verdicts that are no PASS."""

    undecided = "undecided"
    fail = "fail"
    invalid = "invalid"


class Output(StrEnum):
    """The form of standard output."""

    text = "text"
    json = "json"


class Conclusion(StrEnum):
    """The form of a verdict on standard output."""

    text = "text"
    json = "json"
    junit = "junit"
    github = "github"


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


def named(run: str | None) -> str | None:
    """A run's name: that of a variable which is not set would mean every run. Raises typer.BadParameter."""
    if run is not None and not run.strip():
        raise typer.BadParameter("a run has a name: this one is empty")
    return run


def share(text: str) -> float:
    """0.8 and 80% are one share. Raises typer.BadParameter.

    >>> share("0.8"), share("80%")
    (0.8, 0.8)
    """
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise typer.BadParameter(f"expected a share such as 0.8 or 80%, got {text}") from None
    if 2 <= number <= 100 and not text.endswith("%"):
        raise typer.BadParameter(f"expected a share such as {number / 100:g} or {number:g}%, got {text}")
    return number


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
ConclusionKind = Annotated[
    Conclusion,
    typer.Option("--output", "-o", help="text, json; junit: XML for a CI; github: an annotation of GitHub Actions."),
]
OtherVersions = Annotated[
    bool, typer.Option("--other-versions", help="Go on with other versions of torch, numpy or numba than the run's.")
]
Workers = Annotated[
    int | None, typer.Option(min=1, max=1024, help="Parallel worker processes, one thread each. [default: all cores]")
]
MaxHours = Annotated[
    float | None,
    typer.Option(min=0.01, max=720, callback=finite, help="Stop the workflow after this many hours. [default: 24]"),
]
MaxCost = Annotated[
    float | None,
    typer.Option(
        metavar="DOLLARS",
        min=0.01,
        max=1e6,
        callback=finite,
        help="End the workflow before it can cost more, at --price.",
    ),
]
MachinePrice = Annotated[
    str | None,
    typer.Option(
        "--price",
        metavar="DOLLARS|NAME",
        envvar="TICKETSMITH_PRICE",
        help="For an hour of one machine, with its GPU if it has one; or its name in --prices.",
    ),
]
RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN", callback=named, help="Id of a run, its beginning, or its name.", autocompletion=run_id
    ),
]
AnyRun = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        callback=named,
        help="Id of a run, or its beginning. Omit for all runs.",
        autocompletion=run_id,
    ),
]
Name = Annotated[str | None, typer.Option("--name", help="A name to call this run by, beside its id.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A word to find this run by; repeat for several.")]

Config = Annotated[
    str | None, typer.Option(callback=folder, help="YAML file with the settings. Default: those of the task.")
]
Task = Annotated[
    str | None,
    typer.Option(
        help="A file (flowers.py), a module, or an installed task. [default: digits-mlp]", autocompletion=task
    ),
]
Sparsity = Annotated[
    float | None,
    typer.Option(parser=share, metavar="SHARE", help="Share of the weights to remove: 0.8 or 80%. [default: 0.8]"),
]
Replicates = Annotated[
    str | None,
    typer.Option(metavar="N|auto", help="Independent repetitions; auto: until decided. [default: those of the task]"),
]
MaxReplicates = Annotated[
    int | None, typer.Option(help="Go on until decided, up to this many replicates. [auto: all that the looks allow]")
]
Seed = Annotated[int | None, typer.Option(help="Seed for weights, data order and masks. [default: 0]")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any spec field, e.g. gate.margin=0.01.", autocompletion=spec_key),
]
Trainer = Annotated[
    str | None,
    typer.Option(help="Training implementation, such as eager or stack. [default: auto, by network and density]"),
]
NoSamples = Annotated[bool, typer.Option("--no-samples", help="No example in any report, given or drawn.")]
StopOnFail = Annotated[bool, typer.Option("--stop-on-fail", help="No further rounds after a FAIL.")]
UntilFail = Annotated[
    bool, typer.Option("--until-fail", help="Past the target, halve the weights until it breaks, 8 times at most.")
]

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
Level = Annotated[int | None, typer.Option(min=1, help="Round of pruning, by its number. [default: the target]")]
