"""A batch on several threads, a share of whole tiles for each. The programs hold no lock of Python's."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Run = Callable[[Floats], Floats]
TILE = 16
"""Samples; a share is a multiple."""


class Shared:
    """Any program on `threads` threads, (B, F) -> (B, C). Batches below a tile per thread stay on one."""

    def __init__(self, run: Run, threads: int) -> None:
        self._run, self._threads = run, threads
        self._pools: dict[int, ThreadPoolExecutor] = {}

    def __call__(self, x_BF: Floats) -> Floats:
        if len(x_BF) < TILE * self._threads:
            return self._run(x_BF)
        share = -(-len(x_BF) // (TILE * self._threads)) * TILE
        return np.concatenate(list(self._pool().map(self._run, np.split(x_BF, range(share, len(x_BF), share)))))

    def _pool(self) -> ThreadPoolExecutor:
        """This process's: a fork has the pool of its parent and none of its threads, and would wait for ever."""
        process = os.getpid()
        if process not in self._pools:
            self._pools = {process: ThreadPoolExecutor(self._threads)}
        return self._pools[process]
