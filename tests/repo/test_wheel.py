"""The wheel that is built from the sources: beside the code it holds what the code reads."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_every_file_that_is_no_code(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="make run or make test installs the build backend")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    held = set(ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "sdk"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    )
    wanted = {each.removeprefix("sdk/") for each in tracked.stdout.splitlines() if not each.endswith(".py")}
    assert {"ticketsmith/report/report.html", "ticketsmith/report/style.css"} <= wanted
    assert wanted - held == set()
