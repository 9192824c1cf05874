"""The beginning of a worker."""

import subprocess
import sys
from sys import platform

import pytest

FAULTS = """
import resource
import torch
from ticketsmith_runner.workers import single_thread

def faults():
    for _ in range(10):
        torch.ones(2**24).sum()  # 64 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

{begin}
print(-faults() + faults())
"""


@pytest.mark.skipif(platform != "linux", reason="it is glibc that gives memory back each time")
def test_what_large_layers_put_out_is_paid_for_once() -> None:
    """A fault is a page that the kernel clears: none for 10 tensors after 10 others, where torch has those of all."""
    kept, as_it_comes = (
        int(subprocess.run([sys.executable, "-c", FAULTS.format(begin=begin)], check=True, capture_output=True).stdout)
        for begin in ("single_thread()", "")
    )
    assert kept < as_it_comes / 100
