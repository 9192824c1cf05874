"""The `ticketsmith` command. Its commands are loaded when they are asked for, so that `--help` stays light."""

import sys
from errno import EPIPE
from typing import Annotated

import typer

from .. import __version__
from ..errors import Retryable, TicketSmithError, UsageError, shown
from .topics import Topics
from .voice import VOICE, Colour, InColour, Quiet, Verbose

INTERRUPTED = 130

app = typer.Typer(
    name="ticketsmith",
    cls=Topics,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Find how many weights a network can lose before it gets worse, and what that saves.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ticketsmith {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    color: InColour = Colour.auto,
) -> None:
    pass


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with a code of ticketsmith/errors.py; an error is a message, never a traceback."""
    from .streams import forget, tame

    tame()
    VOICE.begin()
    code = _code(arguments)
    if code == INTERRUPTED and not VOICE.detached:  # typer turns Ctrl-C into this code, the runner ends with it
        typer.echo("interrupted: finished steps are kept, the same command resumes", err=True)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        code = Retryable.code if code == Retryable.code else _unexpected(error)  # said once is enough
        forget()
    sys.exit(code)


def _code(arguments: list[str] | None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["help"]:  # as git has it
        arguments = [*words[1:], "--help"]
    try:
        return app(arguments, standalone_mode=False) or 0
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except SystemExit as ended:
        # Typer ends with 1 where a pipe broke that is none of ours: a server's.
        return _unexpected(BrokenPipeError(EPIPE, "a connection was closed")) if ended.code == 1 else _as_it_is(ended)
    except Exception as error:
        return _unexpected(error)


def _as_it_is(ended: SystemExit) -> int:
    return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else TicketSmithError.code


def _unexpected(error: Exception) -> int:
    """Print what went wrong; returns the code that it ends in."""
    import os
    from traceback import format_exception

    from ..endings import explained

    # Every error of click has this: of the package, and of the copy that newer versions of typer carry inside.
    if message := getattr(error, "format_message", None):
        return _wrong_usage(message(), getattr(error, "ctx", None))
    if ours := explained(error):
        typer.echo(shown(ours), err=True)
        return ours.code
    if os.environ.get("TICKETSMITH_DEBUG"):
        typer.echo("".join(format_exception(error)), err=True)
    typer.echo(f"internal error: {type(error).__name__}: {error}\n  fix: TICKETSMITH_DEBUG=1 shows where", err=True)
    return TicketSmithError.code


def _wrong_usage(message: str, context: typer.Context | None) -> int:
    if message.startswith("Usage:"):  # a command without its arguments: its help is the message
        typer.echo(message, err=True)
    else:
        command = context.command_path if context else "ticketsmith"
        typer.echo(f"error: {UsageError(message, f'`{command} --help` lists what there is')}", err=True)
    return UsageError.code
