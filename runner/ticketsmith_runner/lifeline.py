"""A process that ends when its parent does, however that ended: SIGKILL leaves nobody to tell the children."""

import ctypes
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1  # of prctl
GONE = 75  # exit code: run it again; nobody is left to read it


def follow(parent: int) -> None:
    """End this process as soon as `parent`, which started it, is gone. On Linux the kernel sees to it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it was gone before
        os._exit(GONE)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(GONE)
