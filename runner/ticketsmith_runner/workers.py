"""Worker processes, one thread each: on small nets two threads are slower, and less steady, than two processes."""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import torch

from .lifeline import follow

TRIM_THRESHOLD, MMAP_MAX = -1, -4  # parameters of glibc's mallopt
LARGEST = 2**31 - 1


@contextmanager
def workers(count: int) -> Iterator[Executor | None]:
    """A pool of `count` processes; None (this process does it all) for one, or where there can be none."""
    single_thread()
    pool = _pool(count) if count > 1 else None
    if pool is None:
        yield None
        return
    try:
        list(pool.map(abs, range(count)))  # all are forked now, before this process starts threads
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _pool(count: int) -> Executor | None:
    # A fork shares the imported torch and the loaded data. Where it is unsafe (macOS), each worker loads its own.
    method = "fork" if sys.platform == "linux" else "spawn"
    try:
        return ProcessPoolExecutor(count, get_context(method), initializer=_begin, initargs=(os.getpid(),))
    except (OSError, ImportError, NotImplementedError) as error:  # no /dev/shm, in some containers
        print(
            f"no worker processes here ({error}): one process does it all; /dev/shm would allow more", file=sys.stderr
        )
        return None


def single_thread() -> None:
    """One thread, denormals flushed, no TF32: the setting in which results are fp32 and the same bytes every time.

    And memory is kept once it was used.
    """
    _keep_memory()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.deterministic = True


def _keep_memory() -> None:
    """Keep freed memory: a layer's output is large, new in each update, and glibc has its pages cleared each time.

    Over a third of an update of Conv-2 goes into that (benchmarks/README.md). Without glibc nothing is done.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(MMAP_MAX, 0)
        mallopt(TRIM_THRESHOLD, LARGEST)


def _begin(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    single_thread()
    follow(parent)
