"""Work on a GPU that is recorded once and replayed: many small kernels wait for their launches otherwise."""

from collections.abc import Callable

import torch
from torch import Tensor

WARM = 3  # calls before the recording, in which libraries choose their kernels and memory is made

Update = Callable[[Tensor, Tensor, float | Tensor], None]
"""Of weights, in place: from inputs, labels and a learning rate."""


def updating(update: Update, device: str) -> Update:
    """The same update, on a GPU recorded, with its rate there."""
    if device != "cuda":
        return update
    recorded = Recorded(update)
    return lambda inputs, labels, rate: recorded(inputs, labels, torch.full((), float(rate), device=device))


def finish(device: str) -> None:
    """Wait for a GPU: what is timed up to here has to be done here."""
    if device == "cuda":
        torch.cuda.synchronize()


class Recorded:
    """`work(*tensors)`, which changes tensors in place and waits for nothing. Other shapes than the first: launched."""

    def __init__(self, work: Callable[..., None]) -> None:
        self._work, self._calls = work, 0
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._graph, self._inputs = torch.cuda.CUDAGraph(), list[Tensor]()

    def __call__(self, *tensors: Tensor) -> None:
        """Raises what `work` raises, which may be that memory runs out."""
        self._calls += 1
        if self._calls <= WARM:
            self._launch(tensors)
            return
        if not self._inputs:
            self._inputs = [tensor.clone() for tensor in tensors]
            with torch.cuda.graph(self._graph, stream=self._stream):
                self._work(*self._inputs)
        if any(own.shape != tensor.shape for own, tensor in zip(self._inputs, tensors, strict=True)):
            self._launch(tensors)
            return
        for own, tensor in zip(self._inputs, tensors, strict=True):
            own.copy_(tensor)
        self._graph.replay()

    def _launch(self, tensors: tuple[Tensor, ...]) -> None:
        """On the stream of the recording, as torch asks for."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            self._work(*tensors)
        torch.cuda.current_stream().wait_stream(self._stream)
