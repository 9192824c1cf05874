"""Kinds of machines: this one, and others to take it for. Code is made for each, and run where this one can."""

from ticketsmith_runtime.kernels._isa import AVX2, AVX512, Isa
from ticketsmith_runtime.llvm import Machine

HOST = Machine.host()
WIDE = HOST.has(*AVX512.features)
"""Does code of AVX-512 run here?"""


def _of(cpu: str, isa: Isa) -> Machine:
    return Machine(cpu, ",".join(f"+{feature}" for feature in isa.features))


WITH_AVX512 = HOST if WIDE else _of("skylake-avx512", AVX512)
WITH_AVX2 = HOST.without(*AVX512.features) if HOST.has(*AVX2.features) else _of("haswell", AVX2)
ONE_BY_ONE = {"pell": WITH_AVX512, "pell19": WITH_AVX512, "vectors": WITH_AVX512, "windows": WITH_AVX2}
"""The kernels for one sample, each on the least that it needs."""
WITH_NEITHER = Machine("an-old-cpu", "")
