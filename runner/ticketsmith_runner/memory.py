"""Work that may not fit into memory: as much at a time as is likely to fit, and half of it where that was wrong."""

import gc
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

import torch

from ticketsmith.errors import Retryable

T = TypeVar("T")


def parts(count: int, most: int) -> list[range]:
    """0 to count in as few ranges as hold at most `most` each, of nearly equal length.

    >>> parts(10, 4)
    [range(0, 4), range(4, 7), range(7, 10)]
    """
    few = -(-count // most)
    ends = [-(-count * part // few) for part in range(few + 1)]
    return [range(first, last) for first, last in pairwise(ends)]


def halving(members: Sequence[int], work: Callable[[Sequence[int]], list[T]]) -> list[T]:
    """`work(members)`; if memory runs out, for each half by itself. Raises Retryable if it does for a single one."""
    free()  # what was trained before; or the whole, of which this is a half
    try:
        return work(members)
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not exhausted(error):
            raise
        if len(members) == 1:
            raise Retryable(
                f"one replicate alone does not fit into memory: {error}", "take a smaller training.batch_size"
            ) from None
    print(f"memory does not hold {len(members)} replicates at a time: half of them then", file=sys.stderr)
    middle = -(-len(members) // 2)
    return halving(members[:middle], work) + halving(members[middle:], work)


def free() -> None:
    """Give back what nobody uses of a GPU's memory, which torch keeps otherwise."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        gc.collect()
        torch.cuda.empty_cache()


def exhausted(error: Exception) -> bool:
    """True if memory ran out: a CPU, a recording and cuBLAS say it in words."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return any(word in str(error) for word in ("DefaultCPUAllocator", "CUDA error: out of memory", "ALLOC_FAILED"))
