"""Verdicts for a CI, and words for a shell that completes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import typer.main

from ticketsmith.cli import app

from .conftest import Verdicts, cli


@pytest.mark.parametrize(
    ("name", "element", "command"),
    [("passed", None, "notice"), ("failed", "failure", "error"), ("undecided", "skipped", "warning")],
)
def test_a_ci_reads_the_verdict(verdicts: Verdicts, name: str, element: str | None, command: str) -> None:
    run, codes = getattr(verdicts, name), {"passed": 0, "failed": 1, "undecided": 7}
    done = cli("gate", run, "-o", "junit", cwd=verdicts.folder)
    suite = ElementTree.fromstring(done.stdout)
    case = suite.find("testcase")
    assert done.returncode == codes[name] and suite.get("tests") == "1" and case is not None
    assert [child.tag for child in case] == [element or "system-out"] and case.get("classname") == run
    line = cli("gate", run, "-o", "github", cwd=verdicts.folder).stdout
    assert line.startswith(f"::{command} title={verdicts.verdict(run).status}%3A {run}::") and line.count("\n") == 1
    assert "%25 sparsity" in line, "a % sign is escaped"
    found = json.loads(cli("gate", run, "-o", "json", cwd=verdicts.folder).stdout)
    assert found["schema"] == "ticketsmith.gate/1" and found["report"].endswith("report.html")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("gate ", "{passed}"),
        ("compare --store runs {failed} dig", "{undecided}"),
        ("run imp --task dig", "digits-mlp"),
        ("run imp --task ow", "own.py"),
        ("run imp --set gate.m", "gate.margin="),
        ("submit imp --set pruning.sp", "pruning.sparsity="),
    ],
)
def test_a_shell_completes_runs_tasks_and_fields(verdicts: Verdicts, words: str, offered: str) -> None:
    (verdicts.folder / "own.py").touch()
    names = {name: getattr(verdicts, name) for name in ("passed", "failed", "undecided")}
    line = f"ticketsmith {words.format(**names)}"
    script = "import sys; sys.argv = ['ticketsmith']; from ticketsmith.cli import main; main()"
    asked = {"_TICKETSMITH_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": line}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=verdicts.folder, env={**os.environ, **asked}, capture_output=True, text=True
    )
    assert f'"{offered.format(**names)}"' in done.stdout, done.stderr


def test_a_shell_is_offered_nothing_where_there_is_nothing_to_read(tmp_path: Path) -> None:
    script = "import sys; sys.argv = ['ticketsmith']; from ticketsmith.cli import main; main()"
    asked = {"_TICKETSMITH_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "ticketsmith gate --store gs:/x "}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env={**os.environ, **asked}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


# --- JSON ---------------------------------------------------------------------------------------------------------

SCHEMAS = {
    "list": "list/1",
    "status {passed}": "status/1",
    "show {passed}": "run/1",
    "compare {passed} {failed}": "compare/1",
    "gate {passed}": "gate/1",
    "report {passed}": "report/3",
    "report": "runs/1",
    "cost {passed} --price 1": "cost/1",
    "best {passed}": "best/1",
    "benchmark {passed} --batch 1": "benchmark/1",
    "pack {passed} -o a.ticket --json": "pack/1",
    "verify a.ticket": "verify/1",
    "resume {passed}": "report/3",
    "fetch {passed} --store runs --to copy": "fetch/1",
    "delete {undecided} --yes": "delete/1",
    "run imp --dry-run": "plan/1",
    "run dense --dry-run": "plan/1",
    "rewind-point --set training.steps=4 --replicates 5 --after 0": "rewind-point/1",
    "task list": "tasks/1",
    "task check digits-mlp": "check/1",
    "templates lint": "templates-lint/1",
}
"""Schemas by commands of one machine; those of a cluster are in ../argo/test_machines.py."""
ELSEWHERE = {"reproduce"}
"""It needs MNIST: ../runner/test_certify.py has it."""
WITHOUT = {"plan/1", "tasks/1", "check/1", "verify/1", "delete/1", "rewind-point/1", "templates-lint/1"}
"""Data that is about no run, or about none that has a report."""


def test_data_names_its_schema_and_the_report(copied: Path, verdicts: Verdicts) -> None:
    names = {name: getattr(verdicts, name) for name in ("passed", "failed", "undecided")}
    for words, schema in SCHEMAS.items():
        asked = [] if "--json" in words else ["-o", "json"]
        done = cli(*words.format(**names).split(), *asked, cwd=copied)
        assert done.returncode in (0, 7), done.stderr
        found = json.loads(done.stdout)
        assert found["schema"] == f"ticketsmith.{schema}", words
        if schema not in WITHOUT:
            told = found["runs"] if "runs" in found and schema != "runs/1" else [found]
            pages = [each["report"] for each in told]
            assert pages and all((copied / page).is_file() for page in pages), words


def test_every_command_that_speaks_to_programs_is_tried() -> None:
    from ..argo.test_machines import SCHEMAS as CLOUD

    tried = {*SCHEMAS, *CLOUD, *ELSEWHERE}
    for command in speaking(typer.main.get_command(app), ""):
        assert any(words.startswith(command) for words in tried), f"no test of the JSON of {command}"


def speaking(command: Any, name: str) -> Iterator[str]:
    """The commands that have data for programs, by their options."""
    for child, each in getattr(command, "commands", {}).items():
        yield from speaking(each, f"{name} {child}".strip())
    for option in command.params:
        if "--json" in option.opts or "json" in getattr(option.type, "choices", ()):
            yield name
