"""The instruction sets that code is written for. Function arguments: rdi inputs, rsi outputs, rdx stream, rcx tiles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Isa:
    """Registers as the generators use them."""

    name: str
    features: tuple[str, ...]
    """What LLVM calls the parts of the instruction set that are needed."""
    register: str
    lanes: int
    """float32 in a register."""
    registers: int
    fused_broadcast: bool
    """Can a multiply-add read one number from memory for all lanes?"""
    weight_bytes: int
    """Of generated code, per weight."""
    shapes: tuple[tuple[int, int], ...]
    """(tiles, rows) that the data-driven loop sums at once: for passes of many tiles, and for what is left."""

    @property
    def bytes(self) -> int:
        """Of a register, which is a row of a tile."""
        return 4 * self.lanes

    def zero(self, register: int) -> str:
        if register < 16:
            return f"vxorps %xmm{register}, %xmm{register}, %xmm{register}"
        return f"vpxord %{self.register}{register}, %{self.register}{register}, %{self.register}{register}"


AVX512 = Isa("avx512", ("avx512f", "avx512vl", "avx512bw"), "zmm", 16, 32, True, 7, ((4, 4), (1, 8)))
AVX2 = Isa("avx2", ("avx2", "fma"), "ymm", 8, 16, False, 13, ((4, 3), (1, 8)))


@dataclass(frozen=True, eq=False)
class Function:
    """Assembler text of `name`(inputs, outputs, stream, tiles), and the stream that it reads.

    For each tile outputs[o] = act(W x + b): inputs are (tiles, I, lanes), outputs (tiles, O, lanes), float32.
    """

    name: str
    lines: list[str]
    stream: NDArray[np.float32]
    code_bytes: int
    """Of machine code, as estimated before it is made."""
