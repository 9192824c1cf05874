"""One seed, many named streams: a replicate's draws depend on its own number and the stream's name, on nothing else."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

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


@contextmanager
def seeded(number: int) -> Iterator[None]:
    """Every generator that a task may draw from, torch's, NumPy's and Python's, begins at `number`; then all go back.

    Three out of four public reports of augmentation that repeats are of a generator that nobody seeded:
    pytorch/pytorch#5059 and its kin.
    """
    before = states()
    start(number)
    try:
        yield
    finally:
        _restore(before)


def start(number: int) -> None:
    """Begin every generator at `number`, for good."""
    torch.default_generator.manual_seed(number)  # torch.manual_seed does more, for a hundred times as long
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(number)
    np.random.seed(number % 2**32)
    random.seed(number)


def states() -> tuple[Any, ...]:
    """States of every generator of the CPU, and of those of GPUs in use."""
    there = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    gpus = torch.cuda.get_rng_state_all() if there else []
    return torch.default_generator.get_state(), np.random.get_state(), random.getstate(), gpus


def drawn(before: tuple[Any, ...]) -> bool:
    """Has anything been drawn since `states()` were `before`?"""
    ours, theirs = states(), before
    numbers = all(np.array_equal(a, b) for a, b in zip(ours[1], theirs[1], strict=True))
    gpus = all(torch.equal(a, b) for a, b in zip(ours[3], theirs[3], strict=True))
    return not (torch.equal(ours[0], theirs[0]) and numbers and ours[2] == theirs[2] and gpus)


def _restore(before: tuple[Any, ...]) -> None:
    torch.default_generator.set_state(before[0])
    np.random.set_state(before[1])
    random.setstate(before[2])
    if before[3]:
        torch.cuda.set_rng_state_all(before[3])
