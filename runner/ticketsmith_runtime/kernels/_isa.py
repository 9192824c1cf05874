"""The instruction sets that code is written for.

Arguments of a function: rdi inputs, rsi outputs, rdx stream, rcx points, r8 from outputs to what is added.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..chain import Layer
from ..llvm import Machine


@dataclass(frozen=True)
class Isa:
    """Registers as the generators use them."""

    name: str
    title: str
    """The name that people know."""
    features: tuple[str, ...]
    """LLVM's names of the parts of the instruction set that are needed."""
    register: str
    lanes: int
    """float32 in a register."""
    registers: int
    fused_broadcast: bool
    """Can a multiply-add read one number from memory for all lanes?"""
    masked: bool
    """Can lanes be left out of what is written? Otherwise what was there is read, and written again."""
    weight_bytes: int
    """Bytes of generated code, per weight."""
    shapes: tuple[tuple[int, int], ...]
    """(tiles, rows) that the data-driven loop sums at once: for passes of many tiles, and for what is left."""

    @property
    def bytes(self) -> int:
        """Bytes of a register, which is a row of a tile."""
        return 4 * self.lanes

    @property
    def few(self) -> int:
        """Samples below which one after the other is quicker than a tile that is half empty."""
        return self.lanes // 2

    def zero(self, register: int) -> str:
        if register < 16:
            return f"vxorps %xmm{register}, %xmm{register}, %xmm{register}"
        return f"vpxord %{self.register}{register}, %{self.register}{register}, %{self.register}{register}"


AVX512 = Isa("avx512", "AVX-512", ("avx512f", "avx512vl", "avx512bw"), "zmm", 16, 32, True, True, 7, ((4, 4), (1, 8)))
AVX2 = Isa("avx2", "AVX2", ("avx2", "fma"), "ymm", 8, 16, False, False, 13, ((4, 3), (2, 4), (1, 8)))


def widest(machine: Machine) -> Isa | None:
    """The instruction set that the machine has, of those that code is written for."""
    return next((isa for isa in (AVX512, AVX2) if machine.has(*isa.features)), None)


@dataclass(frozen=True, eq=False)
class Reach:
    """Places of a point's inputs and outputs, in bytes. A register is read and written at each."""

    at_I: NDArray[np.int64]
    """Inputs, from the first one; ascending."""
    step: int
    """From the inputs of one point to those of the next."""
    spread: int
    """From one output of a point to the next."""
    onward: int
    """From the outputs of one point to those of the next."""
    adds: bool = False
    """True if there is something to add to each output, as far from it as r8 says."""
    written: NDArray[np.bool_] | None = None
    """Lanes of the outputs of each point, (points, lanes); by default all."""

    @classmethod
    def tiles(cls, layer: Layer, isa: "Isa") -> "Reach":
        """A point is a tile, and a unit may read all of it."""
        units, inputs = layer.weight_OI.shape
        return cls(np.arange(inputs) * isa.bytes, inputs * isa.bytes, isa.bytes, units * isa.bytes)


@dataclass(frozen=True, eq=False)
class Function:
    """Assembler text of `name`(inputs, outputs, stream, points), and the stream that it reads.

    For each point outputs[o] = act(W x + b), in the lanes of a register. A point is a tile of samples, or a place of a
    plane in a tile, or some places of one sample; a Reach says where things are.
    """

    name: str
    lines: list[str]
    stream: NDArray[np.float32]
    code_bytes: int
    """Bytes of machine code, as estimated before it is made."""
