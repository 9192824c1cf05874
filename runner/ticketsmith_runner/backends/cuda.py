"""A network on a GPU: resident, channels_last, one CUDA graph per batch size. Without a GPU, not measured."""

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn

from ..inputs import Inputs, call, changed, count, outputs, tensors
from . import Forward, NotApplicable

WARM = 3  # calls before a capture, in which libraries choose their kernels


def needed() -> None:
    """Raises NotApplicable where there is no GPU."""
    if not torch.cuda.is_available():
        raise NotApplicable("no GPU is here: not measured")


def captured(network: Callable[[], nn.Module], dtype: torch.dtype) -> Forward:
    """Inputs are brought to the GPU before the clock starts; a call ends when its outputs are there."""
    needed()
    return replayed(deepcopy(network()).to("cuda", dtype).to(memory_format=torch.channels_last), dtype)


def replayed(own: nn.Module, dtype: torch.dtype) -> Forward:
    """The same for a network that is there already."""
    graphs: dict[int, tuple[list[Tensor], torch.cuda.CUDAGraph, list[Tensor]]] = {}

    def own_type(given: Tensor) -> Tensor:
        return given.to("cuda", dtype if given.is_floating_point() else given.dtype, copy=True)

    def graph(batch: Inputs) -> tuple[list[Tensor], torch.cuda.CUDAGraph, list[Tensor]]:
        static = changed(batch, own_type)
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM):
                call(own, static)
        torch.cuda.current_stream().wait_stream(stream)
        recorded = torch.cuda.CUDAGraph()
        with torch.cuda.graph(recorded):
            answer = call(own, static)
        graphs[count(batch)] = tensors(static), recorded, outputs(answer)
        return graphs[count(batch)]

    def replay(batch: Inputs) -> list[Tensor]:
        given = tensors(batch)
        static, recorded, answer = graphs.get(len(given[0])) or graph(batch)
        for memory, values in zip(static, given, strict=True):
            memory.copy_(values)
        recorded.replay()
        fresh = [values.clone() for values in answer]
        torch.cuda.synchronize()
        return fresh

    return Forward(replay, lambda batch: changed(batch, lambda values: values.to("cuda")), device="cuda")
