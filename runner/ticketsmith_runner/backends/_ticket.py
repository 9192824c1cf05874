"""The ticket runtime's programs as back-ends."""

import torch
from torch import Tensor, nn

from ticketsmith_runtime import chain, program
from ticketsmith_runtime.kernels._isa import AVX2, AVX512, Isa
from ticketsmith_runtime.llvm import Machine
from ticketsmith_runtime.shares import Shared

from ..compaction import layers
from . import Forward, NotApplicable

CODE_BYTES, LARGEST_CODE = 7, 16 << 20
"""Bytes per weight, and of a net."""


def instructions(machine: Machine) -> Isa:
    """The widest instruction set that the machine has. Raises NotApplicable if it has none that code is written for."""
    for isa in (AVX512, AVX2):
        if machine.has(*isa.features):
            return isa
    raise NotApplicable(f"{machine.cpu} has neither AVX-512 nor AVX2")


def tiled(masked: nn.Module, masks: dict[str, Tensor], kernel: str) -> Forward:
    """All layers with one kernel, for batches. Raises NotApplicable."""
    compacted, machine = chain.compact(layers(masked, masks)), Machine.host()
    if kernel == "codegen" and (size := CODE_BYTES * sum(layer.kept for layer in compacted)) > LARGEST_CODE:
        raise NotApplicable(f"its code would take {size >> 20} MiB, which no cache holds and a compiler takes long for")
    return _forward(program.tiled(compacted, [kernel] * len(compacted), instructions(machine), machine))


def single(masked: nn.Module, masks: dict[str, Tensor]) -> Forward:
    """One sample at a time. Raises NotApplicable."""
    compacted, machine = chain.compact(layers(masked, masks)), Machine.host()
    if instructions(machine) is not AVX512:
        raise NotApplicable(f"{machine.cpu} has no AVX-512, whose permutation of registers it is made of")
    return _forward(program.single(compacted, machine))


def _forward(made: program.Program) -> Forward:
    threads = torch.get_num_threads()
    return Forward(Shared(made, threads) if threads > 1 else made, arrays=True)
