"""Everything that can go wrong, each with the exit code it ends in. Every message names the fix.

A verdict has a code too: 0 PASS (or nothing to decide), 1 FAIL, 7 UNDECIDED, 8 INVALID.
"""

from typing import ClassVar


class TicketSmithError(Exception):
    """An error for the user: what happened, and on the next line what to do about it."""

    code: ClassVar[int] = 70

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)  # both, so that the error survives the way out of a worker process

    def __str__(self) -> str:
        problem, fix = self.args
        return f"{problem}\n  fix: {fix}"


class Diverged(TicketSmithError):
    """A training produced NaN or infinity: nothing can be concluded, which is a FAIL."""

    code = 1


class UsageError(TicketSmithError):
    """The command or the spec is wrong."""

    code = 2


class Retryable(TicketSmithError):
    """The world was in the way (disk full, service down): the same command may work later."""

    code = 3


class Denied(TicketSmithError):
    """Credentials or permissions are missing."""

    code = 4


class IntegrityError(TicketSmithError):
    """An artifact is missing or is not what its manifest says."""

    code = 5


class Conflict(TicketSmithError):
    """The key exists with other content. Nothing is ever overwritten."""

    code = 6
