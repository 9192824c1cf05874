"""Machines that have some of this one's instructions, so that every way to do a step is tried."""

import pytest

from ticketsmith_runtime.int8.instructions import KNOWN, Instructions, best
from ticketsmith_runtime.llvm import Machine

HOST = Machine.host()
LEFT_OUT = [(), ("avx512vbmi",), ("avx512vnni",), ("avx512vnni", "avxvnni")]
"""Features without which a machine takes the first, the second, the third of KNOWN, and so on."""


def machine(own: Instructions) -> Machine:
    """This machine, as one that takes these instructions. Skips the test if it cannot."""
    if not HOST.has(*own.features):
        pytest.skip(f"this processor has no {own.name}")
    found = HOST.without(*LEFT_OUT[KNOWN.index(own)])
    assert best(found) == own
    return found
