"""Consoles: rich's, where it is told the truth about what it writes to."""

from typing import TYPE_CHECKING, Any

from .voice import VOICE, Colour

if TYPE_CHECKING:
    from rich.console import Console

UNKNOWN = 80  # columns, where it is said that there are none
COLOURS: dict[Colour, dict[str, Any]] = {
    Colour.auto: {},  # rich asks NO_COLOR, FORCE_COLOR and TERM
    Colour.always: {"force_terminal": True, "no_color": False, "color_system": "standard"},
    Colour.never: {"color_system": None},
}


def console(*, stderr: bool = False) -> "Console":
    """Standard output or error."""
    from rich.console import Console

    made = Console(stderr=stderr, **COLOURS[VOICE.colour])
    if made.width <= 0:
        made.width = UNKNOWN
    return made


def redraws(console: "Console") -> bool:
    """Can what was drawn be drawn again, and is it wanted? FORCE_COLOR makes rich take a log file for a terminal."""
    return console.is_terminal and console.file.isatty() and not VOICE.quiet
