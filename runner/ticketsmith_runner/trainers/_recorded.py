"""Updates on a GPU that are recorded once and replayed: many small kernels wait for their launches otherwise.

A recording holds what was launched and nothing else: no decision of a `forward` in Python, no tensor of the CPU.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from ..examples import Batch

WARM = 3  # updates before the recording, in which libraries choose their kernels and memory is made

Update = Callable[[Batch, float | Tensor], None]
"""A change of weights in place, from a batch and a learning rate. Waits for nothing."""
Maker = Callable[[Update, Batch, float], None]
"""Makes an update, the same one with every call. Not given the update once: a trainer would refer to itself."""


def maker(device: str) -> Maker:
    """The way in which updates are made on a device."""
    return Recorded() if device == "cuda" else lambda update, batch, rate: update(batch, rate)


def finish(device: str) -> None:
    """Wait for a GPU: what is timed up to here has to be done here."""
    if device == "cuda":
        torch.cuda.synchronize()


class Recorded:
    """Batches of other shapes than the first are launched."""

    def __init__(self) -> None:
        self._calls, self._graph, self._own = 0, torch.cuda.CUDAGraph(), list[Tensor]()
        self._shapes: list[torch.Size] = []

    def __call__(self, update: Update, batch: Batch, rate: float) -> None:
        """Raises what `update` raises, which may be that memory runs out."""
        leaves, form = tree_flatten(batch)
        given, shapes = [*leaves, torch.full((), rate, device="cuda")], [leaf.shape for leaf in leaves]
        self._shapes = self._shapes if self._calls else shapes
        self._calls += 1

        def made(*tensors: Tensor) -> None:
            update(tree_unflatten(tensors[:-1], form), tensors[-1])

        if self._calls <= WARM or shapes != self._shapes:
            _launch(made, given)
            return
        if not self._own:
            self._own = [tensor.clone() for tensor in given]
            with _uncollected(), torch.cuda.graph(self._graph, stream=_stream(), capture_error_mode="thread_local"):
                made(*self._own)
        for own, tensor in zip(self._own, given, strict=True):
            own.copy_(tensor)
        self._graph.replay()


@cache
def _stream() -> torch.cuda.Stream:
    """One: each has memory of its own in cuBLAS."""
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]


def _launch(update: Callable[..., None], given: list[Tensor]) -> None:
    """On the stream of the recording, as torch asks for."""
    _stream().wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(_stream()):
        update(*given)
    torch.cuda.current_stream().wait_stream(_stream())


@contextmanager
def _uncollected() -> Iterator[None]:
    """A graph that the collector destroyed while another one is recorded would end the recording."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
