"""Options that several commands share."""

from enum import StrEnum
from typing import Annotated

import typer


class Output(StrEnum):
    """What is printed on standard output."""

    text = "text"
    json = "json"


StoreUrl = Annotated[str, typer.Option("--store", "--runs-prefix", help="Folder of the runs, or gs://bucket/prefix.")]
DataRoot = Annotated[str, typer.Option(help="Folder of the data sets; downloaded there where the task needs it.")]
OutputKind = Annotated[Output, typer.Option("--output", "-o", help="text for people, json for programs.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes of one thread each. [default: all cores]")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, or its beginning.")]
AnyRun = Annotated[str | None, typer.Argument(metavar="[RUN]", help="Id of a run. Without: every run in the store.")]
