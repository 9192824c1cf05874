"""The scripts in benchmarks/ start, and say what they measure. What they find is never asserted: machines differ."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[2] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_it_says_what_it_measures(script: Path) -> None:
    done = subprocess.run([sys.executable, str(script), "--help"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert f"python benchmarks/{script.name}" in done.stdout


AGAINST = SCRIPTS[0].with_name("against.py")


def against(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(AGAINST), *arguments, "--data-root", str(folder)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=600)


def test_a_commit_is_compared_with_itself(tmp_path: Path) -> None:
    smallest = ("--rounds", "1", "--steps", "2", "--case", "digits-eager", "--case", "lenet300", "-o", "json")
    done = against("HEAD", *smallest, folder=tmp_path)
    assert done.returncode in (0, 1), done.stderr
    result = json.loads(done.stdout)
    assert set(result) == {"commit", "machine", "rounds", "rows", "skipped"}
    assert [skipped["case"] for skipped in result["skipped"]] == ["lenet300"]
    rows = [(row["case"], row["density"], row["trainer"], row["measure"]) for row in result["rows"]]
    assert rows == [
        ("digits-eager", density, "eager", measure) for density in (1.0, 0.2) for measure in ("updates", "whole")
    ]
    assert all(
        row["old"] > 0 and row["new"] > 0 and row["low"] <= row["ratio"] <= row["high"] for row in result["rows"]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-commit"], "error: no commit 'no-such-commit'\n  fix: `git log"),
        (["HEAD", "--case", "lenet300"], "error: nothing to time: no MNIST"),
        (["HEAD", "--rounds", "0"], "expected at least 1, got 0"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = against(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
