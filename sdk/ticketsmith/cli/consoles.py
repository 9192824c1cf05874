"""Consoles: rich's, where it is told the truth about what it writes to."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

UNKNOWN = 80  # columns, where it is said that there are none


def console(*, stderr: bool = False) -> "Console":
    """Standard output or error."""
    from rich.console import Console

    made = Console(stderr=stderr)
    if made.width <= 0:
        made.width = UNKNOWN
    return made


def redraws(console: "Console") -> bool:
    """Can what was drawn be drawn again? FORCE_COLOR makes rich take a log file for a terminal."""
    return console.is_terminal and console.file.isatty()
