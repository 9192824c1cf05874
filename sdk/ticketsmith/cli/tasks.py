"""`ticketsmith task`: begin a task's file, check one, list those that are installed."""

from enum import StrEnum
from typing import Annotated

import typer

from .options import DataRoot, Output, OutputKind, Set, Workers, folder
from .topics import Examples

app = typer.Typer(
    help="Your own model: write a task's file, check it, list the installed ones.", no_args_is_help=True, cls=Examples
)


class Kind(StrEnum):
    """A file in `templates/` each."""

    image = "image"
    text = "text"
    vae = "vae"
    regression = "regression"


@app.command()
def new(
    file: Annotated[str, typer.Argument(metavar="NAME.py", callback=folder, help="File to write.")],
    kind: Annotated[Kind, typer.Option(help="What it is about.")] = Kind.image,
) -> int:
    """Write a task that runs as it is on data that it makes, and a test beside it. Nothing is overwritten."""
    from .skeleton import write

    return write(file, kind)


@app.command()
def check(
    task: Annotated[str, typer.Argument(metavar="TASK", help="A file, a module, or an installed task.")],
    data_root: DataRoot = "data",
    set: Set = None,
    workers: Workers = None,
    output: OutputKind = Output.text,
) -> int:
    """Say in seconds what would fail after an hour, what is prunable, what it would cost, and who can run it.

    Exit code: 0, or 2 with every problem and its fix.
    """
    from .examined import print_check

    return print_check(task, data_root, set or [], workers, output)


@app.command("list")
def list_tasks(output: OutputKind = Output.text) -> int:
    """The installed tasks. None of them is imported."""
    from .skeleton import print_tasks

    return print_tasks(output)
