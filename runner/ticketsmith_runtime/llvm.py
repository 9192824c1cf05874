"""LLVM in this process, through llvmlite: text in, the address of a function out. Nothing executable is ever read."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

import llvmlite.binding as binding

binding.initialize_native_target()
binding.initialize_native_asmprinter()
binding.initialize_native_asmparser()


@dataclass(frozen=True, eq=False)
class Machine:
    """The processor that code is made for."""

    cpu: str
    features: str

    @classmethod
    def host(cls) -> "Machine":
        """This machine, as LLVM sees it."""
        return cls(binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten())

    def has(self, *features: str) -> bool:
        return {f"+{feature}" for feature in features} <= set(self.features.split(","))

    def without(self, *features: str) -> "Machine":
        """The same machine with parts of its instruction set left alone."""
        dropped = {f"+{feature}" for feature in features}
        left = [feature for feature in self.features.split(",") if feature not in dropped]
        return Machine(self.cpu, ",".join([*left, *(f"-{feature}" for feature in features)]))


class Code:
    """Compiled functions. They live as long as this object. What is declared twice is declared once."""

    def __init__(self, ir: Iterable[str], machine: Machine) -> None:
        target = binding.Target.from_default_triple().create_target_machine(
            cpu=machine.cpu, features=machine.features, opt=2, reloc="pic", codemodel="jitdefault", jit=True
        )
        lines = list(ir)
        declared = dict.fromkeys(line for line in lines if line.startswith("declare "))
        module = binding.parse_assembly("\n".join([*declared, *(line for line in lines if line not in declared)]))
        module.verify()
        self._engine = binding.create_mcjit_compiler(module, target)
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Address of the function. Raises KeyError if there is none of that name."""
        if address := self._engine.get_function_address(name):
            return int(address)
        raise KeyError(name)


def assembly(lines: Iterable[str]) -> str:
    """Assembler text as a part of a module. Callers make it of numbers and names of their own."""
    return 'module asm "' + r"\0A".join(lines) + '"'


def splat(number: float, lanes: int) -> str:
    """A float32 in every lane, as LLVM writes it."""
    bits = struct.pack(">d", struct.unpack("f", struct.pack("f", number))[0]).hex().upper()
    return "<" + ", ".join([f"float 0x{bits}"] * lanes) + ">"
