"""The ticket runtime's programs as back-ends."""

import torch
from torch import Tensor, nn

from ticketsmith_runtime import chain, program
from ticketsmith_runtime.kernels._isa import AVX512
from ticketsmith_runtime.llvm import Machine
from ticketsmith_runtime.shares import Shared

from ..compaction import layers
from . import Forward, NotApplicable

LARGEST_CODE = 16 << 20
"""Bytes of a net."""


def tiled(masked: nn.Module, masks: dict[str, Tensor], kernel: str) -> Forward:
    """All layers with one kernel, for batches. Raises NotApplicable."""
    compacted, machine = chain.compact(layers(masked, masks)), Machine.host()
    if (isa := program.instructions(machine)) is None:
        raise NotApplicable(f"{machine.cpu} has neither AVX-512 nor AVX2")
    size = isa.weight_bytes * sum(layer.kept for layer in compacted)
    if kernel == "codegen" and size > LARGEST_CODE:
        raise NotApplicable(f"its code would take {size >> 20} MiB, which no cache holds and a compiler takes long for")
    return _forward(program.tiled(compacted, [kernel] * len(compacted), isa, machine))


def single(masked: nn.Module, masks: dict[str, Tensor]) -> Forward:
    """One sample at a time. Raises NotApplicable."""
    compacted, machine = chain.compact(layers(masked, masks)), Machine.host()
    if program.instructions(machine) is not AVX512:
        raise NotApplicable(f"{machine.cpu} has no AVX-512, whose permutation of registers it is made of")
    return _forward(program.single(compacted, machine))


def _forward(made: program.Program) -> Forward:
    threads = torch.get_num_threads()
    return Forward(Shared(made, threads) if threads > 1 else made, arrays=True)
