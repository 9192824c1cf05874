"""`ticketsmith fetch`: with a bar on a terminal, silent elsewhere until it is done."""

from contextlib import nullcontext

import typer
from rich.progress import Progress

from ..errors import UsageError
from ..fetch import fetch
from ..report import PAGE, newest
from ..runs import find
from ..stores import Store, open_store
from .commands import command
from .consoles import console as console_of
from .consoles import redraws
from .options import Output
from .told import tell
from .voice import hint


def copy(run: str, store: str | None, to: str, output: Output) -> None:
    """Copy a run from the store that has it. Raises UsageError if both are the same."""
    source, target = _source(run, store), open_store(to)
    if source.url == target.url:
        raise UsageError(
            f"{source.url!r} is both where the run is and where it should go", "give the bucket with --store"
        )
    whole, console = find(source, run), console_of(stderr=True)
    bar = Progress(console=console, transient=True) if redraws(console) and output is Output.text else None
    with bar or nullcontext():
        task = bar.add_task(whole, total=None) if bar else None

        def copied(key: str, done: int, of: int) -> None:
            if bar and task is not None:
                bar.update(task, completed=done, total=of)

        files = fetch(source, target, whole, copied)
        _keep_newest(source, target, whole)
    if output is Output.json:
        tell("fetch", {"run": whole, "files": files, "store": target.url, "report": newest(target, whole)})
        return
    typer.echo(f"{target.url}/{whole}: {'1 file' if files == 1 else f'{files} files'}, verified")
    hint(command("report", whole, store=target.url))


def _keep_newest(source: Store, target: Store, run: str) -> None:
    """Put the source's newest report where that of the copy is looked for: the times of a copy say nothing of it."""
    if page := newest(source, run):
        target.replace(f"{run}/{PAGE}", source.get(page.removeprefix(f"{source.url}/")))


def _source(run: str, store: str | None) -> Store:
    """The store that was named; without one, that of the run's workflow."""
    if store is not None:
        return open_store(store)
    from ..argo import connect
    from ..executors.argo import latest, parameter

    argo = connect()
    return open_store(str(parameter(latest(argo, run), "store")))
