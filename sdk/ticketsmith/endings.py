"""Endings: an exception as an error for the user, and a child process as one of our exit codes.

Python itself ends with 1 whenever it dies, and here 1 means FAIL: a child's code counts only if the child has said it.
"""

import errno
import signal

from .errors import Denied, Retryable, TicketSmithError, UsageError

CRASHES = ("SIGSEGV", "SIGILL", "SIGABRT", "SIGFPE", "SIGBUS", "SIGSYS", "SIGTRAP")
STOPPED = (75, 130)
"""Codes of a child that was asked to stop: it has no time to say so."""
IN_THE_WAY = {
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "ENOMEM", "EAGAIN", "EMFILE", "ENFILE", "EPIPE", "ECONNRESET",
                 "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH", "ENOTCONN", "ESTALE")
}  # fmt: skip
NO_PLACE = (errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR)
EXTRAS = {"hera": "workflows", "google": "gcs", "lightkube": "argo", "httpx2": "argo"}
EXTRAS |= dict.fromkeys(("typer", "pydantic", "pydantic_core", "yaml", "rich"), "")
EXHAUSTED = ("DefaultCPUAllocator", "out of memory", "failed to map segment", "Cannot allocate memory")
"""Words of libraries that have no room."""


def ended(code: int, told: int | None, who: str) -> int:
    """The exit code of a child that said it would end with `told`. Raises TicketSmithError if it could not choose."""
    if code < 0:
        raise _signalled(-code, who)
    if code == told or code in STOPPED:
        return code
    raise TicketSmithError(
        f"{who} ended with {code} before it could say what happened",
        "what it printed above is all there is to know; report it if that does not help",
    )


def chosen(code: int, who: str) -> int:
    """The exit code of a child that says nothing besides, and never means 1: that is an interpreter that died."""
    return ended(code, code if code != 1 else None, who)


def explained(error: BaseException) -> TicketSmithError | None:
    """The error for the user behind an exception; None if it can only be a bug."""
    from concurrent.futures import BrokenExecutor

    if isinstance(error, TicketSmithError):
        return error
    if isinstance(error, MemoryError) or any(word in str(error) for word in EXHAUSTED):
        return Retryable(
            f"memory ran out: {error}", "fewer --workers, or a smaller network or training.batch_size; then again"
        )
    match error:
        case ImportError():
            return _import(error, error.name)
        case BrokenExecutor():
            return Retryable(
                "a worker process was killed, most likely because memory ran out",
                "run the same command again with fewer --workers: finished steps are kept",
            )
        case FileNotFoundError() if "No usable temporary directory" in str(error):
            return Retryable(f"cannot write anywhere: {error.strerror}", "free disk space, or set TMPDIR; then again")
        case OSError() if error.errno is None and ".so" in str(error):  # how ctypes says that a library is not there
            return _import(error, None)
        case OSError():
            return _system(error)
    return None


def _signalled(number: int, who: str) -> TicketSmithError:
    if number in {getattr(signal, name, None) for name in CRASHES}:
        return TicketSmithError(
            f"{who} crashed: signal {number}, {signal.strsignal(number)}", "report it, with what it printed above"
        )
    return Retryable(
        f"{who} was ended by signal {number}",
        "run the same command again: finished steps are kept; if memory ran out, with fewer --workers",
    )


def _import(error: Exception, name: str | None) -> UsageError:
    module = (name or "").partition(".")[0]
    extra = EXTRAS.get(module, "runner")
    package = f"ticketsmith[{extra}]" if extra else "ticketsmith"
    if isinstance(error, ModuleNotFoundError) and name == module:
        return UsageError(f"{module} is not installed", f"`pip install '{package}'`")
    return UsageError(
        f"the installation is broken: {error}", f"`pip install --force-reinstall '{package}'` in a fresh environment"
    )


def _system(error: OSError) -> TicketSmithError | None:
    what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Denied(f"not allowed: {what}", "check the permissions of what is named, or choose another place")
    if error.errno in NO_PLACE:
        return UsageError(f"no place to read or write: {what}", "give another path")
    if error.errno in IN_THE_WAY:
        return Retryable(
            f"the system refused: {what}",
            "free what is used up (disk, memory, processes), then run the same command again: finished steps are kept",
        )
    return None
