"""Runs by id, by name, or by the beginning of an id; who asks for several or none is told which there are."""

from shlex import quote

from ..errors import Denied, IntegrityError, UsageError
from ..lottery.steps import Stability
from ..stores import Store
from .listed import Entry, entries
from .notes import noted

SHOWN = 10


def run_ids(store: Store) -> list[str]:
    """Every run in the store, sorted."""
    return sorted({key.partition("/")[0] for key in store.list() if key.split("/")[1:2] == ["spec"]})


def find(store: Store, name: str) -> str:
    """The run whose id or name is `name`, or whose id starts with it. Raises UsageError that names the candidates."""
    runs = run_ids(store)
    matches = [run for run in runs if run == name]
    matches = matches or [run for run in runs if _name(store, run) == name]
    matches = matches or [run for run in runs if run.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    problem = f"{name!r} matches {len(matches)} runs in {store.url}"
    if not runs:
        raise UsageError(
            problem, "it has none: give another folder with --store, or begin one with `ticketsmith run imp`"
        )
    lines = [_line(entry) for entry in entries(store, matches or runs)]
    more = [f"and {len(lines) - SHOWN} more: `ticketsmith list`"] if len(lines) > SHOWN else []
    listed = "\n  - ".join([f"{problem}; {'these' if matches else 'there are'}:", *lines[:SHOWN], *more])
    raise UsageError(listed, "give the id of one, or its name; or another folder with --store")


def chosen(store: Store, name: str | None) -> list[str]:
    """The run called `name`, or every run that has begun to search. Raises UsageError if there is none."""
    runs = [find(store, name)] if name else _searches(store)
    if not runs:
        start = f"start one: `ticketsmith run imp --store {quote(store.url)}`"
        raise UsageError(f"no runs in {store.url!r}", f"{start}; or give another folder with --store")
    return runs


def _name(store: Store, run: str) -> str:
    """The name of a run; none where its note cannot be read, which stands in the way of no other run."""
    try:
        return noted(store, run).name
    except (IntegrityError, Denied):
        return ""


def _line(entry: Entry) -> str:
    """A candidate: id, name, sparsity, verdict and date."""
    sparsity = f"{entry.sparsity:.1%}" if entry.sparsity is not None else "not readable"
    words = (entry.run, entry.note.name, sparsity, entry.status or f"{entry.done} of {entry.steps} steps", entry.date)
    return "  ".join(word for word in words if word)


def _searches(store: Store) -> list[str]:
    """Runs with more in them than a spec and a look for a rewind point."""
    steps = [key.split("/") for key in store.list() if f"/{Stability.kind}/" not in key]
    return sorted({parts[0] for parts in steps if parts[2:] and parts[2].startswith("level-")})
