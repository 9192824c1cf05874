"""The runs that are at work on this machine: a shared lock on a run's folder, which ends with who holds it.

A bucket has no locks: who is at work there, Argo knows.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from ..errors import Retryable, UsageError
from ..stores import Store
from ..stores.local import LocalStore

MOMENT = 0.05
"""Seconds in which who only asks has let go."""
Sleep = Callable[[float], None]


@contextmanager
def working(store: Store, run: str) -> Iterator[tuple[int, ...]]:
    """Hold a run as one of those that work on it. Gives the descriptors that a child has to keep."""
    if not isinstance(store, LocalStore):
        yield ()
        return
    try:
        descriptor = os.open(store.root / run, os.O_RDONLY)
    except FileNotFoundError:
        raise _gone(run) from None
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_SH)  # who deletes it, or only asks, lets go of it at once
        if not _there(store, run, descriptor):
            raise _gone(run)
        yield (descriptor,)
    finally:
        os.close(descriptor)


@contextmanager
def alone(store: LocalStore, run: str) -> Iterator[None]:
    """Hold a run against everybody else. Raises UsageError if a command is at work on it."""
    descriptor = os.open(store.root / run, os.O_RDONLY)
    try:
        with suppress(OSError):
            if not _free(descriptor):
                raise UsageError(f"{run} is at work", "wait for its end, or stop it where it runs (Ctrl-C)")
        yield
    finally:
        os.close(descriptor)


def at_work(store: Store, run: str, sleep: Sleep = time.sleep) -> bool:
    """True while a command on this machine works on the run."""
    if not isinstance(store, LocalStore):
        return False
    try:
        descriptor = os.open(store.root / run, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _free(descriptor, sleep)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _free(descriptor: int, sleep: Sleep = time.sleep) -> bool:
    """Take a run for ourselves, unless somebody holds it. Who only asks holds it too, but not for long."""
    if _taken(descriptor):
        return True
    sleep(MOMENT)
    return _taken(descriptor)


def _taken(descriptor: int) -> bool:
    """Take a run for ourselves, if nobody holds it now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def _gone(run: str) -> Retryable:
    return Retryable(f"{run} was deleted meanwhile", "run the same command again: it begins anew")


def _there(store: LocalStore, run: str, descriptor: int) -> bool:
    """True if the folder that is held is still the run's."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(store.root / run))
    except OSError:
        return False
