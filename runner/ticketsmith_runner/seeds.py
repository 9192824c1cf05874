"""One seed, many named streams: a replicate's draws depend on its own number and the stream's name, on nothing else."""

from hashlib import sha256

import numpy as np
import torch
from numpy.typing import NDArray


def seed_of(seed: int, replicate: int, stream: str) -> int:
    """63 bits for one stream of one replicate.

    >>> seed_of(0, 0, "init") != seed_of(0, 1, "init") != seed_of(0, 1, "order")
    True
    """
    return int.from_bytes(sha256(f"{seed}/{replicate}/{stream}".encode()).digest()[:8], "big") >> 1


def generator(seed: int, replicate: int, stream: str) -> torch.Generator:
    """A CPU generator at the head of a stream."""
    return torch.Generator().manual_seed(seed_of(seed, replicate, stream))


def permutation(n: int, seed: int, replicate: int, stream: str) -> NDArray[np.int64]:
    """A shuffle of range(n) from a stream."""
    return torch.randperm(n, generator=generator(seed, replicate, stream)).numpy()
