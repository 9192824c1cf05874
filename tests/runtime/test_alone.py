"""The runtime in a process of its own: what it imports, and how its command ends."""

import subprocess
import sys

import pytest

from ticketsmith_runtime.graph import Graph
from ticketsmith_runtime.package import Ticket, write

HEAVY = ("torch", "numba", "scipy", "onnx", "pydantic", "ticketsmith", "ticketsmith_runner", "tokenizers")


@pytest.fixture
def package(chain, tmp_path):
    write(tmp_path / "a.ticket", Ticket(graph=Graph.chain(chain([20, 12, 4], 0.3))))
    return tmp_path / "a.ticket"


def _python(*arguments):
    return subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=120)


def test_to_load_and_answer_imports_no_torch(package):
    code = f"""
import sys, numpy
from ticketsmith_runtime import load
print(load({str(package)!r})(numpy.zeros((3, 20))).shape)
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    assert _python("-c", code).stdout.split("\n")[:2] == ["(3, 4)", "[]"]


def test_verify_and_explain(package):
    verified, explained = (_python("-m", "ticketsmith_runtime", word, package) for word in ("verify", "explain"))

    assert verified.returncode == explained.returncode == 0
    assert "20 -> 12 -> 4" in verified.stdout and "numpy: equal to the weights" in verified.stdout
    assert "batch 16:" in explained.stdout


def test_a_damaged_package_ends_in_5_with_a_fix(package):
    content = bytearray(package.read_bytes())
    content[len(content) // 2] ^= 1
    package.write_bytes(content)

    ended = _python("-m", "ticketsmith_runtime", "verify", package)

    assert ended.returncode == 5 and "fix: pack it again" in ended.stderr and not ended.stdout
    assert "Traceback" not in ended.stderr
