"""A network on a GPU: resident, channels_last, one CUDA graph per batch size. Without a GPU, not measured."""

from copy import deepcopy
from functools import cache

import torch
from torch import Tensor, nn

from . import Forward, NotApplicable

WARM = 3  # calls before a capture, in which libraries choose their kernels


def needed() -> None:
    """Raises NotApplicable where there is no GPU."""
    if not torch.cuda.is_available():
        raise NotApplicable("no GPU is here: not measured")


def captured(network: nn.Module, dtype: torch.dtype) -> Forward:
    """Inputs are brought to the GPU before the clock starts; a call ends when its outputs are there."""
    needed()
    return replayed(deepcopy(network).to("cuda", dtype).to(memory_format=torch.channels_last), dtype)


def replayed(own: nn.Module, dtype: torch.dtype) -> Forward:
    """The same for a network that is there already."""

    @cache
    def graph(shape: tuple[int, ...]) -> tuple[Tensor, torch.cuda.CUDAGraph, Tensor]:
        inputs = torch.zeros(shape, device="cuda", dtype=dtype)
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM):
                own(inputs)
        torch.cuda.current_stream().wait_stream(stream)
        recorded = torch.cuda.CUDAGraph()
        with torch.cuda.graph(recorded):
            outputs = own(inputs)
        return inputs, recorded, outputs

    def call(batch: Tensor) -> Tensor:
        inputs, recorded, outputs = graph(tuple(batch.shape))
        inputs.copy_(batch)
        recorded.replay()
        fresh = outputs.clone()
        torch.cuda.synchronize()
        return fresh

    return Forward(call, device="cuda")
