"""Code that numba compiled, kept between processes where that is possible. Where it is not, it is compiled again (5 s).

A pod's own files are read-only: what was compiled while the image was built is brought to where numba may write. An
installation may be read-only without a home to write to, and a file of the cache may be cut short: neither ends a run.
"""

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.misc.appdirs import AppDirs

Function = Callable[..., Any]
IN_HOME = ("UserWideCacheLocator", "ZipCacheLocator")
HOME = os.path.isabs(AppDirs("numba", appauthor=False).user_cache_dir)


class Forgiving(FunctionCache):
    """numba's cache of one function; a broken file in it counts as none, and is written anew."""

    class _impl_class(CompileResultCacheImpl):
        # Without a home, that of the user's cache is a folder in the current one, named `~`.
        _locator_classes = [  # noqa: RUF012
            locator
            for locator in CompileResultCacheImpl._locator_classes
            if HOME or locator.__name__.lstrip("_") not in IN_HOME
        ]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # whatever unpickling half a file may raise
            with suppress(Exception):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError, EOFError):  # a full disk, or a file that cannot be mended
            super().save_overload(sig, data)


def compiled(function: Function) -> Function:
    """`function`, compiled at its first call, or as it was compiled by an earlier process."""
    dispatcher: Any = numba.njit(nogil=True, error_model="numpy")(function)
    try:
        dispatcher._cache = Forgiving(function)
    except (RuntimeError, OSError):  # numba has nowhere to keep it
        _say_once()
    made: Function = dispatcher
    return made


def unpack() -> None:
    """Copy the folder TICKETSMITH_COMPILED to NUMBA_CACHE_DIR, where both are set and the copy is not there."""
    source, target = os.environ.get("TICKETSMITH_COMPILED"), os.environ.get("NUMBA_CACHE_DIR")
    if source and target and not Path(target).exists():
        with suppress(OSError):
            shutil.copytree(source, target)


@lru_cache
def _say_once() -> None:
    print(
        "compiled code cannot be kept: each start compiles it anew; set NUMBA_CACHE_DIR to a writable folder",
        file=sys.stderr,
    )
