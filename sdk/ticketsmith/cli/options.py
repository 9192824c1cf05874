"""Options that several commands share."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..lottery.spec import Experiment


class Output(StrEnum):
    """What is printed on standard output."""

    text = "text"
    json = "json"


StoreUrl = Annotated[
    str,
    typer.Option(
        "--store", "--runs-prefix", envvar="TICKETSMITH_STORE", help="Folder of the runs, or gs://bucket/prefix."
    ),
]
DataRoot = Annotated[str, typer.Option(help="Folder of the data sets; downloaded there where the task needs it.")]
OutputKind = Annotated[Output, typer.Option("--output", "-o", help="text for people, json for programs.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes of one thread each. [default: all cores]")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, or its beginning.")]
AnyRun = Annotated[str | None, typer.Argument(metavar="[RUN]", help="Id of a run. Without: every run in the store.")]

Config = Annotated[str | None, typer.Option(help="Spec in YAML. Without: the defaults of the task.")]
Task = Annotated[str | None, typer.Option(help="Data set, network and protocol. [default: digits-mlp]")]
Sparsity = Annotated[float | None, typer.Option(help="Share of the weights to remove, in (0, 1). [default: 0.8]")]
Replicates = Annotated[int | None, typer.Option(help="Independent repetitions. [default: the task's]")]
Seed = Annotated[int | None, typer.Option(help="Root of every random stream. [default: 0]")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any spec field, e.g. gate.margin=0.01.")
]
StopOnFail = Annotated[bool, typer.Option("--stop-on-fail", help="No further rounds after a FAIL.")]


def read(config: str | None, assignments: list[str] | None, flags: dict[str, Any]) -> "Experiment":
    """The spec that the flags describe: `--config` below, `--set` above it, the named flags on top."""
    from ..specs import assign, merge, overrides, read_spec

    given = {key: value for key, value in flags.items() if value is not None}
    return read_spec(config, merge(overrides(assign(assignments or [])), overrides(given)))
