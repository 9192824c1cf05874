"""The ticket runtime's programs as back-ends."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ticketsmith_runtime import program
from ticketsmith_runtime.channels import compact
from ticketsmith_runtime.kernels._isa import AVX512
from ticketsmith_runtime.llvm import Machine
from ticketsmith_runtime.planes import Unsuited
from ticketsmith_runtime.shares import Shared

from ..tracing import graph
from . import Forward, NotApplicable

LARGEST_CODE = 16 << 20
"""Bytes of a net."""


def tiled(masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int], kernel: str) -> Forward:
    """All layers with one kernel, for batches. Convolutions are always code. Raises NotApplicable."""
    traced, machine = compact(graph(masked, masks, shape)), Machine.host()
    if (isa := program.instructions(machine)) is None:
        raise NotApplicable(f"{machine.cpu} has neither AVX-512 nor AVX2")
    size = isa.weight_bytes * sum(layer.kept for layer in traced.layers())
    if kernel == "codegen" and size > LARGEST_CODE:
        raise NotApplicable(f"its code would take {size >> 20} MiB, which no cache holds and a compiler takes long for")
    try:
        return _forward(program.planar(traced, kernel, isa, machine))
    except Unsuited as reason:
        raise NotApplicable(str(reason)) from None


def single(masked: nn.Module, masks: dict[str, Tensor], shape: Sequence[int]) -> Forward:
    """One sample at a time. Raises NotApplicable."""
    traced, machine = compact(graph(masked, masks, shape)), Machine.host()
    if program.instructions(machine) is not AVX512:
        raise NotApplicable(f"{machine.cpu} has no AVX-512, whose permutation of registers it is made of")
    try:
        return _forward(program.flat(traced, machine))
    except Unsuited as reason:
        raise NotApplicable(str(reason)) from None


def _forward(made: program.Program) -> Forward:
    threads = torch.get_num_threads()
    return Forward(Shared(made, threads) if threads > 1 else made, arrays=True)
