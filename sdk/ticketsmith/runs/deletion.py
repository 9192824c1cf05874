"""Deletion of a run: its folder. Code, weights and data are shared by the runs of a store and stay, as does its note
among the tries of its question: who asks it again has asked it before.
"""

import os
import re
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from shlex import quote

from ..errors import Denied, Retryable, UsageError
from ..stores import TEMPORARY, Store
from ..stores.local import LocalStore
from .work import alone

HIDDEN = re.compile(re.escape(TEMPORARY) + "[0-9a-f]{16}")
"""Names of runs that were deleted halfway: whatever else begins so is not ours."""


def delete(store: Store, run: str) -> None:
    """Remove a run, and what is left of others. It is gone at once, or, killed halfway, hidden until the next one.

    Raises UsageError for one at work, Denied or Retryable where it cannot be moved, or not all of it removed.
    """
    root = deletable(store, run).root
    for left in root.glob(f"{TEMPORARY}*/"):
        if HIDDEN.fullmatch(left.name):
            shutil.rmtree(left, ignore_errors=True)
    hidden = root / f"{TEMPORARY}{secrets.token_hex(8)}"
    try:
        with alone(LocalStore(root), run):
            os.rename(root / run, hidden)
    except FileNotFoundError as error:
        raise UsageError(f"{run} was deleted meanwhile", "nothing is left to do") from error
    except PermissionError as error:
        raise Denied(f"cannot delete {error.filename}: {error.strerror}", "check the folder's permissions") from error
    _remove(run, hidden)


def deletable(store: Store, run: str) -> LocalStore:
    """The store, if runs are deleted from it. Raises UsageError for a bucket."""
    if isinstance(store, LocalStore):
        return store
    raise UsageError(
        f"{store.url} is a bucket, whose runs are not deleted from here",
        f"`gcloud storage rm --recursive {quote(f'{store.url}/{run}')}`",
    )


def _remove(run: str, hidden: Path) -> None:
    try:
        with suppress(FileNotFoundError):  # another `delete` removes it as well
            shutil.rmtree(hidden)
    except OSError as error:
        kind = Denied if isinstance(error, PermissionError) else Retryable
        raise kind(
            f"{run} is gone, but {hidden} is left of it: {error.strerror}: {error.filename}",
            f"`rm -r {quote(str(hidden))}`, or make it writable: the next deletion removes it",
        ) from error


def extent(store: Store, run: str) -> tuple[int, int]:
    """Files of a run, and their bytes."""
    if not isinstance(store, LocalStore):
        return 0, 0
    sizes = [path.stat().st_size for path in (store.root / run).rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)
