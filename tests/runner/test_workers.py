"""The beginning of a worker."""

import subprocess
import sys
from pathlib import Path
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
print(min(-faults() + faults() for _ in range(3)))
"""


@pytest.mark.skipif(platform != "linux", reason="it is glibc that gives memory back each time")
def test_what_large_layers_put_out_is_paid_for_once() -> None:
    """A fault is a page that the kernel clears: none for 10 tensors after some others, where torch has those of all.

    How many others it takes depends on where the kernel has put the heap: 3 to 11 were seen.
    """
    kept, as_it_comes = (
        int(subprocess.run([sys.executable, "-c", FAULTS.format(begin=begin)], check=True, capture_output=True).stdout)
        for begin in ("single_thread()", "")
    )
    assert kept < as_it_comes / 100


TRAINED = """
import torch
from ticketsmith_runner.workers import workers

def loss():
    weight = torch.full((3,), 2.0, requires_grad=True)
    (weight * weight).sum().backward()
    return weight.grad.tolist()

if __name__ == "__main__":
    torch._C._ensureCUDADeviceGuardSet()  # as a tracing does where there is no GPU: torch counts one device
    alone = loss()
    with workers(2) as pool:
        assert pool.submit(loss).result() == alone == [4.0] * 3
        print(type(pool._mp_context).__name__)
"""


@pytest.mark.skipif(platform != "linux", reason="workers are forked on Linux alone")
@pytest.mark.parametrize(("device", "context"), [(True, "SpawnContext"), (False, "ForkContext")])
def test_workers_differentiate_after_their_parent_did_on_a_machine_with_a_gpu(
    tmp_path: Path, device: bool, context: str
) -> None:
    script = tmp_path / "trained.py"
    script.write_text(TRAINED if device else TRAINED.replace("torch._C._ensure", "# torch._C._ensure"))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == [context], done.stderr
