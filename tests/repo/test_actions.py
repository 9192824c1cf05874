"""GitHub's workflows: valid, pinned, without a hole; and the command in them is one that the command line takes."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
BIN = Path(sys.executable).parent
SCHEMA = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.github-workflows"]
HOLES = [str(BIN / "zizmor"), "--offline", "--no-progress", "--persona=pedantic", "--min-severity=low"]
SUBMIT = (FOLDER / "submit.yml").read_text()


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("tool", [SCHEMA, HOLES], ids=["schema", "holes"])
def test_our_workflows_are_clean(tool: list[str]) -> None:
    done = run(*tool, *map(str, FOLDER.glob("*.yml")))
    assert done.returncode == 0, done.stdout + done.stderr


PLANTED = {
    "a key that is none": (SCHEMA, "timeout-minutes: 350", "timeout-minuts: 350"),
    "an input in a script": (HOLES, '--sparsity="$SPARSITY"', "--sparsity=${{ inputs.sparsity }}"),
    "an action by its tag": (HOLES, "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1", "actions/checkout@v7"),
    "credentials that stay": (HOLES, "persist-credentials: false", "fetch-depth: 1"),
    "permissions for all": (HOLES, "permissions: {}", "permissions: write-all"),
}


@pytest.mark.parametrize(("tool", "old", "new"), PLANTED.values(), ids=PLANTED)
def test_a_planted_defect_is_found(tool: list[str], old: str, new: str, tmp_path: Path) -> None:
    assert old in SUBMIT
    (tmp_path / "submit.yml").write_text(SUBMIT.replace(old, new))
    assert run(*tool, str(tmp_path / "submit.yml")).returncode != 0


def test_every_action_is_pinned_with_its_version_beside_it() -> None:
    lines = [line for path in FOLDER.glob("*.yml") for line in path.read_text().splitlines() if "uses:" in line]
    assert lines and not [line for line in lines if not re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)]


def test_submit_has_no_key_and_may_do_two_things() -> None:
    document: dict[str, Any] = yaml.safe_load(SUBMIT)
    assert document["permissions"] == {}
    assert document["jobs"]["submit"]["permissions"] == {"contents": "read", "id-token": "write"}
    assert "secrets." not in SUBMIT and "credentials_json" not in SUBMIT


@pytest.mark.parametrize("changes", [{}, {"EXPERIMENT": "dense"}, {"PROFILE": "cpu"}], ids=str)
def test_its_command_is_one_that_the_command_line_takes(changes: dict[str, str]) -> None:
    """With the defaults of its other inputs, up to the cluster; a GPU that is held trains."""
    document: dict[str, Any] = yaml.safe_load(SUBMIT)
    step = document["jobs"]["submit"]["steps"][-1]
    inputs = document[True]["workflow_dispatch"]["inputs"]  # `on` is true in YAML 1.1
    given = {
        name: inputs[value.split("inputs.")[1].split()[0]]["default"]
        for name, value in step["env"].items()
        if "inputs." in value
    }
    environment = os.environ | given | {"TICKETSMITH_STORE": "gs://bucket/runs"} | changes
    environment["PATH"] = f"{BIN}:{environment['PATH']}"
    argv = ["bash", "-euo", "pipefail", "-c", f"{step['run']} --dry-run"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["kind"] == "Workflow"
    assert "beside a GPU that is paid for" not in done.stderr
    assert shlex.split(step["run"])[:2] == ["ticketsmith", "submit"]


@pytest.mark.parametrize("value", ["0.8; touch owned", "$(touch owned)", "--help", "0.8 --store gs://evil/x"])
def test_an_input_is_one_value_whatever_is_in_it(value: str, tmp_path: Path) -> None:
    step = yaml.safe_load(SUBMIT)["jobs"]["submit"]["steps"][-1]
    given = {"EXPERIMENT": "imp", "TASK": "digits-mlp", "SPARSITY": value, "REPLICATES": "5", "PROFILE": "t4"}
    given |= {"DEVICE": "cuda"}
    environment = os.environ | given | {"TICKETSMITH_STORE": "gs://bucket/runs"}
    environment["PATH"] = f"{BIN}:{environment['PATH']}"
    argv = ["bash", "-euo", "pipefail", "-c", f"{step['run']} --dry-run"]
    done = subprocess.run(argv, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "--sparsity" in done.stderr and not list(tmp_path.iterdir())
