"""A package's words beside its weights: raw inputs, classes, and the verdicts on it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .seal import UNSEALED

if TYPE_CHECKING:
    from .package import Ticket

SHOWN = 20
"""Names of classes."""


def said(ticket: "Ticket") -> list[str]:
    """One line each."""
    return [_plain(line) for line in _lines(ticket)]


def _lines(ticket: "Ticket") -> Iterator[str]:
    if ticket.scaling is not None:
        yield f"raw inputs are scaled by load(…, raw=True): {ticket.scaling}"
    if ticket.classes is not None:
        names = ticket.classes.names
        more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
        yield f"{len(names):,} classes: {', '.join(names[:SHOWN])}{more}"
    origin = ticket.provenance
    if verdict := _mapping(origin, "verdict"):
        where = f"level {origin.get('level')} of {origin.get('run')}"
        yield f"the method, {where}: {verdict.get('status')}, {verdict.get('reason')}"
    if int8 := _mapping(origin, "int8"):
        yield f"the same in int8: {int8.get('status')}, {int8.get('reason')}"
    if alone := _mapping(origin, "alone"):
        needed = alone.get("examples_needed")
        more = f"; about {needed:,} are likely to settle it" if isinstance(needed, int) else ""
        on = f"replicate {origin.get('replicate')}, on {alone.get('examples')} test examples"
        yield f"this network alone, {on}: {alone.get('status')}, {alone.get('reason')}{more}"
    if not ticket.sealed:
        yield UNSEALED


def _mapping(entries: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An entry, if it is what it should be: provenance is not checked word for word."""
    entry = entries.get(key)
    return entry if isinstance(entry, dict) else {}


def _plain(line: str) -> str:
    """Text for a terminal, which takes control characters for commands."""
    return "".join(letter if letter.isprintable() or letter == "\t" else "\N{REPLACEMENT CHARACTER}" for letter in line)
