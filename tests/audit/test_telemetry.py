"""Nothing is sent, and nothing is left in the home: OpenVINO and ONNX Runtime do both unless they are told not to."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest

from ..sdk.conftest import Verdicts

ROOT = Path(__file__).parents[2]
BENCHMARK = [
    str(Path(sys.executable).parent / "ticketsmith"),
    "benchmark",
    "--batch",
    "1",
    "--rounds",
    "6",
    "-o",
    "json",
]
TRACE = ["strace", "-f", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, verdicts: Verdicts) -> Path:
    """A finished run; the benchmarks of these tests add theirs to it."""
    folder = tmp_path_factory.mktemp("telemetry") / "runs"
    shutil.copytree(verdicts.made / verdicts.passed, folder / verdicts.passed)
    return folder


@pytest.fixture
def traced() -> list[str]:
    if not which("strace"):
        pytest.skip("strace is not here: no telling what compiled code connects to")
    if subprocess.run([*TRACE, os.devnull, "true"], capture_output=True).returncode:
        pytest.skip("strace may not trace here (a container without SYS_PTRACE?)")
    return TRACE


def test_a_benchmark_leaves_nothing_at_home(runs: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    benchmark(runs, tmp_path, [], "--replicate", "2", HOME=str(home))
    ours = home / ".cache" / "ticketsmith"  # digests of data files
    assert not [path for path in home.rglob("*") if path not in ours.parents and not path.is_relative_to(ours)]


def test_a_benchmark_connects_to_nobody(runs: Path, tmp_path: Path, traced: list[str]) -> None:
    benchmark(runs, tmp_path, [*traced, str(tmp_path / "calls")], "--replicate", "0")
    assert not internet((tmp_path / "calls").read_text())


def test_a_connection_would_be_seen(tmp_path: Path, traced: list[str]) -> None:
    script = "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('127.0.0.1', 9))"
    subprocess.run([*traced, str(tmp_path / "calls"), sys.executable, "-c", script], check=True)
    assert internet((tmp_path / "calls").read_text())


@pytest.mark.parametrize("first", ["ticketsmith_runner.backends", "ticketsmith_runner.__main__"])
def test_both_are_off_before_anything_else_of_the_runner_is_imported(first: str) -> None:
    script = (
        f"import importlib, os, sys; importlib.import_module({first!r})\n"
        "try: import openvino_telemetry\n"
        "except ImportError: print(os.environ['ORT_DISABLE_TELEMETRY'])\n"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "1\n"


def test_nobody_imports_them_but_with_the_runner() -> None:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    users = [
        name for name in listed.split() if re.search(r"^\s*(import|from) (openvino|onnxruntime)\b", text(name), re.M)
    ]
    users = [name for name in users if not name.startswith("tests/")]  # their conftest.py imports it for all of them
    assert "runner/ticketsmith_runner/backends/openvino.py" in users
    assert not [name for name in [*users, "tests/conftest.py"] if "ticketsmith_runner" not in name + text(name)]


def test_the_image_says_so_too() -> None:
    assert "ORT_DISABLE_TELEMETRY=1" in text("images/runner.Dockerfile")


def benchmark(runs: Path, folder: Path, before: list[str], *options: str, **environment: str) -> None:
    """One that really went through both libraries."""
    argv = [*before, *BENCHMARK, "--store", str(runs), *options]
    env = {**{name: value for name, value in os.environ.items() if "TELEMETRY" not in name}, **environment}
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert '"openvino"' in done.stdout and '"onnxruntime"' in done.stdout, done.stdout


def internet(calls: str) -> list[str]:
    return [line for line in calls.splitlines() if "AF_INET" in line]


def text(name: str) -> str:
    return (ROOT / name).read_text()
