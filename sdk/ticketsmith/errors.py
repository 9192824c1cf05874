"""Everything that can go wrong, each with the exit code it ends in. Every message names the fix.

A verdict has a code too: 0 PASS (or nothing to decide), 1 FAIL, 7 UNDECIDED, 8 INVALID.
"""

from typing import ClassVar

PAGE = "\n  docs: "


class TicketSmithError(Exception):
    """An error for the user: what happened, and on the next line what to do about it."""

    code: ClassVar[int] = 70
    docs: ClassVar[str] = "docs/errors.md#bug"
    """Where its kind is explained, in the repository."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)  # both, so that the error survives the way out of a worker process

    def __str__(self) -> str:
        problem, fix = self.args
        return f"{problem}\n  fix: {fix}"


class Diverged(TicketSmithError):
    """A training produced NaN or infinity: nothing can be concluded, which is a FAIL."""

    code = 1
    docs = "docs/errors.md#diverged"


class UsageError(TicketSmithError):
    """The command or the spec is wrong."""

    code = 2
    docs = "docs/errors.md#wrong-usage"


class Retryable(TicketSmithError):
    """The world was in the way (disk full, service down): the same command may work later."""

    code = 3
    docs = "docs/errors.md#try-again"


class Denied(TicketSmithError):
    """Credentials or permissions are missing."""

    code = 4
    docs = "docs/errors.md#denied"


class IntegrityError(TicketSmithError):
    """An artifact is missing or is not what its manifest says."""

    code = 5
    docs = "docs/errors.md#damaged"


class Conflict(TicketSmithError):
    """The key exists with other content. Nothing is ever overwritten."""

    code = 6
    docs = "docs/errors.md#conflict"


def shown(error: TicketSmithError) -> str:
    """An error as a command prints it, with its page; wrong usage without: its fix is all that there is to know."""
    page = "" if isinstance(error, UsageError) else f"{PAGE}{error.docs}"
    return f"error: {error}{page}"
