"""Instructions that a step of windows is made of: how a lane picks its inputs, and how it sums their products.

L: lanes of 32 bits.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ..llvm import Machine


@dataclass(frozen=True)
class Instructions:
    """One way to do a step. All sum the same whole numbers."""

    name: str
    features: tuple[str, ...]
    """LLVM's names for what a processor needs to have."""
    lanes: int
    window: int
    """Bytes that a lane may pick from: 16 within each part of a register, or 64 of a whole one."""
    sums: bool
    """Is there one instruction for four products and their sum?"""
    uses: int = 1
    """Steps of a convolution that pick from a window once it is loaded."""

    @property
    def bytes(self) -> int:
        """Bytes of a register."""
        return 4 * self.lanes

    def declared(self) -> Iterator[str]:
        """Declarations of what `picked` and `summed` call."""
        wide, half = f"<{self.bytes} x i8>", f"<{self.bytes // 2} x i16>"
        yield f"declare {wide} @{self._pick}({wide}, {wide})"
        if self.sums:
            yield f"declare {self.whole} @{self._dot}({self.whole}, {self.whole}, {self.whole})"
        else:
            yield f"declare {half} @llvm.x86.avx2.pmadd.ub.sw({wide}, {wide})"
            yield f"declare {self.whole} @llvm.x86.avx2.pmadd.wd({half}, {half})"

    @property
    def whole(self) -> str:
        """The type of sums."""
        return f"<{self.lanes} x i32>"

    @property
    def _pick(self) -> str:
        if self.window == self.bytes:
            return f"llvm.x86.avx512.permvar.qi.{8 * self.bytes}"
        return "llvm.x86.avx2.pshuf.b" if self.lanes == 8 else "llvm.x86.avx512.pshuf.b.512"

    @property
    def _dot(self) -> str:
        return f"llvm.x86.avx512.vpdpbusd.{8 * self.bytes}"

    def picked(self, name: str, window: str, picks: str) -> Iterator[str]:
        """%`name`: for each lane four bytes from the address `window`, by the register `picks`."""
        yield from self.loaded(f"{name}w", window)
        yield from self.chosen(name, f"%{name}w", picks)

    def loaded(self, name: str, window: str) -> Iterator[str]:
        """%`name`: the window at an address, as lanes pick from it."""
        wide = f"<{self.bytes} x i8>"
        if self.window == self.bytes:
            yield f"  %{name} = load {wide}, ptr {window}, align 1"
        else:
            order = ", ".join(f"i32 {n % self.window}" for n in range(self.bytes))
            yield f"  %{name}v = load <{self.window} x i8>, ptr {window}, align 1"
            yield f"  %{name} = shufflevector <{self.window} x i8> %{name}v, <{self.window} x i8> poison,"
            yield f"    <{self.bytes} x i32> <{order}>"

    def chosen(self, name: str, window: str, picks: str) -> Iterator[str]:
        """%`name`: for each lane four bytes of a window that is loaded."""
        wide = f"<{self.bytes} x i8>"
        yield f"  %{name} = call {wide} @{self._pick}({wide} {window}, {wide} {picks})"

    def summed(self, name: str, before: str, inputs: str, weights: str) -> Iterator[str]:
        """%`name`: the sums `before` and four products for each lane."""
        wide, half = f"<{self.bytes} x i8>", f"<{self.bytes // 2} x i16>"
        if self.sums:
            yield f"  %{name}x = bitcast {wide} {inputs} to {self.whole}"
            yield f"  %{name}y = bitcast {wide} {weights} to {self.whole}"
            operands = f"{self.whole} {before}, {self.whole} %{name}x, {self.whole} %{name}y"
            yield f"  %{name} = call {self.whole} @{self._dot}({operands})"
            return
        ones = ", ".join(["i16 1"] * (self.bytes // 2))
        yield f"  %{name}x = call {half} @llvm.x86.avx2.pmadd.ub.sw({wide} {inputs}, {wide} {weights})"
        yield f"  %{name}y = call {self.whole} @llvm.x86.avx2.pmadd.wd({half} %{name}x, {half} <{ones}>)"
        yield f"  %{name} = add {self.whole} {before}, %{name}y"


AVX512 = ("avx512f", "avx512vl", "avx512bw", "avx512vnni")
KNOWN = [
    Instructions("AVX-512 VNNI, VBMI", (*AVX512, "avx512vbmi"), 16, 64, sums=True, uses=2),
    Instructions("AVX-512 VNNI", AVX512, 16, 16, sums=True),
    Instructions("AVX-VNNI", ("avx2", "avxvnni"), 8, 16, sums=True),
    Instructions("AVX2", ("avx2",), 8, 16, sums=False),
]
"""The fastest first."""


def best(machine: Machine) -> Instructions | None:
    """The fastest that a processor has; None: numpy has to do."""
    return next((instructions for instructions in KNOWN if machine.has(*instructions.features)), None)
