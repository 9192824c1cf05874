"""A batch on several threads, a share of whole tiles for each. The programs hold no lock of Python's."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Run = Callable[[Floats], Floats]
TILE = 16
"""Samples; a share is a multiple."""


class Pool:
    """Threads of this process: a fork has the pool of its parent and none of its threads, and would wait for ever."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pools: dict[int, ThreadPoolExecutor] = {}

    def map(self, function: Callable[..., Any], *arguments: Any) -> Iterator[Any]:
        """`function` of each set of arguments, in order."""
        process = os.getpid()
        if process not in self._pools:
            self._pools = {process: ThreadPoolExecutor(self.threads)}
        return self._pools[process].map(function, *arguments)


class Shared:
    """Any program on `threads` threads, arrays of samples in and out. Batches below a tile per thread stay on one."""

    def __init__(self, run: Callable[..., Any], threads: int, tile: int = TILE) -> None:
        self._run, self._threads, self._tile = run, threads, tile
        self._pool = Pool(threads)

    def __call__(self, *inputs: NDArray[Any]) -> Any:
        count = len(inputs[0])
        if count < self._tile * self._threads or any(len(x) != count for x in inputs):
            return self._run(*inputs)
        share = -(-count // (self._tile * self._threads)) * self._tile
        edges = range(share, count, share)
        parts = list(self._pool.map(self._run, *(np.split(x, edges) for x in inputs)))
        if isinstance(parts[0], list):
            return [np.concatenate(leaves) for leaves in zip(*parts, strict=True)]
        return np.concatenate(parts)
