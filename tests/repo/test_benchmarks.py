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


def test_pod_seconds_of_two_recordings_are_set_side_by_side(tmp_path: Path) -> None:
    """As `--keep` writes them: in the one before, the gate had a pod that was lost, and one of its own."""
    spent = {
        "r-chain-1": {"start": 3.5, "store": 0.5, "work": 2.0},
        "r-gate-3": {"start": 3.0, "store": 0, "work": 1.0},
    }
    chain = {"part": "chain", "pods": ["r-1"], "seconds": [9.0]}
    gate = {"part": "gate", "pods": ["r-2", "r-3"], "seconds": [5.0, 7.0]}
    for name, parts in (("before", [chain, gate]), ("after", [chain])):
        (tmp_path / f"{name}.json").write_text(json.dumps({"parts": parts, "spent": spent}))
    script = AGAINST.with_name("argo_overhead.py")
    argv = [sys.executable, str(script), "after.json", "--before", "before.json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == [
        "before: 21 pod-seconds in 3 pods (start 6.5, store 0.5, work 3.0, argo 6.0; 1 of the pods did not say)",
        "now: 9 pod-seconds in 1 pods (start 3.5, store 0.5, work 2.0, argo 3.0)",
    ]
    assert "3.0 [3.0, 3.0]" in done.stdout.splitlines()[1], "what Argo adds to the chain"
