"""The lock that is held while code is made. A fork waits for it: a child would find LLVM's own lock held, by nobody."""

import os
import threading

MAKING = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=MAKING.acquire, after_in_parent=MAKING.release, after_in_child=MAKING.release)
