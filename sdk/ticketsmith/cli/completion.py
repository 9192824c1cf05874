"""Completion in a shell: ids and names of runs, tasks, fields of a spec. Whatever goes wrong, nothing is offered."""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel

Offer = tuple[str, str]
"""A word, and what is said of it."""


def quietly(offers: Callable[[typer.Context], Iterator[Offer]]) -> Callable[[typer.Context, str], list[Offer]]:
    """Offers that begin with what was typed; none where they cannot be had: nobody reads an error here."""

    @wraps(offers)
    def complete(ctx: typer.Context, incomplete: str) -> list[Offer]:
        try:
            return [offer for offer in offers(ctx) if offer[0].startswith(incomplete)]
        except Exception:
            return []

    del complete.__wrapped__  # or typer would look for the parameters there
    complete.__annotations__ = {"ctx": typer.Context, "incomplete": str}
    return complete


@quietly
def run_id(ctx: typer.Context) -> Iterator[Offer]:
    """Runs of the store that was named so far, with sparsity and verdict; names lead to ids."""
    from ..runs import entries, run_ids
    from ..stores import open_store

    store = open_store(str(ctx.params.get("store") or "runs"))
    for entry in entries(store, run_ids(store)):
        summary = f"{entry.note.name} {entry.sparsity or 0:.1%} {entry.status}".strip()
        yield entry.run, summary
        if entry.note.name:
            yield entry.note.name, f"{entry.run} {entry.status}"


@quietly
def task(ctx: typer.Context) -> Iterator[Offer]:
    """Installed tasks, and files of the current folder."""
    from pathlib import Path

    from ..references import entry_points

    yield from ((name, module) for name, module in sorted(entry_points().items()))
    yield from ((path.name, "file") for path in sorted(Path().glob("*.py")))


@quietly
def spec_key(ctx: typer.Context) -> Iterator[Offer]:
    """Fields of a spec with their paths, ready for a value."""
    from ..lottery.spec import Experiment

    yield from _fields(Experiment.model_fields, "")


def _fields(fields: Mapping[str, Any], head: str) -> Iterator[Offer]:
    for name, field in fields.items():
        below: type[BaseModel] | None = getattr(field.annotation, "model_fields", None) and field.annotation
        if name in ("sources", "task"):  # made by us; an option of its own
            continue
        if below is not None:
            yield from _fields(below.model_fields, f"{head}{name}.")
        else:
            yield f"{head}{name}=", field.description or ""
