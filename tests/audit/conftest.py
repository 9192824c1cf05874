"""Three finished runs, one of each verdict, and commands as a shell has them."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..made_once import made_once
from ..sdk.conftest import OFFLINE, Verdicts, bound, verdicts, warm
from .states import States, fill

__all__ = ["bound", "verdicts", "warm"]

TS = f"{shlex.quote(sys.executable)} -m ticketsmith"


def shell(line: str, cwd: Path, **environment: str) -> Any:
    """A line of bash in which `TS` is our command; the code is that of whoever failed last."""
    argv = ["bash", "-o", "pipefail", "-c", line.replace("TS ", f"{TS} ")]
    return subprocess.run(argv, cwd=cwd, capture_output=True, timeout=300, env=OFFLINE | environment)


@pytest.fixture(scope="session")
def states(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, verdicts: Verdicts) -> States:
    def filled(store: Path) -> None:
        fill(store, request.getfixturevalue("warm"), verdicts.edge)

    return States(made_once(tmp_path_factory, "states", filled), tmp_path_factory.mktemp("all"), verdicts.edge)


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders for PYTHONPATH, each with a package, mostly torch, that is broken in its own way."""
    ways = {
        "missing": "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')",
        "broken": "raise ImportError('libcudart.so.12: cannot open shared object file')",
        "unloadable": "import ctypes; ctypes.CDLL('libcudart.so.12')",
        "mute": "import os; os._exit(1)",
        "quitting": "import sys; sys.exit(1)",
        "crashing": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "buggy": "import random; random.no_such_name",
    }
    folder = tmp_path_factory.mktemp("foreign")
    for name, source in ways.items():
        _put(folder / name / "torch", source)
    _put(folder / "confused" / "yaml", "1 / 0")
    _put(folder / "stripped" / "pydantic", "raise ModuleNotFoundError(\"No module named 'pydantic'\", name='pydantic')")
    return folder


def _put(package: Path, source: str) -> None:
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f"{source}\n")
