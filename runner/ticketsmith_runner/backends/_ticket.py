"""The ticket runtime's programs as back-ends, on as many threads as torch is set to."""

from collections.abc import Sequence

import torch

from ticketsmith_runtime import program
from ticketsmith_runtime.channels import compact as compacted
from ticketsmith_runtime.graph import Graph
from ticketsmith_runtime.kernels._isa import AVX512, Isa
from ticketsmith_runtime.llvm import Machine
from ticketsmith_runtime.planes import Unsuited
from ticketsmith_runtime.shares import Shared

from . import Forward, NotApplicable

__all__ = ["compacted", "instructions", "single", "tiled"]

LARGEST_CODE = 16 << 20
"""Bytes of a net."""


def tiled(traced: Graph, kernel: str | Sequence[str]) -> Forward:
    """For batches: every Linear with a kernel, or each with its own. Convolutions are code. Raises NotApplicable."""
    isa, machine = instructions(), Machine.host()
    size = isa.weight_bytes * sum(layer.kept for layer in traced.layers())
    if kernel == "codegen" and size > LARGEST_CODE:
        raise NotApplicable(f"its code would take {size >> 20} MiB, which no cache holds and a compiler takes long for")
    try:
        return _forward(program.planar(traced, kernel, isa, machine))
    except Unsuited as reason:
        raise NotApplicable(str(reason)) from None


def single(traced: Graph, kernel: str) -> Forward:
    """One sample at a time. Raises NotApplicable."""
    if instructions() is not AVX512:
        raise NotApplicable(f"{Machine.host().cpu} has no AVX-512, whose permutation of registers it is made of")
    try:
        return _forward(program.flat(traced, Machine.host(), kernel))
    except Unsuited as reason:
        raise NotApplicable(str(reason)) from None


def instructions() -> Isa:
    """The widest instruction set here that code is written for. Raises NotApplicable."""
    if (isa := program.instructions(Machine.host())) is None:
        raise NotApplicable(f"{Machine.host().cpu} has neither AVX-512 nor AVX2")
    return isa


def _forward(made: program.Program) -> Forward:
    threads = torch.get_num_threads()
    return Forward(Shared(made, threads) if threads > 1 else made, arrays=True)
