"""Lint, format, types and layers of the whole repository, as tests."""

import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest

ROOT = Path(__file__).parents[2]
ROOTS = ("sdk", "runner", "workflows")


def run(*argv: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=300, env=environment or None)


@pytest.mark.parametrize(
    "tool",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"], ["importlinter.cli", "lint-imports"]],
    ids=["lint", "format", "types", "layers"],
)
def test_clean(tool: list[str]) -> None:
    argv = (
        [str(Path(sys.executable).parent / "lint-imports")]
        if tool[0].startswith("import")
        else [sys.executable, "-m", *tool]
    )
    done = run(*argv)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("sdk/ticketsmith/lottery/imp.py", "import os"),
        ("sdk/ticketsmith/executors/local.py", "import ticketsmith_runner"),
        ("sdk/ticketsmith/report/svg.py", "import numpy"),
        ("sdk/ticketsmith/stores/local.py", "from ticketsmith import ledger"),
        ("sdk/ticketsmith/ledger.py", "from google.cloud import storage"),
        ("sdk/ticketsmith/homeless.py", ""),
        ("sdk/ticketsmith/report/write.py", "from ticketsmith import cli"),
        ("runner/ticketsmith_runner/walk.py", "import ticketsmith.cli"),
        ("sdk/ticketsmith/cli/run.py", "import hera"),
        ("sdk/ticketsmith/cli/plan.py", "import ticketsmith_workflows"),
        ("workflows/ticketsmith_workflows/imp.py", "import torch"),
        ("workflows/ticketsmith_workflows/render.py", "from ticketsmith import stores"),
    ],
)
def test_a_planted_violation_is_caught(file: str, line: str, tmp_path: Path) -> None:
    for part in ROOTS:
        copytree(ROOT / part, tmp_path / part, ignore=lambda _, names: [n for n in names if n == "__pycache__"])
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    planted = tmp_path / file
    with planted.open("a") as text:
        text.write(f"\n{line}\n")
    linter = str(Path(sys.executable).parent / "lint-imports")
    done = run(linter, "--no-cache", cwd=tmp_path, PYTHONPATH=":".join(str(tmp_path / part) for part in ROOTS))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 broken" in done.stdout
