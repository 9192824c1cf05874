"""The result of one check of `ticketsmith doctor`, and what a check raises that is neither right nor wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..errors import TicketSmithError


@dataclass(frozen=True)
class Finding:
    """A check, and what it found."""

    check: str
    state: Literal["ok", "failed", "unknown", "advice"]
    said: str
    fix: str = ""
    code: int = 0


class Unknown(Exception):
    """This cannot be checked from here; which is no pass."""


class Advice(Exception):
    """Something better could be had, and how; nothing is wrong."""


def settled(name: str, check: Callable[[], str]) -> Finding:
    """The finding of a check, whether it returned or raised."""
    try:
        return Finding(name, "ok", check())
    except Unknown as error:
        return Finding(name, "unknown", str(error))
    except Advice as error:
        return Finding(name, "advice", *error.args)
    except TicketSmithError as error:
        return failed(name, error)


def failed(name: str, error: TicketSmithError) -> Finding:
    """The finding that stands for an error."""
    problem, fix = error.args
    return Finding(name, "failed", problem, fix, error.code)
