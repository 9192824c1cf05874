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
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _pool(count: int) -> Executor | None:
    # A fork shares the imported torch and the loaded data. Where it is unsafe (macOS), each worker loads its own.
    try:
        forked = _started(count, "fork") if sys.platform == "linux" else None
        return forked or _started(count, "spawn")
    except (OSError, ImportError, NotImplementedError) as error:  # no /dev/shm, in some containers
        print(
            f"no worker processes here ({error}): one process does it all; /dev/shm would allow more", file=sys.stderr
        )
        return None


def _started(count: int, method: str) -> Executor | None:
    """A pool whose processes have begun, before this process starts threads; None where they could not train.

    Torch keeps threads for the gradients of each device that is no CPU. A process that has differentiated on a machine
    with a GPU has them, though all its tensors were the CPU's; a fork has not, and refuses to differentiate.
    """
    pool = ProcessPoolExecutor(count, get_context(method), initializer=_begin, initargs=(os.getpid(),))
    if all(pool.map(_differentiates, range(count))):
        return pool
    pool.shutdown()
    return None


def _differentiates(_: int) -> bool:
    try:
        torch.ones(1, requires_grad=True).sum().backward()  # type: ignore[no-untyped-call]
    except RuntimeError:
        return False
    return True


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
