"""`python -m ticketsmith_runner`: what `commands` says, and how it ended.

The last event is `{"event": "end", "code": …}`: an interpreter that dies ends with 1 as well, and says nothing.
"""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from ticketsmith.endings import explained
from ticketsmith.errors import TicketSmithError, shown

from .arguments import parser
from .events import leave, tell
from .lifeline import follow


def main(argv: Sequence[str] | None = None) -> int:
    """Run what `argv` says; the exit code is that of ticketsmith/errors.py, 0 if every step was written."""
    options = parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    if options.parent:
        follow(options.parent)
    code = _run(options)
    with suppress(OSError):
        tell({"event": "end", "code": code})
    return code


def _run(options: argparse.Namespace) -> int:
    try:
        from .commands import run  # here, so that what an import runs into is an error like any other

        run(options)
    except Exception as error:
        with suppress(OSError):
            return _told(error)
        return TicketSmithError.code
    return 0


def _told(error: Exception) -> int:
    """Print an error and what to do about it, after its traceback if it can only be a bug; returns its exit code."""
    if (ours := explained(error)) is None:
        traceback.print_exc()
        ours = TicketSmithError(f"{type(error).__name__}: {error}", "this is a bug: report it with the lines above")
    print(shown(ours), file=sys.stderr)
    leave(f"error: {ours}")
    return ours.code


def _stop(signum: int, frame: object) -> NoReturn:
    """Die at once: nothing is torn, a step counts only once its manifest is written. 75 asks to be run again."""
    os._exit(130 if signum == signal.SIGINT else 75)


if __name__ == "__main__":
    code = main()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # everything is written; to take torch and its kin apart would take another second
