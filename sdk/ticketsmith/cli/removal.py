"""Deletion of a run, once it was confirmed."""

import sys

import typer

from ..errors import UsageError
from ..report.numbers import removed, size
from ..runs import at_work, delete, entry, find
from ..runs.deletion import deletable, extent
from ..stores import Store
from .commands import command
from .options import Output
from .told import tell


def remove(store: Store, name: str, sure: bool, output: Output) -> int:
    """Delete a run, if that is what was meant. Raises UsageError for one at work, and where nobody can be asked."""
    run = find(store, name)
    deletable(store, run)
    if at_work(store, run):
        raise UsageError(f"{run} is at work", "wait for its end, or stop it where it runs (Ctrl-C)")
    row, (files, bytes_) = entry(store, run), extent(store, run)
    sparsity = "" if row.sparsity is None else f", {removed(row.sparsity)}"
    what = f"{run} ({files} files, {size(bytes_)}{sparsity}{f', {row.status}' * bool(row.status)}, {row.date})"
    if not sure:
        if output is Output.json or not sys.stdin.isatty():
            raise UsageError(
                f"{what} is deleted for good, and nobody is here to be asked",
                f"`{command('delete', run, '--yes', store=store.url)}`",
            )
        if not typer.confirm(f"Delete {what} for good?", err=True):
            typer.echo("nothing was deleted", err=True)
            return 0
    delete(store, run)
    if output is Output.json:
        tell("delete", {"run": run, "store": store.url, "files": files, "bytes": bytes_})
    else:
        typer.echo(f"deleted: {what}")
    return 0
