"""The voice of a command: how much it says on standard error, and in which colours; asked for anywhere in the line."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer


class Colour(StrEnum):
    """The use of colours."""

    auto = "auto"
    always = "always"
    never = "never"


@dataclass
class Voice:
    """Answers to the options of this process."""

    quiet: bool = False
    verbose: bool = False
    colour: Colour = Colour.auto
    detached: bool = False
    """A run was let go of, which goes on by itself: nothing was interrupted."""

    def begin(self) -> None:
        """A command begins: nothing was asked for yet."""
        self.quiet, self.verbose, self.colour, self.detached = False, False, Colour.auto, False


VOICE = Voice()


def _quiet(wanted: bool) -> bool:
    VOICE.quiet |= wanted
    return _settled(wanted)


def _verbose(wanted: bool) -> bool:
    VOICE.verbose |= wanted
    return _settled(wanted)


def _settled(wanted: bool) -> bool:
    if VOICE.quiet and VOICE.verbose:
        raise typer.BadParameter("-q and -v: say less, or say more")
    return wanted


def _colour(wanted: Colour) -> Colour:
    if wanted is not Colour.auto:  # nobody asked
        VOICE.colour = wanted
    return wanted


Quiet = Annotated[bool, typer.Option("--quiet", "-q", callback=_quiet, help="Errors and results only.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", callback=_verbose, help="Each step with its seconds, and where files are.")
]
InColour = Annotated[
    Colour, typer.Option("--color", callback=_colour, help="Colours: auto is on a terminal, unless NO_COLOR is set.")
]
ANYWHERE = ("quiet", "verbose", "color")
"""Their names: options of the program that every command takes too."""


def hint(*commands: str) -> None:
    """Commands to make next, on standard error."""
    if not VOICE.quiet:
        typer.echo("next:   " + "\n        ".join(commands), err=True)


def note(text: str) -> None:
    """A line on what goes on, for who does not want results alone."""
    if not VOICE.quiet:
        typer.echo(text, err=True)


def aside(text: str) -> None:
    """A line for who asked for more."""
    if VOICE.verbose:
        typer.echo(text, err=True)
